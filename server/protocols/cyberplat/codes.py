"""What each refusal is called in CyberPlat, as its published servers have it.

The official table could not be read, so an agent's setting may replace single codes.
"""

from __future__ import annotations

from server.protocols import Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset(
    {Operation.CHECK, Operation.PAY, Operation.CANCEL, Operation.STATUS, Operation.UNKNOWN}
)

OK = Code("0", "OK")
BAD_TYPE = Code("-2", "Неверный тип услуги")

# Internal error: the only code after which a request is repeated.
REPEATABLE = frozenset({"-3"})

_CODES = {
    Refusal.MALFORMED: Code("14", "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code("-4", "Неверная подпись"),
    Refusal.NOT_PERMITTED: Code("7", "Приём платежей запрещён поставщиком"),
    Refusal.UNKNOWN_OPERATION: Code("300", "Неизвестная операция"),
    Refusal.ACCOUNT_MALFORMED: Code("2", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("2", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code("79", "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code("7", "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code("3", "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code("3", "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code("3", "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code("5", "Неверная дата платежа"),
    Refusal.PAYMENT_ID_MALFORMED: Code("4", "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code(
        "300", "Номер платежа уже использован с другим счётом или суммой"
    ),
    Refusal.PAYMENT_NOT_FOUND: Code("6", "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code("10", "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code("300", "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code("300", "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code("300", "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code("300", "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("-3", "Временная ошибка, повторите запрос позже"),
}

_MISSING = Code("6", "Не указан номер платежа")
_BY_OPERATION = {
    (Operation.CANCEL, Refusal.MALFORMED): _MISSING,
    (Operation.STATUS, Refusal.MALFORMED): _MISSING,
}

CODES: CodeTable = {
    (operation, refusal): _BY_OPERATION.get((operation, refusal), _CODES[refusal])
    for operation in OPERATIONS
    for refusal in Refusal
}

_FINAL = "|".join(refusal.value for refusal in Refusal if refusal.final)
_PAIR = rf"(?:{_FINAL})=(?!(?:{OK.code}|{'|'.join(REPEATABLE)})(?: |$))-?[0-9]{{1,4}}"
OVERRIDES = rf"(?:{_PAIR}(?: {_PAIR})*)?"
"""Pairs like ACCOUNT_CLOSED=7: final refusals only, and never success or a repeat."""
