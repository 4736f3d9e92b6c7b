"""USMP from the terminals' side."""

from __future__ import annotations

from urllib.parse import urlencode

from server.agents import Agent
from server.money import Money
from server.protocols import Operation, Response, Secrets, local_time, xml
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
from server.protocols.usmp.codes import OK, REPEATABLE
from server.protocols.usmp.requests import DATE
from server.refusals import Refused


def _check(intent: Intent, _agent: Agent, _secrets: Secrets) -> Exchange:
    return _get(QueryType="check", TransactionId=intent.agent_payment_id, Account=intent.account)


def _pay(intent: Intent, agent: Agent, _secrets: Secrets) -> Exchange:
    said = [f"{meter}:{reading}" for meter, reading in intent.readings]
    return _get(
        QueryType="pay",
        TransactionId=intent.agent_payment_id,
        TransactionDate=local_time.write(intent.paid_at, DATE, agent.zone),
        Account=intent.account,
        Amount=str(intent.amount),
        **{f"field{number}": text for number, text in enumerate(said, 1)},
    )


def _cancel(intent: Intent, agent: Agent, _secrets: Secrets) -> Exchange:
    """Both ids are the payment's, as in the test of one server: right for either meaning."""
    return _get(
        QueryType="cancel",
        TransactionId=intent.agent_payment_id,
        RevertId=intent.agent_payment_id,
        RevertDate=local_time.write(intent.sent_at, DATE, agent.zone),
        Account=intent.account,
        Amount=str(intent.amount),
    )


def _list(period: Period, agent: Agent, _secrets: Secrets) -> Exchange:
    return _get(
        CheckDateBegin=local_time.write(period.since, DATE, agent.zone),
        CheckDateEnd=local_time.write(period.until, DATE, agent.zone),
    )


def _listed(response: Response, _agent: Agent, _secrets: Secrets) -> tuple[Listed, ...] | None:
    if response.status != 200:
        return None
    try:
        root = xml.parse(response.body)
        if root.tag != "Response" or root.find("ResultCode") is not None:  # a refusal
            return None
        return tuple(
            Listed(row.findtext("TransactionId", ""), Money.parse(row.findtext("Amount", "")))
            for row in root.iterfind("Payment")
        )
    except (Refused, ValueError):
        return None


def _get(**parameters: str) -> Exchange:
    return Exchange("GET", urlencode(parameters))


def _read(
    _operation: Operation, _exchange: Exchange, response: Response, _agent: Agent, _: Secrets
) -> Verdict:
    if response.status != 200:
        return UNREADABLE
    try:
        root = xml.parse(response.body)
    except Refused:
        return UNREADABLE
    code = root.findtext("ResultCode", "")
    if not code or code in REPEATABLE:
        return Verdict(Decision.REPEAT, code)
    if code != OK.code:
        return Verdict(Decision.REFUSED, code)
    balance = money(root.findtext("Fields/field2", ""))
    return Verdict(
        Decision.ACCEPTED,
        code,
        root.findtext("TransactionExt", ""),
        None if balance is None else -balance,
    )


# How often it repeats is published nowhere; these are the pauses of QIWI.
NETWORK = Network(
    asks={Operation.CHECK: _check, Operation.PAY: _pay, Operation.CANCEL: _cancel},
    read=_read,
    habits=Habits(pauses_seconds=(60, 120, 300, 900, 1800, 3600), lifetime_seconds=86_400),
    statements=Statements(_list, _listed),
)
