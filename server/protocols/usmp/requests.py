"""From a USMP request to a command."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from server.agents import Agent
from server.messages import (
    Cancel,
    CheckAccount,
    Command,
    Expected,
    GetStatement,
    Pay,
    Reading,
)
from server.protocols import Operation, Request, Setting, fields, form, local_time, readings
from server.protocols.usmp import settings
from server.refusals import Refusal, Refused, outline

DATE = "%Y%m%d%H%M%S"

_ID_LENGTH_MAX = 20
_TERMINAL_LENGTH_MAX = 40
_FIELDS_MAX = 9


def operation_of(given: form.Form) -> Operation:
    """What is asked for, whether or not this agent may ask it. Raises Refused(MALFORMED)."""
    name = given.get("QueryType")
    if not name and ("CheckDateBegin" in given or "CheckDateEnd" in given):
        return Operation.STATEMENT
    return _OPERATIONS.get(name, Operation.UNKNOWN)


def decode(request: Request) -> Command:
    """What the network wants. Raises Refused."""
    given, agent = form.read(request), request.agent
    operation = operation_of(given)
    switch = _SWITCHES.get(operation)
    if operation not in _READERS or (switch is not None and switch.of(agent) == settings.OFF):
        raise Refused(Refusal.UNKNOWN_OPERATION, given.get("QueryType")[:40], "QueryType")
    return _READERS[operation](given, agent)


def _check(given: form.Form, agent: Agent) -> Command:
    _id(given, "TransactionId")
    account = fields.account(given.get("Account"), "Account")
    # What a terminal says about meters is looked at now: once cash is in, it is too late.
    _readings(given, agent)
    if "Amount" not in given:
        return CheckAccount(account)
    return CheckAccount(account, fields.roubles(given.get("Amount"), "Amount", zero=True) or None)


def _pay(given: form.Form, agent: Agent) -> Command:
    written = given.get("TransactionDate")
    missing = not written and settings.TRANSACTION_DATE.of(agent) == settings.OPTIONAL
    return Pay(
        agent_payment_id=_id(given, "TransactionId"),
        account=fields.account(given.get("Account"), "Account"),
        amount=fields.roubles(given.get("Amount"), "Amount"),
        paid_at=None if missing else local_time.read(written, DATE, agent.zone),
        readings=_readings(given, agent),
        terminal=_terminal(given),
    )


def _cancel(given: form.Form, agent: Agent) -> Command:
    """Networks differ in which number is the payment's: the other is one of the cancel's own."""
    expected = _expected(given)
    names = settings.CANCEL_NAMES.of(agent)
    if names != settings.EITHER:
        return Cancel(agent_payment_id=_id(given, names), expected=expected)
    both = [name for name in (settings.TRANSACTION_ID, settings.REVERT_ID) if given.get(name)]
    first, *rest = both or [settings.TRANSACTION_ID]
    number = _id(given, first)
    or_else = _id(given, rest[0]) if rest else ""
    return Cancel(number, expected=expected, or_else="" if or_else == number else or_else)


def _expected(given: form.Form) -> Expected | None:
    account = given.get("Account") and fields.account(given.get("Account"), "Account")
    amount = fields.roubles(given.get("Amount"), "Amount") if given.get("Amount") else None
    return Expected(account=account, amount=amount) if account or amount else None


def _statement(given: form.Form, agent: Agent) -> Command:
    since = local_time.read(given.get("CheckDateBegin"), DATE, agent.zone)
    until = local_time.read(given.get("CheckDateEnd"), DATE, agent.zone)
    if since > until:
        raise Refused(Refusal.DATE_MALFORMED, "the end is before the beginning", "CheckDateEnd")
    return GetStatement(since, until)


def _id(given: form.Form, name: str) -> str:
    return fields.digits(given.get(name), name, _ID_LENGTH_MAX)


def _readings(given: form.Form, agent: Agent) -> tuple[Reading, ...]:
    """Readings in field1 … field9, whose meaning is left to the contract."""
    if settings.READINGS.of(agent) == settings.OFF:
        return ()
    names = [f"field{number}" for number in range(1, _FIELDS_MAX + 1)]
    return readings.pairs((name, given.get(name)) for name in names)


def _terminal(given: form.Form) -> str:
    terminal = given.get("TerminalId")
    if len(terminal) > _TERMINAL_LENGTH_MAX or not terminal.isprintable():
        raise Refused(Refusal.MALFORMED, f"the terminal {outline(terminal)}", "TerminalId")
    return terminal


_OPERATIONS = {"check": Operation.CHECK, "pay": Operation.PAY, "cancel": Operation.CANCEL}
_READERS: Mapping[Operation, Callable[[form.Form, Agent], Command]] = {
    Operation.CHECK: _check,
    Operation.PAY: _pay,
    Operation.CANCEL: _cancel,
    Operation.STATEMENT: _statement,
}
_SWITCHES: Mapping[Operation, Setting] = {
    Operation.CANCEL: settings.CANCEL,
    Operation.STATEMENT: settings.STATEMENT,
}
