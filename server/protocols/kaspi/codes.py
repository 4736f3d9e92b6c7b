"""What each refusal is called in Kaspi's protocol: six numbers, of which 3 is never ours."""

from __future__ import annotations

from server.protocols import Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset({Operation.CHECK, Operation.PAY, Operation.UNKNOWN})

OK = Code("0", "OK")

# "In progress": Kaspi asks again.
REPEATABLE = frozenset({"4"})

_CODES = {
    Refusal.MALFORMED: Code("5", "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code("5", "Доступ запрещён", status=403),
    Refusal.NOT_PERMITTED: Code("5", "Приём платежей запрещён поставщиком"),
    Refusal.UNKNOWN_OPERATION: Code("5", "Неизвестная команда"),
    Refusal.ACCOUNT_MALFORMED: Code("1", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("1", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code("2", "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code("5", "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code("5", "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code("5", "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code("5", "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code("5", "Неверная дата платежа"),
    Refusal.PAYMENT_ID_MALFORMED: Code("5", "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code("5", "Номер платежа уже использован с другим счётом или суммой"),
    Refusal.PAYMENT_NOT_FOUND: Code("5", "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code("5", "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code("5", "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code("5", "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code("5", "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code("5", "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("4", "Временная ошибка, повторите запрос позже"),
}

CODES: CodeTable = {
    (operation, refusal): _CODES[refusal] for operation in OPERATIONS for refusal in Refusal
}
