"""Gorod from the bank's side."""

from __future__ import annotations

from urllib.parse import urlencode

from server.agents import Agent
from server.protocols import Operation, Response, Secrets, xml
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
from server.protocols.gorod import settings
from server.protocols.gorod.codes import OK
from server.refusals import Refused


def _check(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _get(agent, secrets, method="check", account=intent.account, summ=_sum(intent))


def _pay(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _get(
        agent,
        secrets,
        method="pay",
        account=intent.account,
        summ=_sum(intent),
        payid=intent.agent_payment_id,
    )


def _sum(intent: Intent) -> str:
    return str(intent.amount.kopecks)


def _get(agent: Agent, secrets: Secrets, **parameters: str) -> Exchange:
    parameters |= {
        "login": secrets["login"],
        "password": secrets["password"],
        "service": settings.our_services(agent)[0],
    }
    return Exchange("GET", urlencode(parameters, encoding=settings.ENCODING.of(agent)))


def _read(
    _operation: Operation, _exchange: Exchange, response: Response, _agent: Agent, _: Secrets
) -> Verdict:
    if response.status != 200:
        return UNREADABLE
    try:
        root = xml.parse(response.body)
    except Refused:
        return UNREADABLE
    code = root.findtext("Code", "")
    if not code:
        return UNREADABLE
    if code != OK.code:
        return Verdict(Decision.REFUSED, code)
    balance = money(root.findtext("Balance", ""))
    return Verdict(
        Decision.ACCEPTED,
        code,
        root.findtext("PlatID", ""),
        None if balance is None else -balance,
    )


# How often it repeats is published nowhere; these are the pauses of QIWI.
NETWORK = Network(
    asks={Operation.CHECK: _check, Operation.PAY: _pay},
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
)
