"""OSMP from the terminals' side."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from lxml import etree

from server.agents import Agent
from server.money import Money
from server.protocols import Operation, Response, Secrets, local_time, xml
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
from server.protocols.osmp import settings
from server.protocols.osmp.codes import OK, REPEATABLE, STATUS_NOT_FOUND, paid_code
from server.refusals import Refused

_BALANCE = re.compile(r"Balance: (-?[0-9.]+) ")


def _check(intent: Intent, agent: Agent, _secrets: Secrets) -> Exchange:
    return _get(
        agent,
        command="check",
        txn_id=intent.agent_payment_id,
        account=intent.account,
        sum=str(intent.amount),
    )


def _pay(intent: Intent, agent: Agent, _secrets: Secrets) -> Exchange:
    said = [f"{meter}:{reading}" for meter, reading in intent.readings]
    return _get(
        agent,
        command="pay",
        txn_id=intent.agent_payment_id,
        txn_date=local_time.write(intent.paid_at, "%Y%m%d%H%M%S", agent.zone),
        account=intent.account,
        sum=str(intent.amount),
        **{f"data{number}": text for number, text in enumerate(said, 1)},
    )


def _cancel(intent: Intent, agent: Agent, _secrets: Secrets) -> Exchange:
    return _get(agent, command="cancel", prv_txn=intent.payment_id)


def _status(intent: Intent, agent: Agent, _secrets: Secrets) -> Exchange:
    return _get(agent, command="status", txn_id=intent.agent_payment_id)


def _get(agent: Agent, **parameters: str) -> Exchange:
    return Exchange("GET", urlencode(parameters, encoding=settings.ENCODING.of(agent)))


def _read(
    operation: Operation, _exchange: Exchange, response: Response, agent: Agent, _: Secrets
) -> Verdict:
    if response.status != 200:
        return UNREADABLE
    try:
        root = xml.parse(response.body)
    except Refused:
        return UNREADABLE
    code = root.findtext("result", "")
    if operation is Operation.STATUS and code == STATUS_NOT_FOUND.of(agent):
        return Verdict(Decision.REFUSED, code)
    if not code or code in REPEATABLE:
        return Verdict(Decision.REPEAT, code)
    known = {OK.code, paid_code(agent, operation is Operation.PAY).code}
    if code not in known:
        return Verdict(Decision.REFUSED, code)
    debt = _debt(root, agent) if operation is Operation.CHECK else None
    number = root.findtext(settings.OWN_TAG.of(agent), "")
    return Verdict(Decision.ACCEPTED, code, number, debt)


def _debt(root: etree._Element, agent: Agent) -> Money | None:
    match settings.CHECK_SHOWS.of(agent):
        case settings.FIELDS:
            return money(root.findtext("fields/field2", ""))
        case settings.DEBT:
            return money(root.findtext("debt", ""))
        case settings.BALANCE_FIELDS:
            balance = money(root.findtext("fields/field1", ""))
        case settings.COMMENT:
            found = _BALANCE.match(root.findtext("comment", ""))
            balance = money(found[1]) if found else None
        case _:
            balance = money(root.findtext("balance", ""))
    return None if balance is None else -balance


_ASKS: dict[Operation, Ask] = {
    Operation.CHECK: _check,
    Operation.PAY: _pay,
    Operation.CANCEL: _cancel,
    Operation.STATUS: _status,
}

# QIWI repeats with growing pauses for a day and waits a minute for each answer ("payment"); the
# pauses themselves are not published.
NETWORK = Network(
    asks=_ASKS,
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
)
