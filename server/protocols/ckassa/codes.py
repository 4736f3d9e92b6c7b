"""What each refusal is called in the "act" family: err_code of the two published servers."""

from __future__ import annotations

from collections.abc import Mapping

from server.protocols import Code, CodeTable, Operation
from server.refusals import Refusal

OPERATIONS = frozenset(
    {Operation.CHECK, Operation.PAY, Operation.CANCEL, Operation.STATUS, Operation.UNKNOWN}
)

ACTS: Mapping[str, Operation] = {
    "1": Operation.CHECK,
    "2": Operation.PAY,
    "4": Operation.STATUS,
    "8": Operation.CANCEL,
}
"""Here because their digits are those of the codes."""

OK = Code("0", "OK")
DUPLICATE = Code("1", "Платёж уже был проведён")

# 90: a temporary error; 2: it waits at the provider, which nothing of ours ever does.
REPEATABLE = frozenset({"90", "2"})

_FORMAT = "12"
_FINAL = "41"

_CODES = {
    Refusal.MALFORMED: Code("11", "Указаны не все необходимые параметры"),
    Refusal.NOT_AUTHENTIC: Code("13", "Неверная цифровая подпись"),
    Refusal.NOT_PERMITTED: Code(_FINAL, "Приём платежей запрещён"),
    Refusal.UNKNOWN_OPERATION: Code("11", "Неизвестный тип запроса"),
    Refusal.ACCOUNT_MALFORMED: Code(_FORMAT, "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("20", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code(_FINAL, "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code(_FINAL, "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code(_FORMAT, "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code("29", "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code("29", "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code(_FORMAT, "Неверная дата платежа"),
    Refusal.PAYMENT_ID_MALFORMED: Code(_FORMAT, "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code("30", "Был другой платёж с указанным номером"),
    Refusal.PAYMENT_NOT_FOUND: Code("29", "Указанный номер платежа отсутствует"),
    Refusal.PAYMENT_CANCELLED: Code(_FINAL, "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code("80", "Отказ в возврате: платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code("99", "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code("99", "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code("99", "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("90", "Временная техническая ошибка"),
}

_BY_OPERATION = {
    (Operation.CANCEL, Refusal.PAYMENT_NOT_FOUND): Code("80", "Отказ в возврате: платёж не найден"),
}

CODES: CodeTable = {
    (operation, refusal): _BY_OPERATION.get((operation, refusal), _CODES[refusal])
    for operation in OPERATIONS
    for refusal in Refusal
}

SBERBANK: Mapping[Refusal, str] = {
    Refusal.ACCOUNT_CLOSED: "21",
    Refusal.PAYMENTS_SUSPENDED: "21",
    Refusal.NOT_PERMITTED: "23",
}
"""Codes that the older Sberbank interface has besides."""
