"""What each refusal is called at Elecsnet: ans_code, as the one published server has it."""

from __future__ import annotations

from server.protocols import UNAVAILABLE, Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset({Operation.CHECK, Operation.PAY, Operation.UNKNOWN})

OK = Code("00", "OK")
DUPLICATE = Code("01", "Платёж уже зарегистрирован")

# No code makes the network repeat: TRY_LATER is a failed exchange.
REPEATABLE: frozenset[str] = frozenset()

ARBITRARY = "62"
"""The terminal shows the first part of ansid and leaves the payment."""

_CODES = {
    Refusal.MALFORMED: Code(ARBITRARY, "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code(ARBITRARY, "Доступ запрещён"),
    Refusal.NOT_PERMITTED: Code(ARBITRARY, "Приём платежей запрещён поставщиком"),
    Refusal.UNKNOWN_OPERATION: Code(ARBITRARY, "Неизвестный тип запроса"),
    Refusal.ACCOUNT_MALFORMED: Code("42", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("48", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code(ARBITRARY, "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code(ARBITRARY, "Приём платежей по счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code(ARBITRARY, "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code(ARBITRARY, "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code(ARBITRARY, "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code(ARBITRARY, "Неверная дата платежа"),
    Refusal.PAYMENT_ID_MALFORMED: Code(ARBITRARY, "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code(ARBITRARY, "Номер платежа занят другим счётом или суммой"),
    Refusal.PAYMENT_NOT_FOUND: Code(ARBITRARY, "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code(ARBITRARY, "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code(ARBITRARY, "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code(ARBITRARY, "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code(ARBITRARY, "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code(ARBITRARY, "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("", "Временная ошибка", status=UNAVAILABLE.status),
}

CODES: CodeTable = {
    (operation, refusal): _CODES[refusal] for operation in OPERATIONS for refusal in Refusal
}
