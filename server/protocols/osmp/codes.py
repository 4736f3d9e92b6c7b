"""What each refusal is called in OSMP (QIWI provider protocol, "Errors") and in its dialects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from server.agents import Agent
from server.protocols import Code, CodeTable, Operation, Setting
from server.refusals import Refusal

OPERATIONS = frozenset(
    {Operation.CHECK, Operation.PAY, Operation.CANCEL, Operation.STATUS, Operation.UNKNOWN}
)

OK = Code("0", "OK")

# 1: temporary; 90: not finished yet, which nothing of ours ever is, since crediting is at once.
REPEATABLE = frozenset({"1", "90"})

TABLE = Setting("codes", "osmp", ("osmp", "rapida", "apelsin", "sber"))
STATUS_NOT_FOUND = Setting("status_not_found", "300", ("300", "1"))

_CODES = {
    Refusal.MALFORMED: Code("300", "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code("300", "Доступ запрещён", status=401),
    Refusal.NOT_PERMITTED: Code("7", "Приём платежей запрещён поставщиком"),
    Refusal.UNKNOWN_OPERATION: Code("300", "Неизвестная команда"),
    Refusal.ACCOUNT_MALFORMED: Code("4", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("5", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code("79", "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code("7", "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code("300", "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code("241", "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code("242", "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code("300", "Неверная дата платежа"),
    Refusal.PAYMENT_ID_MALFORMED: Code("300", "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code(
        "300", "Номер платежа уже использован с другим счётом или суммой"
    ),
    Refusal.PAYMENT_NOT_FOUND: Code("300", "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code("300", "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code("300", "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code("31", "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code("31", "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code("31", "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("1", "Временная ошибка, повторите запрос позже"),
}

# Some networks read 1 to `status` as "there is no such payment" (and give the money back), so
# "we cannot tell" has no code there.
_BY_OPERATION = {
    (Operation.STATUS, Refusal.TRY_LATER): Code("", "Временная ошибка", status=503),
}

# 8 is "forbidden for technical reasons", which is how Rapida's server answers what is missing.
_RAPIDA = {
    Refusal.MALFORMED: "8",
    Refusal.UNKNOWN_OPERATION: "8",
    Refusal.AMOUNT_MALFORMED: "8",
    Refusal.DATE_MALFORMED: "8",
    Refusal.PAYMENT_ID_MALFORMED: "8",
}
# The list of Apelsin's server ends at 79 but for 300.
_APELSIN = {
    Refusal.AMOUNT_TOO_SMALL: "300",
    Refusal.AMOUNT_TOO_LARGE: "300",
    Refusal.METER_NOT_FOUND: "300",
    Refusal.READING_IMPLAUSIBLE: "300",
    Refusal.READING_PERIOD_CLOSED: "300",
}
# The bank's own list (contract conditions of 2019, annex 2), 6 to 12 for payments only.
_SBER = {
    Refusal.NOT_PERMITTED: "300",
    Refusal.UNKNOWN_OPERATION: "2",
    Refusal.ACCOUNT_MALFORMED: "4",
    Refusal.ACCOUNT_NOT_FOUND: "3",
    Refusal.ACCOUNT_CLOSED: "5",
    Refusal.PAYMENTS_SUSPENDED: "5",
    Refusal.AMOUNT_TOO_SMALL: "300",
    Refusal.AMOUNT_TOO_LARGE: "300",
    Refusal.METER_NOT_FOUND: "300",
    Refusal.READING_IMPLAUSIBLE: "300",
    Refusal.READING_PERIOD_CLOSED: "300",
}
_SBER_PAYMENT = {
    Refusal.NOT_PERMITTED: "7",
    Refusal.PAYMENTS_SUSPENDED: "7",
    Refusal.AMOUNT_MALFORMED: "9",
    Refusal.AMOUNT_TOO_SMALL: "10",
    Refusal.AMOUNT_TOO_LARGE: "11",
    Refusal.DATE_MALFORMED: "12",
    Refusal.PAYMENT_ID_MALFORMED: "6",
    Refusal.PAYMENT_NOT_FOUND: "6",
}


def _table(
    everywhere: Mapping[Refusal, str], paying: Mapping[Refusal, str] | None = None
) -> CodeTable:
    """The table with other codes; the texts stay."""

    def code(operation: Operation, refusal: Refusal) -> Code:
        common = _BY_OPERATION.get((operation, refusal), _CODES[refusal])
        own = (paying or {}).get(refusal) if operation is Operation.PAY else None
        own = own or everywhere.get(refusal)
        return replace(common, code=own) if own else common

    return {(operation, refusal): code(operation, refusal) for operation in OPERATIONS
            for refusal in Refusal}  # fmt: skip


CODES: CodeTable = _table({})
TABLES: Mapping[str, CodeTable] = {
    "osmp": CODES,
    "rapida": _table(_RAPIDA),
    "apelsin": _table(_APELSIN),
    "sber": _table(_SBER, _SBER_PAYMENT),
}
DUPLICATES = {"sber": Code("8", "Платёж уже принят")}
"""Tables in which a repeated success has a code of its own."""


def refusal_code(agent: Agent, operation: Operation, refusal: Refusal) -> Code:
    """The agent's code for a refusal."""
    code = TABLES[TABLE.of(agent)][operation, refusal]
    if (operation, refusal) == (Operation.STATUS, Refusal.PAYMENT_NOT_FOUND):
        return replace(code, code=STATUS_NOT_FOUND.of(agent))
    return code


def paid_code(agent: Agent, repeated: bool) -> Code:
    """The agent's code for a payment that is credited."""
    return DUPLICATES.get(TABLE.of(agent), OK) if repeated else OK
