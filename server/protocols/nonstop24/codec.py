"""24 NonStop: signed parameters in, XML out; a known payment is refused, ACT=7 asks about it."""

from __future__ import annotations

import datetime as dt

from server.accounts import AccountView
from server.agents import Agent
from server.messages import (
    AccountChecked,
    Outcome,
    Payment,
    PaymentAccepted,
    PaymentStatus,
    RefusedOutcome,
)
from server.protocols import (
    UNAVAILABLE,
    Code,
    Codec,
    Operation,
    Request,
    Response,
    form,
    local_time,
    xml,
)
from server.protocols.facts import Confidence, Facts, MoneyForm, Proof
from server.protocols.nonstop24 import settings
from server.protocols.nonstop24.codes import (
    CODES,
    DETERMINED,
    DUPLICATE,
    NOT_CREDITED,
    OPERATIONS,
    PAID,
    POSSIBLE,
    REPEATABLE,
    STATES,
)
from server.protocols.nonstop24.requests import decode, operation_of, verify
from server.refusals import Refusal, Refused


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply; what it says of a payment is only what was recorded."""
    operation, agent = _asked(request), request.agent
    now = _time(request.received_at, agent)
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(_shown(view, agent) + _status(POSSIBLE) + now)
        case Operation.PAY, PaymentAccepted(payment, repeated=True):
            recorded = _time(payment.recorded_at, agent)
            return _reply(_status(DUPLICATE) + recorded + _described(DUPLICATE))
        case Operation.PAY, PaymentAccepted(payment):
            recorded = _time(payment.recorded_at, agent)
            return _reply(_paid(payment, agent) + _status(PAID) + recorded)
        case Operation.STATUS, PaymentStatus(payment):
            return _reply(_status(DETERMINED) + now + _transaction(payment, agent))
        case _, RefusedOutcome(refusal):
            return _refusal(operation, refusal, now)
        case _:
            return UNAVAILABLE


def _asked(request: Request) -> Operation:
    try:
        return operation_of(form.read(request))
    except Refused:
        return Operation.UNKNOWN


def _shown(view: AccountView, agent: Agent) -> str:
    """`balance` is money on the account: a debt is negative."""
    return "".join(
        (
            xml.element("balance", str(-view.debt)),
            xml.element("name", view.holder),
            xml.element("account", view.account),
            _service(agent),
            xml.element("min_amount", str(agent.limits.amount_min)),
            xml.element("max_amount", str(agent.limits.amount_max)),
        )
    )


def _paid(payment: Payment, agent: Agent) -> str:
    number = xml.element("pay_id", payment.agent_payment_id)
    return number + _service(agent) + xml.element("amount", str(payment.amount))


def _transaction(payment: Payment, agent: Agent) -> str:
    status = xml.element("status", STATES.get(payment.state, NOT_CREDITED))
    recorded = _time(payment.recorded_at, agent)
    return f"<transaction>{_paid(payment, agent)}{status}{recorded}</transaction>"


def _service(agent: Agent) -> str:
    return xml.element("service_id", settings.SERVICE_ID.of(agent))


def _time(moment: dt.datetime, agent: Agent) -> str:
    written = settings.TIME_FORMATS[settings.TIME_STAMP.of(agent)]
    return xml.element("time_stamp", local_time.write(moment, written, agent.zone))


def _status(code: Code) -> str:
    return xml.element("status_code", code.code)


def _described(code: Code) -> str:
    return xml.element("description", code.text)


def _refusal(operation: Operation, refusal: Refusal, now: str) -> Response:
    code = CODES[operation, refusal]
    if code.status == UNAVAILABLE.status:
        return UNAVAILABLE
    return _reply(_status(code) + now + _described(code))


def _reply(content: str) -> Response:
    return Response(xml.document(f"<pay-response>{content}</pay-response>"), xml.content_type())


CODEC = Codec(
    name="nonstop24",
    title="24 NonStop",
    facts=Facts(Confidence.AGREED, MoneyForm.POINT, proofs=(Proof.DIGEST,), secrets=("secret",)),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=PAID.code,
    duplicate=DUPLICATE.code,
    settings=settings.SETTINGS,
    verify=verify,
)
