"""The "act" family from the agent's side."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

from lxml import etree

from server.agents import Agent
from server.money import Money
from server.protocols import Operation, Response, Secrets, form, local_time, xml
from server.protocols.agents_side import (
    UNREADABLE,
    Ask,
    Decision,
    Exchange,
    Habits,
    Intent,
    Network,
    Verdict,
    money,
)
from server.protocols.ckassa import settings
from server.protocols.ckassa.codes import ACTS, DUPLICATE, OK, REPEATABLE
from server.protocols.ckassa.requests import SECRET, digest, split
from server.refusals import Refused

_NUMBERS = {operation: act for act, operation in ACTS.items()}


def _check(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post(Operation.CHECK, xml.element("account", intent.account), agent, secrets)


def _pay(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    paid_at = local_time.write(intent.paid_at, local_time.SPELLINGS[1], agent.zone)
    content = (
        xml.element("account", intent.account)
        + xml.element("pay_amount", str(intent.amount.kopecks))
        + xml.element("pay_id", intent.agent_payment_id)
        + xml.element("pay_date", paid_at)
    )
    return _post(Operation.PAY, content, agent, secrets)


def _by_id(operation: Operation) -> Ask:
    def ask(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
        return _post(operation, xml.element("pay_id", intent.agent_payment_id), agent, secrets)

    return ask


def _post(operation: Operation, content: str, agent: Agent, secrets: Secrets) -> Exchange:
    inner = xml.element("act", _NUMBERS[operation]) + content
    sign = digest(inner + secrets[SECRET], agent).upper()
    text = f"<params>{inner}</params><sign>{sign}</sign>"
    encoding = settings.ENCODING.of(agent)
    if settings.SENT_AS.of(agent) == settings.BODY:
        body, media_type = text.encode(encoding, "xmlcharrefreplace"), xml.content_type(encoding)
    else:
        body = urlencode({"params": text}, encoding=encoding).encode()
        media_type = form.CONTENT_TYPE
    return Exchange("POST", headers=(("Content-Type", media_type),), body=body)


def _read(
    operation: Operation, exchange: Exchange, response: Response, agent: Agent, secrets: Secrets
) -> Verdict:
    if response.status != 200 or not _is_chained(exchange, response, agent, secrets):
        return UNREADABLE
    try:
        root = xml.parse(response.body)
    except Refused:
        return UNREADABLE
    code = root.findtext("params/err_code", "")
    if code in REPEATABLE:
        return Verdict(Decision.REPEAT, code)
    known = operation is Operation.PAY and code == DUPLICATE.code
    decision = Decision.ACCEPTED if known or code == OK.code else Decision.REFUSED
    return Verdict(decision, code, root.findtext("params/reg_id", ""), _debt(root))


def _is_chained(exchange: Exchange, response: Response, agent: Agent, secrets: Secrets) -> bool:
    """Whether the reply is signed over itself and the sign of our request."""
    encoding = settings.ENCODING.of(agent)
    sent_text = exchange.body.decode(encoding)
    if settings.SENT_AS.of(agent) == settings.FORM:
        sent_text = parse_qs(sent_text, encoding=encoding)["params"][0]
    try:
        answered = split(response.body.decode(encoding))
    except (Refused, UnicodeDecodeError):
        return False
    expected = digest(answered.inner + split(sent_text).sign + secrets[SECRET], agent)
    return answered.sign.lower() == expected


def _debt(root: etree._Element) -> Money | None:
    balance = money(root.findtext("params/balance", ""))
    return None if balance is None else -balance


# How often it repeats is published nowhere; these are the pauses of QIWI.
NETWORK = Network(
    asks={
        Operation.CHECK: _check,
        Operation.PAY: _pay,
        Operation.STATUS: _by_id(Operation.STATUS),
        Operation.CANCEL: _by_id(Operation.CANCEL),
    },
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
)
