"""From a 24 NonStop request to a command; SIGN first, over the decoded values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from server.agents import Agent
from server.messages import CheckAccount, Command, Expected, GetStatus, Pay
from server.protocols import (
    Operation,
    Request,
    Secrets,
    Verified,
    fields,
    form,
    signatures,
)
from server.protocols.nonstop24 import settings
from server.refusals import Refusal, Refused, outline

# Numbers of operations, not codes of answers.
ACT_CHECK, ACT_PAY, ACT_STATUS = (str(number) for number in (1, 4, 7))

_PAY_ID_LENGTH_MAX = 36
_TERMINAL_LENGTH_MAX = 40


def operation_of(given: form.Form) -> Operation:
    """What is asked for. Raises Refused(MALFORMED)."""
    return _OPERATIONS.get(given.get("ACT"), Operation.UNKNOWN)


def verify(request: Request, secrets: Secrets, _now: dt.datetime) -> Verified:
    """SIGN against the agent's secret. Raises Refused."""
    given = form.read(request)
    secret = signatures.secret(secrets, "secret")
    signatures.require_hex(given.get("SIGN"), signature(given.get, request.agent, secret))
    return Verified()


def signature(value: Callable[[str], str], agent: Agent, secret: str) -> str:
    """The digest over a request's values; absent ones are empty, their underscores stay."""
    names = ["ACT", "PAY_ACCOUNT", "SERVICE_ID", "PAY_ID"]
    if value("ACT") == ACT_PAY and _signs_amount(agent, value("SERVICE_ID")):
        names.append("PAY_AMOUNT")
    text = "_".join([*(value(name) for name in names), secret])
    digest = signatures.Digest(settings.HASH.of(agent))
    return signatures.digest_hex(digest, text.encode("utf-8", "surrogatepass"))


def _signs_amount(agent: Agent, service: str) -> bool:
    signed = settings.SIGNED_AMOUNT.of(agent)
    return signed == settings.ALWAYS or (signed == settings.BY_SERVICE and not service)


def decode(request: Request) -> Command:
    """What the terminal wants. Raises Refused."""
    given, agent = form.read(request), request.agent
    operation = operation_of(given)
    if operation not in _READERS:
        raise Refused(Refusal.UNKNOWN_OPERATION, given.get("ACT")[:40], "ACT")
    service = given.get("SERVICE_ID")
    if service not in ("", settings.SERVICE_ID.of(agent)):
        raise Refused(Refusal.NOT_PERMITTED, f"the service {service[:40]!r}", "SERVICE_ID")
    return _READERS[operation](given)


def _check(given: form.Form) -> Command:
    return CheckAccount(fields.account(given.get("PAY_ACCOUNT"), "PAY_ACCOUNT"))


def _pay(given: form.Form) -> Command:
    return Pay(
        agent_payment_id=_pay_id(given),
        account=fields.account(given.get("PAY_ACCOUNT"), "PAY_ACCOUNT"),
        amount=fields.roubles(given.get("PAY_AMOUNT"), "PAY_AMOUNT"),
        terminal=_terminal(given),
    )


def _status(given: form.Form) -> Command:
    account = given.get("PAY_ACCOUNT")
    if not account:
        return GetStatus(_pay_id(given))
    return GetStatus(
        _pay_id(given), expected=Expected(account=fields.account(account, "PAY_ACCOUNT"))
    )


def _pay_id(given: form.Form) -> str:
    return fields.token(given.get("PAY_ID"), "PAY_ID", _PAY_ID_LENGTH_MAX)


def _terminal(given: form.Form) -> str:
    terminal = given.get("TRADE_POINT")
    if len(terminal) > _TERMINAL_LENGTH_MAX or not terminal.isprintable():
        raise Refused(Refusal.MALFORMED, f"the terminal {outline(terminal)}", "TRADE_POINT")
    return terminal


_OPERATIONS = {
    ACT_CHECK: Operation.CHECK,
    ACT_PAY: Operation.PAY,
    ACT_STATUS: Operation.STATUS,
}
_READERS: Mapping[Operation, Callable[[form.Form], Command]] = {
    Operation.CHECK: _check,
    Operation.PAY: _pay,
    Operation.STATUS: _status,
}
