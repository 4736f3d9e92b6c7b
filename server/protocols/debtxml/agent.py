"""Debt from the bank's side."""

from __future__ import annotations

from lxml import etree

from server.agents import Agent
from server.money import Money
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
from server.protocols.debtxml import settings
from server.protocols.debtxml.codes import DUPLICATE
from server.protocols.debtxml.requests import CANCEL, PAY, SEARCH
from server.protocols.debtxml.transfer import child
from server.refusals import Refused

_NAMESPACE = "http://debt.privatbank.ua/Transfer"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_ERROR = "ErrorInfo"
_SERVICE = "services"
"""The code of the one service that an intent pays for, unless the agent has one."""


def _check(intent: Intent, _agent: Agent, _secrets: Secrets) -> Exchange:
    account = xml.escape(intent.account)
    return _post(SEARCH, "Payer", "", f'<Unit name="bill_identifier" value="{account}"/>')


def _pay(intent: Intent, agent: Agent, _secrets: Secrets) -> Exchange:
    return _post(PAY, "Payment", f' id="{intent.agent_payment_id}"', _payment(intent, agent))


def _cancel(intent: Intent, agent: Agent, _secrets: Secrets) -> Exchange:
    """The whole body again, under the payment's id."""
    return _post(CANCEL, "Payment", f' id="{intent.agent_payment_id}"', _payment(intent, agent))


def _payment(intent: Intent, agent: Agent) -> str:
    account, code = xml.escape(intent.account), settings.ONE_SERVICE.of(agent) or _SERVICE
    meters = "".join(
        f'<Meter currentValue="{xml.escape(reading)}" name="{xml.escape(meter)}"/>'
        for meter, reading in intent.readings
    )
    data = f"<MeterData>{meters}</MeterData>" if meters else ""
    return (
        f'<PayerInfo billIdentifier="{account}" ls="{account}"/>'
        f"<TotalSum>{intent.amount}</TotalSum>"
        f"<CreateTime>{intent.paid_at.isoformat(timespec='milliseconds')}</CreateTime>"
        f'<ServiceGroup><Service sum="{intent.amount}" serviceCode="{xml.escape(code)}">{data}'
        "</Service></ServiceGroup>"
    )


def _post(action: str, kind: str, attributes: str, content: str) -> Exchange:
    markup = (
        f'<Transfer xmlns="{_NAMESPACE}" interface="Debt" action="{action}">'
        f'<Data xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="{kind}"'
        f"{attributes}>{content}</Data></Transfer>"
    )
    headers = (("Content-Type", xml.content_type()),)
    return Exchange("POST", headers=headers, body=xml.document(markup))


def _read(
    operation: Operation, _exchange: Exchange, response: Response, _agent: Agent, _: Secrets
) -> Verdict:
    if response.status != 200:
        return UNREADABLE
    try:
        data = child(xml.parse(response.body), "Data")
    except Refused:
        return UNREADABLE
    if data is None:
        return UNREADABLE
    code = data.get("code", "")
    if data.get(_TYPE) == _ERROR:
        paid = operation is Operation.PAY and code == DUPLICATE.code
        return Verdict(Decision.ACCEPTED if paid else Decision.REFUSED, code)
    if operation is Operation.CHECK:
        return Verdict(Decision.ACCEPTED, debt=_debt(data))
    return Verdict(Decision.ACCEPTED, payment_id=data.get("reference", ""))


def _debt(data: etree._Element) -> Money:
    debts = [money(info.get("debt", "")) for info in data.iter(f"{{{_NAMESPACE}}}DebtInfo")]
    return Money(sum(debt.kopecks for debt in debts if debt is not None))


# How often it repeats is published nowhere; these are the pauses of QIWI.
NETWORK = Network(
    asks={Operation.CHECK: _check, Operation.PAY: _pay, Operation.CANCEL: _cancel},
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
)
