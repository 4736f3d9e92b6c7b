"""Paynet's JSON service from the terminals' side."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import msgspec

from server.agents import Agent
from server.money import Money
from server.protocols import Operation, Response, Secrets, json_text, local_time
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
    money,
)
from server.protocols.paynet_json import settings
from server.protocols.paynet_json.codes import (
    ALREADY_CANCELLED,
    OK,
    PERFORMED,
    REPEATABLE,
    REPEATED,
)
from server.protocols.paynet_json.requests import DATE


class _Error(msgspec.Struct):
    code: int
    data: dict[str, object] = msgspec.field(default_factory=dict)


class _Row(msgspec.Struct):
    transactionId: int | str
    amount: int


class _Result(msgspec.Struct):
    statements: list[_Row] | None = None
    providerTrnId: int = 0
    transactionState: int = PERFORMED
    fields: dict[str, str] = msgspec.field(default_factory=dict)


class _Reply(msgspec.Struct):
    result: _Result | None = None
    error: _Error | None = None


_REPLY = msgspec.json.Decoder(_Reply)
_DONE = {Operation.PAY: REPEATED.code, Operation.CANCEL: ALREADY_CANCELLED.code}
"""Errors that say that what is asked for was done before."""


def _check(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post("GetInformation", intent, agent, secrets, fields=_fields(intent, agent))


def _pay(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    prefix = settings.METER_PREFIX.of(agent)
    said = {f"{prefix}{meter}": reading for meter, reading in intent.readings}
    return _post(
        "PerformTransaction",
        intent,
        agent,
        secrets,
        amount=intent.amount.kopecks,
        transactionId=int(intent.agent_payment_id),
        transactionTime=local_time.write(intent.paid_at, DATE, agent.zone),
        fields=_fields(intent, agent) | said,
    )


def _status(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    number = int(intent.agent_payment_id)
    return _post("CheckTransaction", intent, agent, secrets, transactionId=number)


def _cancel(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    number = int(intent.agent_payment_id)
    return _post("CancelTransaction", intent, agent, secrets, transactionId=number)


def _list(period: Period, agent: Agent, secrets: Secrets) -> Exchange:
    dates = {
        "dateFrom": local_time.write(period.since, DATE, agent.zone),
        "dateTo": local_time.write(period.until, DATE, agent.zone),
    }
    return _call("GetStatement", period.nonce or "1", agent, secrets, dates)


def _listed(response: Response, _agent: Agent, _secrets: Secrets) -> tuple[Listed, ...] | None:
    if response.status != 200:
        return None
    try:
        result = _REPLY.decode(response.body).result
    except (ValueError, RecursionError):
        return None
    if result is None or result.statements is None:
        return None
    return tuple(Listed(str(row.transactionId), Money(row.amount)) for row in result.statements)


def _fields(intent: Intent, agent: Agent) -> dict[str, str]:
    return {settings.ACCOUNT_KEY.of(agent): intent.account}


def _post(
    method: str, intent: Intent, agent: Agent, secrets: Secrets, **params: object
) -> Exchange:
    return _call(method, intent.nonce or intent.agent_payment_id, agent, secrets, params)


def _call(
    method: str, number: str, agent: Agent, secrets: Secrets, params: Mapping[str, object]
) -> Exchange:
    call = {
        "jsonrpc": "2.0",
        "method": method,
        "id": number,
        "params": {"serviceId": int(settings.our_services(agent)[0]), **params},
    }
    pair = f"{secrets['username']}:{secrets['password']}".encode()
    headers = (
        ("Content-Type", json_text.CONTENT_TYPE),
        ("Authorization", f"Basic {base64.b64encode(pair).decode()}"),
    )
    return Exchange("POST", headers=headers, body=json_text.encode(call))


def _read(
    operation: Operation, _exchange: Exchange, response: Response, _agent: Agent, _: Secrets
) -> Verdict:
    if response.status != 200:
        return UNREADABLE
    try:
        reply = _REPLY.decode(response.body)
    except (ValueError, RecursionError):
        return UNREADABLE
    if reply.error is not None:
        return _refused(operation, reply.error)
    if reply.result is None:
        return UNREADABLE
    if operation is Operation.STATUS and reply.result.transactionState != PERFORMED:
        return Verdict(Decision.REFUSED, OK.code)
    number = str(reply.result.providerTrnId) if reply.result.providerTrnId else ""
    return Verdict(Decision.ACCEPTED, OK.code, number, _debt(reply.result))


def _refused(operation: Operation, error: _Error) -> Verdict:
    code = str(error.code)
    if code in REPEATABLE:
        return Verdict(Decision.REPEAT, code)
    done = code == _DONE.get(operation, "") and "providerTrnId" in error.data
    return Verdict(Decision.ACCEPTED if done else Decision.REFUSED, code)


def _debt(result: _Result) -> Money | None:
    return money(result.fields.get("balance", ""), kopecks=True)


# How often it repeats is published nowhere; these are the pauses of QIWI.
NETWORK = Network(
    asks={
        Operation.CHECK: _check,
        Operation.PAY: _pay,
        Operation.STATUS: _status,
        Operation.CANCEL: _cancel,
    },
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
    statements=Statements(_list, _listed),
)
