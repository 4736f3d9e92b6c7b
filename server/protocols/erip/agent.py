"""ERIP from its own side: start and result of a payment, start and result of a storn."""

from __future__ import annotations

from urllib.parse import urlencode

from server.agents import Agent
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
from server.protocols.erip import settings
from server.protocols.erip.codes import ERROR, OK
from server.protocols.erip.posted import FIELD
from server.protocols.erip.requests import (
    DATE_TIME,
    HEADER,
    ROOT,
    SALT,
    Kind,
    digest,
    given_digest,
)
from server.refusals import Refused


def _check(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post(Kind.SERVICE_INFO, "", intent, agent, secrets)


def _start(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    content = _number(intent) + xml.element("Amount", _amount(intent, agent))
    return _post(Kind.TRANSACTION_START, content, intent, agent, secrets)


def _result(error: str = "") -> Ask:
    def ask(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
        content = _number(intent) + (xml.element("ErrorText", error) if error else "")
        return _post(Kind.TRANSACTION_RESULT, content, intent, agent, secrets)

    return ask


def _storn(kind: Kind, outcome: str = "") -> Ask:
    def ask(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
        content = (
            _number(intent)
            + xml.element("Amount", _amount(intent, agent))
            + (xml.element("Storned", outcome) if outcome else "")
        )
        return _post(kind, content, intent, agent, secrets)

    return ask


def _number(intent: Intent) -> str:
    return xml.element("TransactionId", intent.agent_payment_id)


def _amount(intent: Intent, agent: Agent) -> str:
    if settings.AMOUNT.of(agent) == settings.MINOR:
        return str(intent.amount.kopecks)
    return str(intent.amount).replace(".", ",")


def _post(kind: Kind, content: str, intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    head = (
        ("Version", "1"),
        ("RequestType", kind.value),
        ("DateTime", local_time.write(intent.paid_at, DATE_TIME, agent.zone)),
        ("ServiceNo", settings.SERVICE_NOS.of(agent).split()[0]),
        ("PersonalAccount", intent.account),
        ("Currency", settings.CURRENCY.of(agent)),
        ("RequestId", str(int(intent.nonce or "1", 16))),
    )
    markup = "".join(xml.element(name, text) for name, text in head)
    document = xml.document(
        f"<{ROOT}>{markup}<{kind.value}>{content}</{kind.value}></{ROOT}>", xml.WINDOWS_1251
    )
    headers = (
        ("Content-Type", form.CONTENT_TYPE),
        (HEADER, f"SALT+MD5: {digest(secrets[SALT], document)}"),
    )
    return Exchange("POST", headers=headers, body=urlencode({FIELD: document}).encode())


def _read(
    _operation: Operation, _exchange: Exchange, response: Response, _: Agent, secrets: Secrets
) -> Verdict:
    headers = {name.lower(): value for name, value in response.headers}
    signed = given_digest(headers).lower() == digest(secrets[SALT], response.body)
    if response.status != 200 or not signed:
        return UNREADABLE
    try:
        root = xml.parse(response.body)
    except Refused:
        return UNREADABLE
    if root.find(ERROR) is not None:
        return Verdict(Decision.REFUSED, ERROR)
    debt = money(root.findtext("ServiceInfo/Amount/Debt", ""), comma=True)
    return Verdict(Decision.ACCEPTED, OK.code, root.findtext("*/ServiceProvider_TrxId", ""), debt)


# How often it repeats is published nowhere; these are the pauses of QIWI. A payment without a
# result that stands in the daily file is paid.
NETWORK = Network(
    asks={
        Operation.CHECK: _check,
        Operation.HOLD: _start,
        Operation.CONFIRM: _result(),
        Operation.CANCEL: _storn(Kind.STORN_RESULT, "Y"),
    },
    read=_read,
    habits=Habits(
        pauses_seconds=(60, 120, 300, 900, 1800, 3600),
        lifetime_seconds=86_400,
        at_the_end=Decision.ACCEPTED,
    ),
    abandon=_result("Оплата не выполнена"),
    before_cancel=_storn(Kind.STORN_START),
)
