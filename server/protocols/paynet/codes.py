"""Paynet's status codes: one for every refusal, and the finer ones a status can say.

Numbers: the JSON manual's table, which implementations of the SOAP service share. Where it has no
number for a refusal, ours is marked; README.md says so too.
"""

from __future__ import annotations

from dataclasses import dataclass

from server.agents import Agent
from server.messages import PaymentState, RefusedOutcome
from server.money import Money
from server.protocols import Code, CodeTable, Operation, Setting
from server.protocols.paynet.settings import ACCOUNT_KEY
from server.refusals import Refusal

OPERATIONS = {
    "GetInformation": Operation.CHECK,
    "PerformTransaction": Operation.PAY,
    "CheckTransaction": Operation.STATUS,
    "CancelTransaction": Operation.CANCEL,
    "GetStatement": Operation.STATEMENT,
    "ChangePassword": Operation.CHANGE_SECRET,
}

OK = Code("0", "OK")
REPEATED = Code("201", "Транзакция уже проведена")
REPEATABLE = frozenset({"100", "101", "102"})

PERFORMED = "1"
CANCELLED = "2"
NO_STATE = "0"
"""For transactionState, which is mandatory, where there is no transaction to speak of."""

STATES = {
    PaymentState.HELD: NO_STATE,
    PaymentState.CREDITED: PERFORMED,
    PaymentState.CANCELLED: CANCELLED,
    PaymentState.REVERSED: CANCELLED,
    PaymentState.EXPIRED: CANCELLED,
}
NO_TRANSACTION = 0
"""providerTrnId is mandatory in the XSD, in refusals too."""

_REFUSALS = {
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

# Texts of faults, where nothing of an operation could be read.
_UNREADABLE = {
    Refusal.MALFORMED: Code("411", "Запрос не является документом SOAP"),
}

TABLE: CodeTable = {
    **{
        (operation, refusal): code
        for operation in OPERATIONS.values()
        for refusal, code in _REFUSALS.items()
    },
    **{
        (Operation.UNKNOWN, refusal): _UNREADABLE.get(refusal, code)
        for refusal, code in _REFUSALS.items()
    },
}

_CONFLICT_OF_ACCOUNT = "302"
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


# Implementations differ in these, so the agent's contract decides.
TRANSACTION_NOT_FOUND = Setting("transaction_not_found_status", "203", ("203", "305"))
SERVICE_NOT_FOUND = Setting("service_not_found_status", "305", ("305", "304", "601"))
TRY_LATER = Setting("try_later_status", "102", ("102", "100"))

_CHOICES = {
    Refusal.PAYMENT_NOT_FOUND: TRANSACTION_NOT_FOUND,
    Refusal.TRY_LATER: TRY_LATER,
}


@dataclass(frozen=True, slots=True)
class Context:
    """What of a request decides between several codes of one refusal."""

    operation: Operation
    agent: Agent
    keys: tuple[str, ...]
    """The paramKeys in the order sent."""
    amount: Money | None


def refusal_code(outcome: RefusedOutcome, context: Context) -> Code:
    """The code of a refusal, as fine as the request allows."""
    refusal = outcome.refusal
    code = TABLE[context.operation, refusal]
    if refusal in _CHOICES:
        return Code(_CHOICES[refusal].of(context.agent), code.text)
    if refusal is Refusal.NOT_PERMITTED and outcome.field == "serviceId":
        return Code(SERVICE_NOT_FOUND.of(context.agent), _SERVICE_NOT_FOUND)
    if refusal is Refusal.PAYMENT_CONFLICT and _same_amount(outcome, context):
        return Code(_CONFLICT_OF_ACCOUNT, code.text)
    if refusal is Refusal.MALFORMED and outcome.field == "newPassword":
        return _NEW_PASSWORD_REFUSED
    if refusal in _OF_PARAMETERS:
        return _of_parameter(outcome, context, code)
    return code


def _same_amount(outcome: RefusedOutcome, context: Context) -> bool:
    return outcome.payment is not None and outcome.payment.amount == context.amount


def _of_parameter(outcome: RefusedOutcome, context: Context, code: Code) -> Code:
    """401..410 says which parameter it is about; beyond the tenth the table's code has to do."""
    key = outcome.field
    if outcome.refusal is Refusal.ACCOUNT_MALFORMED:
        key = ACCOUNT_KEY.of(context.agent)
    if key not in context.keys[:_PARAMETERS_NUMBERED]:
        return code
    return Code(str(_PARAMETER_FIRST + context.keys.index(key)), code.text)
