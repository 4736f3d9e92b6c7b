"""Kaspi from the bank's side."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from server.agents import Agent
from server.protocols import Operation, Response, Secrets, local_time
from server.protocols.agents_side import (
    UNREADABLE,
    Decision,
    Exchange,
    Habits,
    Intent,
    Network,
    Verdict,
    money,
)
from server.protocols.kaspi.codec import DATE
from server.protocols.kaspi.codes import OK, REPEATABLE


class _Field(msgspec.Struct):
    text: str = msgspec.field(name="#text")


class _Reply(msgspec.Struct):
    result: int
    prv_txn_id: str = ""
    fields: dict[str, _Field] = msgspec.field(default_factory=dict)


_REPLY = msgspec.json.Decoder(_Reply)


def _check(intent: Intent, _agent: Agent, _secrets: Secrets) -> Exchange:
    return _get(
        command="check",
        txn_id=intent.agent_payment_id,
        account=intent.account,
        sum=str(intent.amount),
    )


def _pay(intent: Intent, agent: Agent, _secrets: Secrets) -> Exchange:
    return _get(
        command="pay",
        txn_id=intent.agent_payment_id,
        txn_date=local_time.write(intent.paid_at, DATE, agent.zone),
        account=intent.account,
        sum=str(intent.amount),
    )


def _get(**parameters: str) -> Exchange:
    return Exchange("GET", urlencode(parameters))


def _read(
    _operation: Operation, _exchange: Exchange, response: Response, _agent: Agent, _: Secrets
) -> Verdict:
    if response.status != 200:
        return UNREADABLE
    try:
        reply = _REPLY.decode(response.body)
    except (ValueError, RecursionError):
        return UNREADABLE
    code = str(reply.result)
    if code in REPEATABLE:
        return Verdict(Decision.REPEAT, code)
    if code != OK.code:
        return Verdict(Decision.REFUSED, code)
    debt = reply.fields.get("field2")
    return Verdict(Decision.ACCEPTED, code, reply.prv_txn_id, money(debt.text) if debt else None)


# How often it repeats is published nowhere; these are the pauses of QIWI.
NETWORK = Network(
    asks={Operation.CHECK: _check, Operation.PAY: _pay},
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
)
