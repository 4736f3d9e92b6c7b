"""What each refusal is called in City24: the codes of OSMP, as its servers use them."""

from __future__ import annotations

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

AMOUNT_CODES = Setting("amount_codes", "300", ("300", "241"))
_OUTSIDE_LIMITS = {Refusal.AMOUNT_TOO_SMALL: "241", Refusal.AMOUNT_TOO_LARGE: "242"}

_CODES = {
    Refusal.MALFORMED: Code("300", "Неверный запрос"),
    Refusal.NOT_AUTHENTIC: Code("300", "Неверный логин или пароль"),
    Refusal.NOT_PERMITTED: Code("7", "Приём платежей запрещён поставщиком"),
    Refusal.UNKNOWN_OPERATION: Code("300", "Неизвестная команда"),
    Refusal.ACCOUNT_MALFORMED: Code("4", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("5", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code("79", "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code("7", "Приём платежей по лицевому счёту приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code("300", "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code("300", "Сумма меньше минимальной"),
    Refusal.AMOUNT_TOO_LARGE: Code("300", "Сумма больше максимальной"),
    Refusal.DATE_MALFORMED: Code("300", "Неверная дата платежа"),
    Refusal.PAYMENT_ID_MALFORMED: Code("300", "Неверный номер платежа"),
    Refusal.PAYMENT_CONFLICT: Code(
        "300", "Номер платежа уже использован с другим счётом или суммой"
    ),
    Refusal.PAYMENT_NOT_FOUND: Code("300", "Платёж не найден"),
    Refusal.PAYMENT_CANCELLED: Code("300", "Платёж отменён"),
    Refusal.REVERSAL_FORBIDDEN: Code("7", "Платёж уже нельзя отменить"),
    Refusal.METER_NOT_FOUND: Code("300", "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code("300", "Неправдоподобное показание"),
    Refusal.READING_PERIOD_CLOSED: Code("300", "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("1", "Временная ошибка, повторите запрос позже"),
}

CODES: CodeTable = {
    (operation, refusal): _CODES[refusal] for operation in OPERATIONS for refusal in Refusal
}


def refusal_code(agent: Agent, operation: Operation, refusal: Refusal) -> Code:
    """The agent's code for a refusal."""
    code = CODES[operation, refusal]
    own = AMOUNT_CODES.of(agent) != AMOUNT_CODES.default and _OUTSIDE_LIMITS.get(refusal)
    return replace(code, code=own) if own else code
