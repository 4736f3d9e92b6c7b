"""Paynet's status codes for its SOAP service: one for every refusal, and the finer ones."""

from __future__ import annotations

from dataclasses import dataclass

from server.agents import Agent
from server.messages import PaymentState, RefusedOutcome
from server.money import Money
from server.protocols import Code, CodeTable, Operation, paynet_statuses
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
REPEATED = paynet_statuses.REPEATED
REPEATABLE = paynet_statuses.REPEATABLE
ALREADY_CANCELLED = paynet_statuses.REFUSALS[Refusal.PAYMENT_CANCELLED]
"""What cancelling again is answered with; with the state CANCELLED it is a success."""

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

# Texts of faults, where nothing of an operation could be read.
_UNREADABLE = {
    Refusal.MALFORMED: Code("411", "Запрос не является документом SOAP"),
}

TABLE: CodeTable = {
    **{
        (operation, refusal): code
        for operation in OPERATIONS.values()
        for refusal, code in paynet_statuses.REFUSALS.items()
    },
    **{
        (Operation.UNKNOWN, refusal): _UNREADABLE.get(refusal, code)
        for refusal, code in paynet_statuses.REFUSALS.items()
    },
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
    asked = paynet_statuses.Asked(
        context.agent, context.keys, ACCOUNT_KEY.of(context.agent), context.amount
    )
    return paynet_statuses.finer(TABLE[context.operation, outcome.refusal], outcome, asked)
