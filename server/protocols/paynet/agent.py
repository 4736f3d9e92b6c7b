"""Paynet's SOAP service from the terminals' side."""

from __future__ import annotations

from lxml import etree

from server.agents import Agent
from server.money import Money
from server.protocols import Operation, Response, Secrets, soap, xml
from server.protocols.agents_side import (
    UNREADABLE,
    Decision,
    Exchange,
    Habits,
    Intent,
    Listed,
    Network,
    Period,
    Statements,
    Verdict,
    money,
)
from server.protocols.paynet.codes import (
    ALREADY_CANCELLED,
    CANCELLED,
    NO_TRANSACTION,
    OK,
    PERFORMED,
    REPEATABLE,
    REPEATED,
)
from server.protocols.paynet.reply import local
from server.protocols.paynet.settings import ACCOUNT_KEY, METER_PREFIX, our_services
from server.refusals import Refused

_NAMESPACE = "http://uws.provider.com/"


def _check(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    said = _parameter(ACCOUNT_KEY.of(agent), intent.account) + _service(agent)
    return _post("GetInformation", secrets, said)


def _pay(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    prefix = METER_PREFIX.of(agent)
    readings = [_parameter(f"{prefix}{meter}", reading) for meter, reading in intent.readings]
    said = (
        f"<amount>{intent.amount.kopecks}</amount>"
        f"{_parameter(ACCOUNT_KEY.of(agent), intent.account)}{''.join(readings)}"
        f"{_transaction(intent, agent)}"
    )
    return _post("PerformTransaction", secrets, said)


def _status(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    return _post("CheckTransaction", secrets, _transaction(intent, agent))


def _cancel(intent: Intent, agent: Agent, secrets: Secrets) -> Exchange:
    reason = _parameter("cancel_reason_note", intent.reason) if intent.reason else ""
    return _post("CancelTransaction", secrets, _transaction(intent, agent) + reason)


def _list(period: Period, agent: Agent, secrets: Secrets) -> Exchange:
    since, until = local(period.since, agent), local(period.until, agent)
    dates = f"<dateFrom>{since}</dateFrom><dateTo>{until}</dateTo>"
    return _post("GetStatement", secrets, f"{dates}{_service(agent)}")


def _listed(response: Response, _agent: Agent, _secrets: Secrets) -> tuple[Listed, ...] | None:
    if response.status != 200:
        return None
    try:
        result = soap.read(response.body).content
        if result.findtext("status", "") != OK.code:
            return None
        return tuple(
            Listed(
                row.findtext("transactionId", ""), Money.parse_kopecks(row.findtext("amount", ""))
            )
            for row in result.iterchildren("statements")
        )
    except (Refused, ValueError):
        return None


def _transaction(intent: Intent, agent: Agent) -> str:
    moment = local(intent.paid_at, agent)
    number = xml.element("transactionId", intent.agent_payment_id)
    return f"{_service(agent)}{number}<transactionTime>{moment}</transactionTime>"


def _service(agent: Agent) -> str:
    return xml.element("serviceId", our_services(agent)[0])


def _parameter(key: str, value: str) -> str:
    inside = xml.element("paramKey", key) + xml.element("paramValue", value)
    return f"<parameters>{inside}</parameters>"


def _post(operation: str, secrets: Secrets, said: str) -> Exchange:
    credentials = "".join(xml.element(name, secrets[name]) for name in ("password", "username"))
    root = f"u:{operation}Arguments"
    call = soap.respond(
        soap.Version.SOAP_11, f'<{root} xmlns:u="{_NAMESPACE}">{credentials}{said}</{root}>'
    )
    headers = (("Content-Type", call.content_type), ("SOAPAction", f'"urn:{operation}"'))
    return Exchange("POST", headers=headers, body=call.body)


def _read(
    operation: Operation, _exchange: Exchange, response: Response, _agent: Agent, _: Secrets
) -> Verdict:
    if response.status != 200:
        return UNREADABLE
    try:
        result = soap.read(response.body).content
    except Refused:
        return UNREADABLE
    code, state = result.findtext("status", ""), result.findtext("transactionState", "")
    if not code or code in REPEATABLE:
        return Verdict(Decision.REPEAT, code)
    if operation is Operation.PAY and code == REPEATED.code:
        return Verdict(Decision.ACCEPTED, code, _number(result))
    if operation is Operation.CANCEL and code == ALREADY_CANCELLED.code and state == CANCELLED:
        return Verdict(Decision.ACCEPTED, code)
    if code != OK.code or (operation is Operation.STATUS and state != PERFORMED):
        return Verdict(Decision.REFUSED, code)
    balance = money(_parameters(result).get("balance", ""), kopecks=True)
    return Verdict(Decision.ACCEPTED, code, _number(result), balance)


def _number(result: etree._Element) -> str:
    number = result.findtext("providerTrnId", "")
    return "" if number == str(NO_TRANSACTION) else number


def _parameters(result: etree._Element) -> dict[str, str]:
    return {
        parameter.findtext("paramKey", ""): parameter.findtext("paramValue", "")
        for parameter in result.iterchildren("parameters")
    }


# How often it repeats is published nowhere; these are the pauses of QIWI.
NETWORK = Network(
    asks={
        Operation.CHECK: _check,
        Operation.PAY: _pay,
        Operation.STATUS: _status,
        Operation.CANCEL: _cancel,
    },
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
    statements=Statements(_list, _listed),
)
