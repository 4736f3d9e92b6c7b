"""CyberPlat from the terminals' side."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from server.agents import Agent
from server.protocols import Operation, Response, Secrets, local_time, signatures, xml
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
from server.protocols.cyberplat import settings
from server.protocols.cyberplat.codes import OK, REPEATABLE
from server.protocols.cyberplat.requests import DATE
from server.refusals import Refused

_SIGN = re.compile(rb"<sign>([0-9A-Fa-f]+)</sign>")
_DEBT = re.compile(r":Долг, руб\. : (-?[0-9.]+):")


def _check(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _get(agent, secrets, action="check", number=intent.account, amount=str(intent.amount))


def _pay(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _get(
        agent,
        secrets,
        action="payment",
        number=intent.account,
        amount=str(intent.amount),
        receipt=intent.agent_payment_id,
        date=local_time.write(intent.paid_at, DATE, agent.zone),
    )


def _cancel(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _get(agent, secrets, action="cancel", receipt=intent.agent_payment_id)


def _status(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _get(agent, secrets, action="status", receipt=intent.agent_payment_id)


def _get(agent: Agent, secrets: Secrets, **parameters: str) -> Exchange:
    query = urlencode(parameters, encoding=settings.ENCODING.of(agent))
    key = secrets[signatures.AGENT_PRIVATE_KEY]
    signature = signatures.sign_rsa(key, query.encode(), signatures.Digest.SHA_256)
    return Exchange("GET", f"{query}&sign={signature}")


def _read(
    _operation: Operation, _exchange: Exchange, response: Response, _: Agent, secrets: Secrets
) -> Verdict:
    if response.status != 200 or not _is_signed(response.body, secrets):
        return UNREADABLE
    try:
        root = xml.parse(response.body)
    except Refused:
        return UNREADABLE
    code = root.findtext("code", "")
    if code in REPEATABLE:
        return Verdict(Decision.REPEAT, code)
    if code != OK.code:
        return Verdict(Decision.REFUSED, code)
    debt = _DEBT.search(root.findtext("add", ""))
    return Verdict(
        Decision.ACCEPTED, code, root.findtext("authcode", ""), money(debt[1]) if debt else None
    )


def _is_signed(body: bytes, secrets: Secrets) -> bool:
    found = _SIGN.search(body)
    return found is not None and signatures.rsa_holds(
        secrets[signatures.SERVER_PUBLIC_KEY],
        found[1].decode(),
        body[: found.start()] + body[found.end() :],
        signatures.Digest.SHA_256,
    )


# How often it repeats is published nowhere; these are the pauses of QIWI.
NETWORK = Network(
    asks={
        Operation.CHECK: _check,
        Operation.PAY: _pay,
        Operation.CANCEL: _cancel,
        Operation.STATUS: _status,
    },
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
)
