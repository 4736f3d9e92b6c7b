"""Payme from its own side: create, perform, and ask what became of it."""

from __future__ import annotations

import base64

import msgspec

from server.agents import Agent
from server.money import Money
from server.protocols import Operation, Response, Secrets
from server.protocols.agents_side import (
    UNREADABLE,
    Decision,
    Exchange,
    Habits,
    Intent,
    Listed,
    Network,
    Period,
    Statements,
    Verdict,
)
from server.protocols.payme import settings
from server.protocols.payme.codes import OK, REPEATABLE
from server.protocols.payme.requests import KEY, milliseconds

_PERFORMED = 2
_REFUND = 5


class _Row(msgspec.Struct):
    id: str
    amount: int
    state: int


class _Transactions(msgspec.Struct):
    transactions: list[_Row]


class _List(msgspec.Struct):
    result: _Transactions


_LIST = msgspec.json.Decoder(_List)


def _check(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post("CheckPerformTransaction", _payable(intent, agent), agent, secrets)


def _create(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    params = {"id": intent.agent_payment_id, "time": milliseconds(intent.paid_at)}
    return _post("CreateTransaction", params | _payable(intent, agent), agent, secrets)


def _perform(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post("PerformTransaction", {"id": intent.agent_payment_id}, agent, secrets)


def _cancel(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    params = {"id": intent.agent_payment_id, "reason": _REFUND}
    return _post("CancelTransaction", params, agent, secrets)


def _status(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post("CheckTransaction", {"id": intent.agent_payment_id}, agent, secrets)


def _list(period: Period, agent: Agent, secrets: Secrets) -> Exchange:
    params: dict[str, object] = {
        "from": milliseconds(period.since),
        "to": milliseconds(period.until),
    }
    return _post("GetStatement", params, agent, secrets)


def _listed(response: Response, _agent: Agent, _secrets: Secrets) -> tuple[Listed, ...] | None:
    """Of the transactions in every state, those that are performed."""
    if response.status != 200:
        return None
    try:
        result = _LIST.decode(response.body).result
    except (ValueError, RecursionError):
        return None
    paid = [row for row in result.transactions if row.state == _PERFORMED]
    return tuple(Listed(row.id, Money(row.amount)) for row in paid)


def _payable(intent: Intent, agent: Agent) -> dict[str, object]:
    account = {settings.ACCOUNT_KEY.of(agent): intent.account}
    return {"amount": intent.amount.kopecks, "account": account}


def _post(method: str, params: dict[str, object], agent: Agent, secrets: Secrets) -> Exchange:
    credentials = f"{settings.LOGIN.of(agent)}:{secrets[KEY]}".encode()
    headers = (
        ("Authorization", f"Basic {base64.b64encode(credentials).decode()}"),
        ("Content-Type", "application/json"),
    )
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return Exchange("POST", headers=headers, body=msgspec.json.encode(call))


def _read(
    operation: Operation, _exchange: Exchange, response: Response, _agent: Agent, _: Secrets
) -> Verdict:
    if response.status != 200:
        return UNREADABLE
    try:
        said = msgspec.json.decode(response.body)
    except msgspec.DecodeError:
        return UNREADABLE
    if not isinstance(said, dict):
        return UNREADABLE
    error, result = said.get("error"), said.get("result")
    if isinstance(error, dict) and "code" in error:
        code = str(error["code"])
        return Verdict(Decision.REPEAT if code in REPEATABLE else Decision.REFUSED, code)
    if not isinstance(result, dict):
        return UNREADABLE
    unpaid = operation is Operation.STATUS and result.get("state") != _PERFORMED
    decision = Decision.REFUSED if unpaid else Decision.ACCEPTED
    return Verdict(decision, OK.code, str(result.get("transaction", "")))


# How often it repeats is published nowhere; these are the pauses of QIWI. A transaction that is not
# performed within twelve hours is dead.
NETWORK = Network(
    asks={
        Operation.CHECK: _check,
        Operation.HOLD: _create,
        Operation.CONFIRM: _perform,
        Operation.CANCEL: _cancel,
        Operation.STATUS: _status,
    },
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=43_200),
    statements=Statements(_list, _listed),
    payment_id=lambda number: f"{number:024x}",
)
