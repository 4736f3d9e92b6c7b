"""What each refusal is called in Gorod: one number, since the bank leaves them to the receiver.

Nothing says "repeat", so that is HTTP 503.
"""

from __future__ import annotations

from server.protocols import Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset({Operation.CHECK, Operation.PAY, Operation.UNKNOWN})

OK = Code("0", "OK")
DONE = "0"
"""The Status of a payment that needs nothing more."""

REPEATABLE: frozenset[str] = frozenset()

_CODES = {
    Refusal.MALFORMED: Code("1", "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code("1", "Неверный логин или пароль", status=403),
    Refusal.NOT_PERMITTED: Code("1", "Приём платежей запрещён поставщиком"),
    Refusal.UNKNOWN_OPERATION: Code("1", "Неизвестный метод"),
    Refusal.ACCOUNT_MALFORMED: Code("1", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("1", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code("1", "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code("1", "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code("1", "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code("1", "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code("1", "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code("1", "Неверная дата платежа"),
    Refusal.PAYMENT_ID_MALFORMED: Code("1", "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code("1", "Номер платежа уже использован с другим счётом или суммой"),
    Refusal.PAYMENT_NOT_FOUND: Code("1", "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code("1", "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code("1", "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code("1", "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code("1", "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code("1", "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("", "Временная ошибка", status=503),
}

CODES: CodeTable = {
    (operation, refusal): _CODES[refusal] for operation in OPERATIONS for refusal in Refusal
}
