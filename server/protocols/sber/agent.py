"""Сбербанк ЕПС, protocol 1, from the bank's side."""

from __future__ import annotations

from urllib.parse import urlencode

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
from server.protocols.sber import settings
from server.protocols.sber.codec import DATE
from server.protocols.sber.codes import DUPLICATE, OK, REPEATABLE
from server.refusals import Refused


def _check(intent: Intent, agent: Agent, _secrets: Secrets) -> Exchange:
    return _get(agent, ACTION="check", ACCOUNT=intent.account)


def _pay(intent: Intent, agent: Agent, _secrets: Secrets) -> Exchange:
    return _get(
        agent,
        ACTION="payment",
        ACCOUNT=intent.account,
        AMOUNT=str(intent.amount),
        PAY_ID=intent.agent_payment_id,
        PAY_DATE=local_time.write(intent.paid_at, DATE, agent.zone),
    )


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
    code = root.findtext("CODE", "")
    if not code or code in REPEATABLE:
        return Verdict(Decision.REPEAT, code)
    if code not in (OK.code, DUPLICATE.code):
        return Verdict(Decision.REFUSED, code)
    if operation is Operation.PAY:
        return Verdict(Decision.ACCEPTED, code, root.findtext("EXT_ID", ""))
    balance = money(root.findtext("BALANCE", ""))
    if balance is not None and settings.BALANCE_SIGN.of(agent) == settings.DEBT_NEGATIVE:
        balance = -balance
    return Verdict(Decision.ACCEPTED, code, debt=balance)


# The payer has the receipt already when the bank reports the payment, so no cash goes back; an
# answer must come within 7 seconds. How often it repeats is published nowhere.
NETWORK = Network(
    asks={Operation.CHECK: _check, Operation.PAY: _pay},
    read=_read,
    habits=Habits(
        pauses_seconds=(60, 120, 300, 900, 1800, 3600),
        lifetime_seconds=86_400,
        timeout_seconds=7,
        cash_back=False,
    ),
)
