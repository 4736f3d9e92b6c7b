"""Elecsnet from the terminals' side."""

from __future__ import annotations

from server.agents import Agent
from server.money import Money
from server.protocols import Operation, Response, Secrets, local_time, signatures
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
from server.protocols.elecsnet import line, settings
from server.protocols.elecsnet.codes import DUPLICATE, OK
from server.refusals import Refused

_BALANCE = "БАЛАНС:"


def _check(intent: Intent, _agent: Agent, secrets: Secrets) -> Exchange:
    return _post(secrets, type="1", reqid=intent.account)


def _pay(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post(
        secrets,
        type="2",
        reqid=intent.account,
        auth_code=intent.agent_payment_id,
        currency=settings.CURRENCY.of(agent).split()[0],
        amount=str(intent.amount.kopecks),
        date=local_time.write(intent.paid_at, local_time.SPELLINGS[0], agent.zone),
    )


def _post(secrets: Secrets, **said: str) -> Exchange:
    signed = line.write(said.items())
    key = secrets[signatures.AGENT_PRIVATE_KEY]
    signature = signatures.sign_rsa(key, signed, signatures.Digest.MD5)
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)
    return Exchange("POST", headers=headers, body=line.with_signature(signed, signature))


def _read(
    _operation: Operation, _exchange: Exchange, response: Response, _: Agent, secrets: Secrets
) -> Verdict:
    found = line.split(response.body)
    public_key = secrets[signatures.SERVER_PUBLIC_KEY]
    digest = signatures.Digest.MD5
    if response.status != 200 or not signatures.rsa_holds(
        public_key, found.signature, found.signed, digest
    ):
        return UNREADABLE
    try:
        said = line.pairs(found.signed)
    except Refused:
        return UNREADABLE
    code = said.get("ans_code", "")
    accepted = code in (OK.code, DUPLICATE.code)
    decision = Decision.ACCEPTED if accepted else Decision.REFUSED
    return Verdict(decision, code, debt=_debt(said.get("ansid", "")))


def _debt(ansid: str) -> Money | None:
    shown = [line.text_of(part) for part in ansid.split("-")]
    balances = [text.removeprefix(_BALANCE) for text in shown if text.startswith(_BALANCE)]
    found = money(balances[0]) if balances else None
    return None if found is None else -found


# How often it repeats is published nowhere; these are the pauses of QIWI.
NETWORK = Network(
    asks={Operation.CHECK: _check, Operation.PAY: _pay},
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
)
