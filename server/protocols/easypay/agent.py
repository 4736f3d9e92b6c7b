"""EasyPay from the network's side: a payment, then its confirmation under the provider's number."""

from __future__ import annotations

import re
from dataclasses import replace

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
from server.protocols.easypay import settings
from server.protocols.easypay.codes import EXISTS, OK
from server.protocols.easypay.requests import DATE_TIME
from server.refusals import Refused

_SIGN = re.compile(rb"(?<=<Sign>)[0-9A-F]+(?=</Sign>)")


def _check(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post("Check", xml.element("Account", intent.account), intent, agent, secrets)


def _hold(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    content = (
        xml.element("OrderId", intent.agent_payment_id)
        + xml.element("Account", intent.account)
        + xml.element("Amount", str(intent.amount))
    )
    # A payment is dated by its DateTime; the other messages by their sending.
    return _post("Payment", content, replace(intent, sent_at=intent.paid_at), agent, secrets)


def _confirm(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post("Confirm", xml.element("PaymentId", intent.payment_id), intent, agent, secrets)


def _cancel(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post("Cancel", xml.element("PaymentId", intent.payment_id), intent, agent, secrets)


def _post(name: str, content: str, intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    service = xml.element("ServiceId", settings.SERVICE_IDS.of(agent).split()[0])
    date_time = local_time.write(intent.sent_at, DATE_TIME, agent.zone)
    start = f"<Request><DateTime>{date_time}</DateTime><Sign>"
    end = f"</Sign><{name}>{service}{content}</{name}></Request>"
    key = secrets[signatures.AGENT_PRIVATE_KEY]
    signature = signatures.sign_rsa(key, (start + end).encode(), signatures.Digest.SHA_1)
    headers = (("Content-Type", xml.content_type()),)
    return Exchange("POST", headers=headers, body=f"{start}{signature.upper()}{end}".encode())


def _read(
    operation: Operation, _exchange: Exchange, response: Response, agent: Agent, secrets: Secrets
) -> Verdict:
    if response.status != 200 or not _is_signed(response.body, secrets):
        return UNREADABLE
    try:
        root = xml.parse(response.body)
    except Refused:
        return UNREADABLE
    code = root.findtext("StatusCode", "")
    known = operation is Operation.HOLD and code == EXISTS[settings.CODES.of(agent)].code
    accepted = known or code == OK.code
    return Verdict(
        Decision.ACCEPTED if accepted else Decision.REFUSED,
        code,
        root.findtext("PaymentId", ""),
        money(root.findtext("AccountInfo/Debt", "")),
    )


def _is_signed(body: bytes, secrets: Secrets) -> bool:
    found = _SIGN.search(body)
    return found is not None and signatures.rsa_holds(
        secrets[signatures.SERVER_PUBLIC_KEY],
        found[0].decode(),
        body[: found.start()] + body[found.end() :],
        signatures.Digest.SHA_1,
    )


# How often it repeats is published nowhere; these are the pauses of QIWI.
NETWORK = Network(
    asks={
        Operation.CHECK: _check,
        Operation.HOLD: _hold,
        Operation.CONFIRM: _confirm,
        Operation.CANCEL: _cancel,
    },
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
)
