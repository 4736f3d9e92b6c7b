"""Paynet's status numbers, which its SOAP and its JSON service share.

Numbers: the JSON manual's table. Where it has none for a refusal, ours is marked; the READMEs of
both protocols say so too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from server.agents import Agent
from server.messages import RefusedOutcome
from server.money import Money
from server.protocols import Code, Setting
from server.refusals import Refusal

REPEATED = Code("201", "Транзакция уже проведена")
REPEATABLE = frozenset({"100", "101", "102"})

REFUSALS = {
    Refusal.MALFORMED: Code("411", "Не задан обязательный параметр"),
    Refusal.NOT_AUTHENTIC: Code("412", "Неверный логин или пароль"),
    Refusal.NOT_PERMITTED: Code("601", "Доступ запрещён"),
    Refusal.UNKNOWN_OPERATION: Code("603", "Неверная команда"),
    Refusal.ACCOUNT_MALFORMED: Code("401", "Неверный формат лицевого счёта"),
    Refusal.ACCOUNT_NOT_FOUND: Code("302", "Лицевой счёт не найден"),
    Refusal.ACCOUNT_CLOSED: Code("501", "Лицевой счёт закрыт"),
    Refusal.PAYMENTS_SUSPENDED: Code("501", "Приём платежей на лицевой счёт приостановлен"),
    Refusal.AMOUNT_MALFORMED: Code("413", "Неверная сумма"),
    Refusal.AMOUNT_TOO_SMALL: Code("413", "Сумма меньше допустимой"),
    Refusal.AMOUNT_TOO_LARGE: Code("413", "Сумма больше допустимой"),
    Refusal.DATE_MALFORMED: Code("414", "Неверный формат даты"),
    # Ours: the table has no number for a transaction id that is not xs:long.
    Refusal.PAYMENT_ID_MALFORMED: Code("411", "Неверный номер транзакции"),
    Refusal.PAYMENT_CONFLICT: Code("413", "Транзакция уже проведена с другими данными"),
    Refusal.PAYMENT_NOT_FOUND: Code("203", "Транзакция не найдена"),
    Refusal.PAYMENT_CANCELLED: Code("202", "Транзакция уже отменена"),
    Refusal.REVERSAL_FORBIDDEN: Code("77", "Отмена платежа невозможна"),
    # Ours: readings travel in parameters, the table knows nothing of them.
    Refusal.METER_NOT_FOUND: Code("304", "Прибор учёта не найден"),
    Refusal.READING_IMPLAUSIBLE: Code("401", "Неверное показание прибора учёта"),
    Refusal.READING_PERIOD_CLOSED: Code("501", "Показания сейчас не принимаются"),
    Refusal.TRY_LATER: Code("102", "Временная ошибка, повторите запрос позже"),
}

# Implementations differ in these, so the agent's contract decides.
ACCOUNT_NOT_FOUND = Setting("account_not_found_status", "302", ("302", "301"))
TRANSACTION_NOT_FOUND = Setting("transaction_not_found_status", "203", ("203", "305"))
SERVICE_NOT_FOUND = Setting("service_not_found_status", "305", ("305", "304", "601"))
TRY_LATER = Setting("try_later_status", "102", ("102", "100"))

SETTINGS = (ACCOUNT_NOT_FOUND, TRANSACTION_NOT_FOUND, SERVICE_NOT_FOUND, TRY_LATER)

_CHOICES = {
    Refusal.ACCOUNT_NOT_FOUND: ACCOUNT_NOT_FOUND,
    Refusal.PAYMENT_NOT_FOUND: TRANSACTION_NOT_FOUND,
    Refusal.TRY_LATER: TRY_LATER,
}
_SERVICE_FIELD = "serviceId"
_PASSWORD_FIELD = "newPassword"
_SERVICE_NOT_FOUND = "Услуга не найдена"
_NEW_PASSWORD_REFUSED = Code("401", "Неверный новый пароль")
# Status 401 is parameter 1, 410 parameter 10.
_PARAMETER_FIRST = 401
_PARAMETERS_NUMBERED = 10
_OF_PARAMETERS = frozenset(
    {
        Refusal.MALFORMED,
        Refusal.ACCOUNT_MALFORMED,
        Refusal.METER_NOT_FOUND,
        Refusal.READING_IMPLAUSIBLE,
        Refusal.READING_PERIOD_CLOSED,
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request decides between several codes of one refusal."""

    agent: Agent
    keys: Sequence[str]
    """The parameters' keys in the order sent."""
    account_key: str
    amount: Money | None


def finer(code: Code, outcome: RefusedOutcome, asked: Asked) -> Code:
    """The code of a refusal, as fine as the request allows."""
    refusal = outcome.refusal
    if refusal in _CHOICES:
        return replace(code, code=_CHOICES[refusal].of(asked.agent))
    if refusal is Refusal.NOT_PERMITTED and outcome.field == _SERVICE_FIELD:
        return Code(SERVICE_NOT_FOUND.of(asked.agent), _SERVICE_NOT_FOUND)
    if refusal is Refusal.PAYMENT_CONFLICT and _same_amount(outcome, asked):
        return replace(code, code=ACCOUNT_NOT_FOUND.default)
    if refusal is Refusal.MALFORMED and outcome.field == _PASSWORD_FIELD:
        return _NEW_PASSWORD_REFUSED
    return _of_parameter(outcome, asked, code) if refusal in _OF_PARAMETERS else code


def _same_amount(outcome: RefusedOutcome, asked: Asked) -> bool:
    return outcome.payment is not None and outcome.payment.amount == asked.amount


def _of_parameter(outcome: RefusedOutcome, asked: Asked, code: Code) -> Code:
    """401..410 says which parameter it is about; beyond the tenth the table's code has to do."""
    account = outcome.refusal is Refusal.ACCOUNT_MALFORMED
    key = asked.account_key if account else outcome.field
    if key not in asked.keys[:_PARAMETERS_NUMBERED]:
        return code
    return replace(code, code=str(_PARAMETER_FIRST + asked.keys.index(key)))
