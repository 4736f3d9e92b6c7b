"""RNCB from the bank's side."""

from __future__ import annotations

from urllib.parse import urlencode

from server.agents import Agent
from server.money import Money
from server.protocols import Operation, Response, Secrets, local_time, xml
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
from server.protocols.rncb.codec import DATE
from server.protocols.rncb.codes import DUPLICATE, OK
from server.refusals import Refused


def _check(intent: Intent, _agent: Agent, _secrets: Secrets) -> Exchange:
    return _get(QueryType="check", Account=intent.account)


def _pay(intent: Intent, agent: Agent, _secrets: Secrets) -> Exchange:
    return _get(
        QueryType="pay",
        Payment_id=intent.agent_payment_id,
        Account=intent.account,
        Summa=str(intent.amount),
        Exec_date=local_time.write(intent.paid_at, DATE, agent.zone),
    )


def _list(period: Period, agent: Agent, _secrets: Secrets) -> Exchange:
    return _get(
        QueryType="balance",
        DateFrom=local_time.write(period.since, DATE, agent.zone),
        DateTo=local_time.write(period.until, DATE, agent.zone),
    )


def _listed(response: Response, _agent: Agent, _secrets: Secrets) -> tuple[Listed, ...] | None:
    if response.status != 200:
        return None
    try:
        root = xml.parse(response.body)
        if root.findtext("ERROR", "") != OK.code:
            return None
        rows = [row.text or "" for row in root.iterfind("PAYMENTS/PAYMENT_ROW")]
        fields = [row.split(";") for row in rows]
        return tuple(Listed(number, Money.parse(amount)) for number, _, _, amount, _ in fields)
    except (Refused, ValueError):
        return None


def _get(**parameters: str) -> Exchange:
    return Exchange("GET", urlencode(parameters))


def _read(
    _operation: Operation, _exchange: Exchange, response: Response, _agent: Agent, _: Secrets
) -> Verdict:
    if response.status != 200:
        return UNREADABLE
    try:
        root = xml.parse(response.body)
    except Refused:
        return UNREADABLE
    code = root.findtext("ERROR", "")
    if not code:
        return UNREADABLE
    if code not in (OK.code, DUPLICATE.code):
        return Verdict(Decision.REFUSED, code)
    balance = money(root.findtext("BALANCE", ""))
    return Verdict(
        Decision.ACCEPTED,
        code,
        root.findtext("OUT_PAYMENT_ID", ""),
        None if balance is None else -balance,
    )


# How often it repeats is published nowhere; these are the pauses of QIWI.
NETWORK = Network(
    asks={Operation.CHECK: _check, Operation.PAY: _pay},
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
    statements=Statements(_list, _listed),
)
