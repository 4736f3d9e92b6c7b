"""From a `commandCall` to a command. Names are compared without regard to case."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from server.agents import Agent
from server.messages import Cancel, CheckAccount, Command, Expected, GetStatus, Pay
from server.protocols import (
    Operation,
    Request,
    Secrets,
    Setting,
    Verified,
    fields,
    local_time,
    signatures,
    xml,
)
from server.protocols.city24 import settings
from server.refusals import Refusal, Refused, outline

DATE = "%Y%m%d%H%M%S"

_ROOT = "commandCall"
_CHILDREN_MAX = 100
_ID_LENGTH_MAX = 20
_TERMINAL_LENGTH_MAX = 40
# A request is read by verify, decode and encode; those between its decoding and its answer are few.
_READ_MAX = 64


@dataclass(frozen=True, slots=True)
class Call:
    """The texts of a `commandCall` by their elements' names in small letters."""

    values: Mapping[str, str]
    repeated: frozenset[str]

    def get(self, name: str) -> str:
        """The text, empty when it is absent. Raises Refused(MALFORMED) when it is there twice."""
        key = name.lower()
        if key in self.repeated:
            raise Refused(Refusal.MALFORMED, f"{name} is there twice", name)
        return self.values.get(key, "")

    @property
    def operation(self) -> Operation:
        """What is asked for, whether or not this agent may ask it. Raises Refused(MALFORMED)."""
        return _OPERATIONS.get(self.get("command"), Operation.UNKNOWN)


def read(request: Request) -> Call:
    """The call in a request. Raises Refused(MALFORMED)."""
    if request.method != "POST":
        raise Refused(Refusal.MALFORMED, f"the method {request.method[:20]!r}")
    return _read(request.body)


@lru_cache(_READ_MAX)
def _read(body: bytes) -> Call:
    root = xml.parse(body)
    if root.tag != _ROOT or len(root) > _CHILDREN_MAX:
        raise Refused(Refusal.MALFORMED, f"not a {_ROOT}")
    values: dict[str, str] = {}
    repeated = set()
    for child in root:
        name = str(child.tag).lower()
        if name in values:
            repeated.add(name)
        values[name] = "" if len(child) else (child.text or "").strip()
    return Call(values, frozenset(repeated))


def verify(request: Request, secrets: Secrets, _now: dt.datetime) -> Verified:
    """Compare login and password with the agent's, in constant time. Raises Refused."""
    call = read(request)
    login, password = (signatures.secret(secrets, name) for name in ("login", "password"))
    same = signatures.same(call.get("login"), login)
    if not same & signatures.same(call.get("password"), password):
        raise Refused(Refusal.NOT_AUTHENTIC, "login or password")
    return Verified()


def decode(request: Request) -> Command:
    """What the terminal wants. Raises Refused."""
    call, agent = read(request), request.agent
    operation = call.operation
    switch = _SWITCHES.get(operation)
    if operation not in _READERS or (switch is not None and switch.of(agent) == settings.OFF):
        raise Refused(Refusal.UNKNOWN_OPERATION, call.get("command")[:40], "command")
    return _READERS[operation](call, agent)


def _check(call: Call, agent: Agent) -> Command:
    account = _account(call, agent)
    entered = call.get("userEnterAmount")
    if not entered:
        return CheckAccount(account)
    return CheckAccount(account, fields.kopecks(entered, "userEnterAmount", zero=True) or None)


def _pay(call: Call, agent: Agent) -> Command:
    return Pay(
        account=_account(call, agent),
        agent_payment_id=_id(call, "payID"),
        amount=fields.kopecks(call.get("amount"), "amount"),
        paid_at=local_time.read(call.get("payTimestamp"), DATE, agent.zone),
        terminal=_terminal(call),
    )


def _cancel(call: Call, _agent: Agent) -> Command:
    return Cancel(agent_payment_id=_id(call, "cancelPayID"), expected=_expected(call))


def _expected(call: Call) -> Expected | None:
    """What else a cancel says of the payment."""
    account = call.get("account") and fields.account(call.get("account"), "account")
    written = call.get("amount")
    amount = fields.kopecks(written, "amount") if written else None
    return Expected(account=account, amount=amount) if account or written else None


def _status(call: Call, _agent: Agent) -> Command:
    return GetStatus(agent_payment_id=_id(call, "payID"))


def _account(call: Call, agent: Agent) -> str:
    pay_element = call.get("payElementID")
    if not settings.is_ours(pay_element, agent):
        raise Refused(Refusal.NOT_PERMITTED, f"the service {pay_element[:40]!r}", "payElementID")
    return fields.account(call.get("account"), "account")


def _id(call: Call, name: str) -> str:
    return fields.digits(call.get(name), name, _ID_LENGTH_MAX)


def _terminal(call: Call) -> str:
    terminal = call.get("terminalId")
    if len(terminal) > _TERMINAL_LENGTH_MAX or not terminal.isprintable():
        raise Refused(Refusal.MALFORMED, f"the terminal {outline(terminal)}", "terminalId")
    return terminal


_OPERATIONS = {
    "check": Operation.CHECK,
    "pay": Operation.PAY,
    "cancel": Operation.CANCEL,
    "check_status": Operation.STATUS,
}
_READERS: Mapping[Operation, Callable[[Call, Agent], Command]] = {
    Operation.CHECK: _check,
    Operation.PAY: _pay,
    Operation.CANCEL: _cancel,
    Operation.STATUS: _status,
}
_SWITCHES: Mapping[Operation, Setting] = {
    Operation.CANCEL: settings.CANCEL,
    Operation.STATUS: settings.STATUS,
}
