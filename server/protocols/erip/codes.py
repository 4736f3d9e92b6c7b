"""ERIP has no codes: a refusal is an Error with lines to show."""

from __future__ import annotations

from server.protocols import UNAVAILABLE, Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset(
    {
        Operation.CHECK,
        Operation.HOLD,
        Operation.CONFIRM,
        Operation.CANCEL,
        Operation.STATUS,
        Operation.UNKNOWN,
    }
)

OK = Code("OK", "")
ERROR = "Error"
"""The element, and so the only code there is."""

# Nothing makes the network repeat: TRY_LATER is a failed exchange.
REPEATABLE: frozenset[str] = frozenset()

_TEXTS = {
    Refusal.MALFORMED: "Неверный запрос",
    Refusal.NOT_AUTHENTIC: "Ошибка проверки ЦП",
    Refusal.NOT_PERMITTED: "Услуга не обслуживается",
    Refusal.UNKNOWN_OPERATION: "Неизвестный запрос",
    Refusal.ACCOUNT_MALFORMED: "Неверный формат лицевого счёта",
    Refusal.ACCOUNT_NOT_FOUND: "Лицевой счёт не найден",
    Refusal.ACCOUNT_CLOSED: "Лицевой счёт закрыт",
    Refusal.PAYMENTS_SUSPENDED: "Приём платежей по лицевому счёту приостановлен",
    Refusal.AMOUNT_MALFORMED: "Неверная сумма",
    Refusal.AMOUNT_TOO_SMALL: "Сумма меньше минимальной",
    Refusal.AMOUNT_TOO_LARGE: "Сумма больше максимальной",
    Refusal.DATE_MALFORMED: "Неверная дата",
    Refusal.PAYMENT_ID_MALFORMED: "Неверный номер операции",
    Refusal.PAYMENT_CONFLICT: "Номер операции уже использован с другим счётом или суммой",
    Refusal.PAYMENT_NOT_FOUND: "Операция не найдена",
    Refusal.PAYMENT_CANCELLED: "Операция отменена",
    Refusal.REVERSAL_FORBIDDEN: "Сторнирование невозможно",
    Refusal.METER_NOT_FOUND: "Прибор учёта не найден",
    Refusal.READING_IMPLAUSIBLE: "Неправдоподобное показание",
    Refusal.READING_PERIOD_CLOSED: "Показания сейчас не принимаются",
}
_LATER = Code("", "Временная ошибка", status=UNAVAILABLE.status)

CODES: CodeTable = {
    (operation, refusal): Code(ERROR, _TEXTS[refusal]) if refusal.final else _LATER
    for operation in OPERATIONS
    for refusal in Refusal
}
