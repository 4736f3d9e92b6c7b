"""The post office's side."""

from __future__ import annotations

import datetime as dt
import hashlib

from lxml import etree

from server.agents import Agent
from server.messages import PaymentState
from server.protocols import Operation, Response, Secrets, signatures, soap, ws_security, xml
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
from server.protocols.post.codes import OK, REPEATABLE
from server.protocols.post.request import NAMESPACE
from server.protocols.post.settings import REQUIRED, SIGNATURE
from server.refusals import Refused

_OURS = f"{{{NAMESPACE}}}"
_OFFICE = "101000"
_PLACE = f"<place><office>{_OFFICE}</office><cashDesk>1</cashDesk><operator>0417</operator></place>"
_NONCE_BYTES = 16


def _check(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post("GetDebt", xml.element("account", intent.account) + _PLACE, intent, agent, secrets)


def _pay(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    readings = "".join(
        f"<reading>{xml.element('meter', meter)}{xml.element('value', value)}</reading>"
        for meter, value in intent.readings
    )
    said = (
        f"{_number(intent)}{xml.element('account', intent.account)}"
        f"<amountKopecks>{intent.amount.kopecks}</amountKopecks>"
        f"<paidAt>{_written(intent.paid_at, 'seconds')}</paidAt>{_PLACE}{readings}"
    )
    return _post("AcceptPayment", said, intent, agent, secrets)


def _status(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post("GetPaymentStatus", _number(intent), intent, agent, secrets)


def _cancel(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    reason = xml.element("reason", intent.reason) if intent.reason else ""
    return _post("CancelPayment", _number(intent) + reason, intent, agent, secrets)


def _number(intent: Intent) -> str:
    return xml.element("paymentId", intent.agent_payment_id)


def _written(moment: dt.datetime, timespec: str) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def _post(operation: str, said: str, intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    call = soap.respond(
        soap.Version.SOAP_11, f'<{operation} xmlns="{NAMESPACE}">{said}</{operation}>'
    )
    token = _token(operation, intent, secrets)
    if SIGNATURE.of(agent) == REQUIRED:
        body = ws_security.signed(call.body, secrets[signatures.AGENT_PRIVATE_KEY], token)
    else:
        body = ws_security.secured(call.body, token)
    action = ("SOAPAction", f'"{NAMESPACE}:{operation}"')
    return Exchange("POST", headers=(("Content-Type", call.content_type), action), body=body)


def _token(operation: str, intent: Intent, secrets: Secrets) -> str:
    """Its nonce is never used twice, not even by dice that fall as they did a minute ago."""
    created = _written(intent.sent_at, "milliseconds")
    seed = f"{operation} {intent.sent_at.timestamp()!r} {intent.nonce}"
    nonce = hashlib.sha256(seed.encode()).digest()[:_NONCE_BYTES]
    return ws_security.token_markup(secrets["username"], secrets["password"], nonce, created)


def _read(
    operation: Operation, _exchange: Exchange, response: Response, agent: Agent, secrets: Secrets
) -> Verdict:
    """A fault decides nothing, as nothing unsigned does where answers are signed."""
    if response.status != 200:
        return UNREADABLE
    try:
        envelope = soap.read(response.body)
        if SIGNATURE.of(agent) == REQUIRED:
            security = ws_security.security_of(envelope.headers)
            key = secrets.get(signatures.SERVER_PUBLIC_KEY, "")
            ws_security.require_signed_body(envelope, security, key)
    except Refused:
        return UNREADABLE
    return _verdict(operation, envelope.content)


def _verdict(operation: Operation, content: etree._Element) -> Verdict:
    code = _text(content, "result", "code")
    if not code or code in REPEATABLE:
        return Verdict(Decision.REPEAT, code)
    state = _text(content, "payment", "state")
    is_undone = operation is Operation.STATUS and state != PaymentState.CREDITED.value
    if code != OK.code or is_undone:
        return Verdict(Decision.REFUSED, code)
    number = _text(content, "payment", "paymentNumber")
    owed = money(_text(content, "debt", "debtKopecks"), kopecks=True)
    return Verdict(Decision.ACCEPTED, code, number, owed)


def _text(content: etree._Element, *names: str) -> str:
    return content.findtext("/".join(f"{_OURS}{name}" for name in names), "")


# Our own proposal: at a counter the payer waits, so the first repeats come soon.
NETWORK = Network(
    asks={
        Operation.CHECK: _check,
        Operation.PAY: _pay,
        Operation.STATUS: _status,
        Operation.CANCEL: _cancel,
    },
    read=_read,
    habits=Habits(pauses_seconds=(5, 15, 60, 300, 900, 3600), lifetime_seconds=3 * 86_400),
)
