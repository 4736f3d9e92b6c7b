"""24 NonStop from the terminals' side."""

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
from server.protocols.nonstop24 import settings
from server.protocols.nonstop24.codes import CREDITED, DETERMINED, DUPLICATE, PAID, POSSIBLE
from server.protocols.nonstop24.requests import ACT_CHECK, ACT_PAY, ACT_STATUS, signature
from server.refusals import Refused


def _check(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _get(
        agent, secrets, ACT=ACT_CHECK, PAY_ACCOUNT=intent.account, PAY_ID=intent.agent_payment_id
    )


def _pay(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _get(
        agent,
        secrets,
        ACT=ACT_PAY,
        PAY_ACCOUNT=intent.account,
        PAY_ID=intent.agent_payment_id,
        PAY_AMOUNT=str(intent.amount),
        RECEIPT_NUM=intent.agent_payment_id,
    )


def _status(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _get(agent, secrets, ACT=ACT_STATUS, PAY_ID=intent.agent_payment_id)


def _get(agent: Agent, secrets: Secrets, **parameters: str) -> Exchange:
    parameters["SERVICE_ID"] = settings.SERVICE_ID.of(agent)
    sign = signature(lambda name: parameters.get(name, ""), agent, secrets["secret"])
    return Exchange("GET", urlencode(parameters | {"SIGN": sign.upper()}))


def _read(
    operation: Operation, _exchange: Exchange, response: Response, _agent: Agent, _: Secrets
) -> Verdict:
    if response.status != 200:
        return UNREADABLE
    try:
        root = xml.parse(response.body)
    except Refused:
        return UNREADABLE
    code = root.findtext("status_code", "")
    if not code:
        return UNREADABLE
    if operation is Operation.PAY and code == DUPLICATE.code:
        return Verdict(Decision.ASK_STATUS, code)
    good = _GOOD[operation].code == code
    if operation is Operation.STATUS:
        good = good and root.findtext("transaction/status") == CREDITED
    balance = money(root.findtext("balance", ""))
    decision = Decision.ACCEPTED if good else Decision.REFUSED
    return Verdict(decision, code, debt=None if balance is None else -balance)


_GOOD = {Operation.CHECK: POSSIBLE, Operation.PAY: PAID, Operation.STATUS: DETERMINED}

# How often it repeats is published nowhere; these are the pauses of QIWI.
NETWORK = Network(
    asks={Operation.CHECK: _check, Operation.PAY: _pay, Operation.STATUS: _status},
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
    payment_id=lambda number: f"840ab457-e7d1-4494-8197-{number:012x}",
)
