"""Paynet results as markup: the common head and, for each operation, its own tail.

Every tail has all elements that the XSD demands, in refusals too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from zoneinfo import ZoneInfo

from server.accounts import AccountView, Meter
from server.agents import Agent
from server.messages import Payment, ReadingResult
from server.protocols import Code, Operation
from server.protocols.paynet.codes import NO_STATE, NO_TRANSACTION, OK, STATES, TABLE
from server.protocols.paynet.settings import ACCOUNT_KEY, METER_PREFIX
from server.protocols.readings import dial
from server.protocols.xml import element, escape

_CLOSED = "</paramValue></parameters>"
# Keys are few: of services, and of meters for a while.
_KEYS_MAX = 1024
_NAMESPACE = "http://uws.provider.com/"


def result(operation: str, code: Code, moment: str, tail: str) -> str:
    """A `<Operation>Result`; its root is qualified, its children are not."""
    return (
        f'<u:{operation}Result xmlns:u="{_NAMESPACE}">'
        f"<errorMsg>{escape(code.text)}</errorMsg><status>{code.code}</status>"
        f"<timeStamp>{moment}</timeStamp>{tail}</u:{operation}Result>"
    )


def local(moment: dt.datetime, agent: Agent) -> str:
    """xs:dateTime in the agent's zone, with milliseconds and the offset."""
    return moment.astimezone(ZoneInfo(agent.zone)).isoformat(timespec="milliseconds")


def information(view: AccountView, agent: Agent) -> str:
    """What an account owes, as parameters. Depends on nothing else, so it may be cached."""
    return "".join(
        (
            f"{_opened('balance')}{view.debt.kopecks}{_CLOSED}",
            parameter("name", view.holder),
            parameter("address", view.address),
            *(
                f"{_opened(f'debt_{due.service}')}{due.debt.kopecks}{_CLOSED}"
                for due in view.services
            ),
            meters(view.meters, METER_PREFIX.of(agent)),
        )
    )


def meters(shown: Iterable[Meter], prefix: str) -> str:
    """The meters among them; their keys are no reading's, lest an agent's echo become a reading."""
    return "".join([_meter(meter, prefix) for meter in shown]) if prefix else ""


def _meter(meter: Meter, prefix: str) -> str:
    key = escape(f"{prefix}{meter.meter}")
    measured = _measured(meter.service_name, meter.unit)
    last = "" if meter.last_reading is None else dial(meter.last_reading)
    return (
        f"<parameters><paramKey>info_{key}</paramKey><paramValue>{measured}{_CLOSED}"
        f"<parameters><paramKey>last_{key}</paramKey><paramValue>{last}{_CLOSED}"
    )


@lru_cache(_KEYS_MAX)
def _measured(service: str, unit: str) -> str:
    return escape(f"{service}, {unit}")


def performed(payment: Payment, agent: Agent) -> str:
    """A payment: the account for the receipt, what became of the readings, our number."""
    return "".join(
        (
            parameter(ACCOUNT_KEY.of(agent), payment.account),
            *(_reading(reading, METER_PREFIX.of(agent)) for reading in payment.readings),
            _transaction(payment.payment_id),
        )
    )


def _reading(reading: ReadingResult, prefix: str) -> str:
    code = OK if reading.refusal is None else TABLE[Operation.PAY, reading.refusal]
    return parameter(f"{prefix}{reading.meter}", code.text)


def checked(payment: Payment) -> str:
    """The state of a payment."""
    return _transaction(payment.payment_id) + _state(payment) + _state_error(OK)


def cancelled(payment: Payment) -> str:
    """The state of a payment that was to be cancelled."""
    return _state(payment)


def statement(payments: Iterable[Payment], agent: Agent, ids_only: bool) -> str:
    """The agent's payments, in full or only their ids."""
    if ids_only:
        return "".join(
            f"<statements>{element('transactionId', payment.agent_payment_id)}</statements>"
            for payment in payments
        )
    return "".join(
        f"<statements><amount>{payment.amount.kopecks}</amount>{_transaction(payment.payment_id)}"
        f"{element('transactionId', payment.agent_payment_id)}"
        f"<transactionTime>{local(payment.paid_at, agent)}</transactionTime></statements>"
        for payment in payments
    )


def refused(operation: Operation, payment: Payment | None) -> str:
    """The tail of a refusal; `payment` only when the refusal speaks of that payment's own state."""
    match operation:
        case Operation.PAY:
            return _transaction(payment.payment_id if payment else NO_TRANSACTION)
        case Operation.CANCEL:
            return _state(payment)
        case Operation.STATUS:
            number = payment.payment_id if payment else NO_TRANSACTION
            return _transaction(number) + _state(payment) + _state_error(Code(OK.code, ""))
        case _:
            return ""


def _state(payment: Payment | None) -> str:
    return element("transactionState", STATES[payment.state] if payment else NO_STATE)


def _state_error(code: Code) -> str:
    status = element("transactionStateErrorStatus", code.code)
    return status + element("transactionStateErrorMsg", code.text)


def _transaction(number: int) -> str:
    return f"<providerTrnId>{number}</providerTrnId>"


def parameter(key: str, value: str) -> str:
    """A parameter of a result."""
    return f"{_opened(key)}{escape(value)}{_CLOSED}"


@lru_cache(_KEYS_MAX)
def _opened(key: str) -> str:
    return f"<parameters><paramKey>{escape(key)}</paramKey><paramValue>"
