"""What each refusal is called in 24 NonStop, as two published servers have it.

-101 is both "bad signature" and "system error", so nothing says "repeat": that is HTTP 503.
"""

from __future__ import annotations

from server.messages import PaymentState
from server.protocols import Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset({Operation.CHECK, Operation.PAY, Operation.STATUS, Operation.UNKNOWN})

POSSIBLE = Code("21", "")
PAID = Code("22", "")
DETERMINED = Code("11", "")
DUPLICATE = Code("-100", "Платёж уже принят")

REPEATABLE: frozenset[str] = frozenset()

CREDITED = "111"
STATES = {PaymentState.CREDITED: CREDITED}
"""What a status says of a payment; of one that is undone it says `NOT_CREDITED`."""
NOT_CREDITED = "130"

_CODES = {
    Refusal.MALFORMED: Code("-101", "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code("-101", "Неверная подпись"),
    Refusal.NOT_PERMITTED: Code("-41", "Приём платежей запрещён поставщиком"),
    Refusal.UNKNOWN_OPERATION: Code("-101", "Неизвестный тип запроса"),
    Refusal.ACCOUNT_MALFORMED: Code("-40", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("-40", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code("-41", "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code("-41", "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code("-90", "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code("-90", "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code("-90", "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code("-101", "Неверная дата платежа"),
    Refusal.PAYMENT_ID_MALFORMED: Code("-101", "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code(
        "-90", "Номер платежа уже использован с другим счётом или суммой"
    ),
    Refusal.PAYMENT_NOT_FOUND: Code("-10", "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code("-90", "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code("-90", "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code("-90", "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code("-90", "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code("-90", "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("", "Временная ошибка", status=503),
}

CODES: CodeTable = {
    (operation, refusal): _CODES[refusal] for operation in OPERATIONS for refusal in Refusal
}
