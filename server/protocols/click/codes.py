"""What each refusal is called at Click ("Click-API: error codes")."""

from __future__ import annotations

from server.protocols import Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset({Operation.HOLD, Operation.CONFIRM, Operation.CANCEL, Operation.UNKNOWN})

PREPARE = "0"
COMPLETE = "1"
"""The two values of `action`."""

OK = Code("0", "Success")
DUPLICATE = Code("-4", "Already paid")
CANCELLED = Code("-9", "Transaction cancelled")
"""Also the answer to a Complete that reports a failure: then it is what was wanted."""
WRONG_ACCOUNT = Code("-5", "Лицевой счёт не найден")

# Failed to update: the provider could not do it now.
REPEATABLE = frozenset({"-7"})

_REQUEST = "-8"
_AMOUNT = "-2"

_CODES = {
    Refusal.MALFORMED: Code(_REQUEST, "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code("-1", "Неверная подпись"),
    Refusal.NOT_PERMITTED: Code(_REQUEST, "Услуга не обслуживается"),
    Refusal.UNKNOWN_OPERATION: Code("-3", "Неизвестное действие"),
    Refusal.ACCOUNT_MALFORMED: Code("-5", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: WRONG_ACCOUNT,
    Refusal.ACCOUNT_CLOSED: Code("-5", "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code(_REQUEST, "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code(_AMOUNT, "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code(_AMOUNT, "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code(_AMOUNT, "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code(_REQUEST, "Неверная дата"),
    Refusal.PAYMENT_ID_MALFORMED: Code(_REQUEST, "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code(_AMOUNT, "Номер платежа уже использован с другой суммой"),
    Refusal.PAYMENT_NOT_FOUND: Code("-6", "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code(CANCELLED.code, "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code(_REQUEST, "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code(_REQUEST, "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code(_REQUEST, "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code(_REQUEST, "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("-7", "Временная ошибка, повторите запрос позже"),
}

CODES: CodeTable = {
    (operation, refusal): _CODES[refusal] for operation in OPERATIONS for refusal in Refusal
}
