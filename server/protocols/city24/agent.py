"""City24 from the terminals' side."""

from __future__ import annotations

from server.agents import Agent
from server.protocols import Operation, Response, Secrets, local_time, xml
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
from server.protocols.city24 import settings
from server.protocols.city24.codes import OK, REPEATABLE
from server.protocols.city24.requests import DATE
from server.refusals import Refused

_ANY_ELEMENT = 1


def _check(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post(
        intent,
        secrets,
        command="check",
        payElementID=_pay_element(agent),
        account=intent.account,
        payID=intent.agent_payment_id,
    )


def _pay(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post(
        intent,
        secrets,
        command="pay",
        payElementID=_pay_element(agent),
        account=intent.account,
        payID=intent.agent_payment_id,
        payTimestamp=local_time.write(intent.paid_at, DATE, agent.zone),
        amount=str(intent.amount.kopecks),
    )


def _cancel(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post(
        intent,
        secrets,
        command="cancel",
        payElementID=_pay_element(agent),
        account=intent.account,
        cancelPayID=intent.agent_payment_id,
        amount=str(intent.amount.kopecks),
    )


def _status(intent: Intent, _agent: Agent, secrets: Secrets) -> Exchange:
    return _post(intent, secrets, command="check_status", payID=intent.agent_payment_id)


def _pay_element(agent: Agent) -> str:
    """The first of the agent's services; any number where every one is the agent's."""
    ours = settings.PAY_ELEMENTS.of(agent).split()
    return ours[0] if ours else str(_ANY_ELEMENT)


def _post(intent: Intent, secrets: Secrets, **texts: str) -> Exchange:
    """A call; `transactionID` numbers the message, not the payment."""
    head = {"login": secrets["login"], "password": secrets["password"]}
    number = {"transactionID": str(int(f"0{intent.nonce}", 16))}
    said = "".join(xml.element(name, text) for name, text in (head | texts | number).items())
    body = xml.document(f"<commandCall>{said}</commandCall>")
    return Exchange("POST", headers=(("Content-Type", xml.content_type()),), body=body)


def _read(
    _operation: Operation, _exchange: Exchange, response: Response, _agent: Agent, _: Secrets
) -> Verdict:
    if response.status != 200:
        return UNREADABLE
    try:
        root = xml.parse(response.body)
    except Refused:
        return UNREADABLE
    code = root.findtext("result", "")
    if not code or code in REPEATABLE:
        return Verdict(Decision.REPEAT, code)
    if code != OK.code:
        return Verdict(Decision.REFUSED, code)
    balance = money(root.findtext("fields/field2", ""))
    return Verdict(
        Decision.ACCEPTED,
        code,
        root.findtext("extTransactionID", ""),
        None if balance is None else -balance,
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
