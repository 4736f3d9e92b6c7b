"""From an OSMP request to a command (QIWI provider protocol, "API methods")."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from server.agents import Agent
from server.messages import Cancel, CheckAccount, Command, GetStatus, Pay, Reading
from server.money import ZERO, Money
from server.protocols import Operation, Request, Setting, fields, form, local_time, readings
from server.protocols.osmp import settings
from server.refusals import Refusal, Refused, outline

GET_INFO = "getInfo"
"""A check without a payment: it has no txn_id, and neither has its reply."""

_TXN_ID_LENGTH_MAX = 20
_READINGS_MAX = 20
_TXN_DATE = "%Y%m%d%H%M%S"
_TERMINAL_LENGTH_MAX = 40


def form_of(request: Request) -> form.Form:
    """The request's parameters in the agent's encoding. Raises Refused(MALFORMED)."""
    return form.read(request, settings.ENCODING.of(request.agent))


def operation_of(given: form.Form) -> Operation:
    """What is asked for, whether or not this agent may ask it. Raises Refused(MALFORMED)."""
    return _OPERATIONS.get(given.get("command"), Operation.UNKNOWN)


def decode(request: Request) -> Command:
    """What the terminal wants. Raises Refused."""
    given, agent = form_of(request), request.agent
    name = given.get("command")
    switch = _SWITCHES.get(name)
    if name not in _READERS or (switch is not None and switch.of(agent) == settings.OFF):
        raise Refused(Refusal.UNKNOWN_OPERATION, name[:40], "command")
    return _READERS[name](given, agent)


def _check(given: form.Form, agent: Agent) -> Command:
    _txn_id(given)
    account = _account(given)
    amount = _checked_sum(given, settings.CHECK_SUM.of(agent))
    _currency(given, agent)
    # What a terminal says about meters is looked at now: once cash is in, it is too late.
    _readings(given, agent)
    # A sum of zero asks about no sum: kiosks look up the debt so, and no limit is meant.
    return CheckAccount(account, amount or None)


def _get_info(given: form.Form, agent: Agent) -> Command:
    account = _account(given)
    amount = _checked_sum(given, settings.OPTIONAL)
    _currency(given, agent)
    return CheckAccount(account, amount or None)


def _pay(given: form.Form, agent: Agent) -> Command:
    txn_id = _txn_id(given)
    account = _account(given)
    amount = _sum(given)
    if not amount:
        raise Refused(Refusal.AMOUNT_TOO_SMALL, "zero", "sum")
    _currency(given, agent)
    written = given.get("txn_date")
    missing = not written and settings.TXN_DATE.of(agent) == settings.OPTIONAL
    return Pay(
        agent_payment_id=txn_id,
        account=account,
        amount=amount,
        paid_at=None if missing else local_time.read(written, _TXN_DATE, agent.zone),
        readings=_readings(given, agent),
        terminal=_terminal(given),
    )


def _cancel(given: form.Form, _agent: Agent) -> Command:
    return Cancel(payment_id=fields.our_number(given.get("prv_txn"), "prv_txn"))


def _status(given: form.Form, _agent: Agent) -> Command:
    return GetStatus(agent_payment_id=_txn_id(given))


def _txn_id(given: form.Form) -> str:
    return fields.digits(given.get("txn_id"), "txn_id", _TXN_ID_LENGTH_MAX)


def _account(given: form.Form) -> str:
    return fields.account(given.get("account"), "account")


def _checked_sum(given: form.Form, demand: str) -> Money:
    if demand == settings.OPTIONAL and "sum" not in given:
        return ZERO
    amount = _sum(given)
    if demand == settings.POSITIVE and not amount:
        raise Refused(Refusal.AMOUNT_MALFORMED, "zero", "sum")
    return amount


def _sum(given: form.Form) -> Money:
    return fields.roubles(given.get("sum"), "sum", zero=True)


def _readings(given: form.Form, agent: Agent) -> tuple[Reading, ...]:
    """Readings in data1 … data20, whose meaning QIWI leaves to the contract."""
    if settings.READINGS.of(agent) == settings.OFF:
        return ()
    names = [f"data{number}" for number in range(1, _READINGS_MAX + 1)]
    return readings.pairs((name, given.get(name)) for name in names)


def _currency(given: form.Form, agent: Agent) -> None:
    currency = given.get("ccy")
    if currency and currency != settings.CURRENCY.of(agent):
        raise Refused(Refusal.AMOUNT_MALFORMED, f"the currency {currency[:40]}", "ccy")


def _terminal(given: form.Form) -> str:
    terminal = given.get("trm_id")
    if len(terminal) > _TERMINAL_LENGTH_MAX or not terminal.isprintable():
        raise Refused(Refusal.MALFORMED, f"the terminal {outline(terminal)}", "trm_id")
    return terminal


_OPERATIONS = {
    "check": Operation.CHECK,
    GET_INFO: Operation.CHECK,
    "pay": Operation.PAY,
    "cancel": Operation.CANCEL,
    "status": Operation.STATUS,
}
_READERS: Mapping[str, Callable[[form.Form, Agent], Command]] = {
    "check": _check,
    GET_INFO: _get_info,
    "pay": _pay,
    "cancel": _cancel,
    "status": _status,
}
_SWITCHES: Mapping[str, Setting] = {"cancel": settings.CANCEL, "status": settings.STATUS}
