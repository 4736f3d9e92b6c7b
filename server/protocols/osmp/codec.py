"""OSMP / QIWI: `check` and `pay` in a query string, answered in XML; nothing is signed.

Networks that follow it differ in tags, codes and what a check shows: settings of their agents.
"""

from __future__ import annotations

from server.agents import Agent
from server.messages import (
    AccountChecked,
    Outcome,
    Payment,
    PaymentAccepted,
    PaymentCancelled,
    PaymentState,
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
    readings,
    xml,
)
from server.protocols.facts import Confidence, Facts, MoneyForm
from server.protocols.osmp import settings
from server.protocols.osmp.codes import (
    CODES,
    OK,
    OPERATIONS,
    REPEATABLE,
    STATUS_NOT_FOUND,
    TABLE,
    TABLES,
    paid_code,
    refusal_code,
)
from server.protocols.osmp.fast import fast
from server.protocols.osmp.requests import GET_INFO, decode, form_of, operation_of
from server.protocols.osmp.shown import comment, shown
from server.refusals import Refusal, Refused

# A network looks for its own id; what is longer is no id, and no reply repeats it.
_ECHO_LENGTH_MAX = 64


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply. A repeated payment shows only what was recorded, so it is the same bytes."""
    operation, echo = _question(request)
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            said, content = comment(view, request.agent, OK.text), shown(view, request.agent)
            return _reply(request, OK, echo, comment=said, content=content)
        case Operation.PAY, PaymentAccepted(payment, repeated):
            code = paid_code(request.agent, repeated)
            said = _said(payment, request.agent, code)
            return _reply(request, code, echo + _paid(payment, request.agent), comment=said)
        case Operation.CANCEL, PaymentCancelled():
            return _reply(request, OK, echo)
        case Operation.STATUS, PaymentStatus(payment) if payment.state is PaymentState.CREDITED:
            return _reply(request, OK, echo)
        case Operation.STATUS, PaymentStatus():
            return _refusal(request, operation, Refusal.PAYMENT_CANCELLED, echo)
        case _, RefusedOutcome(refusal):
            return _refusal(request, operation, refusal, echo)
        case _:
            return _refusal(request, operation, Refusal.TRY_LATER, echo)


def _question(request: Request) -> tuple[Operation, str]:
    """The operation and the echo of the network's id, also of requests that were refused."""
    try:
        given = form_of(request)
        operation = operation_of(given)
        return operation, _echo(request, operation, given)
    except Refused:
        return Operation.UNKNOWN, ""


def _echo(request: Request, operation: Operation, given: form.Form) -> str:
    if given.get("command") == GET_INFO:
        return ""
    if operation is Operation.CANCEL:
        name, tag = "prv_txn", settings.OWN_TAG.of(request.agent)
    else:
        name, tag = "txn_id", settings.TRANSACTION_TAG.of(request.agent)
    text = given.get(name)
    return xml.element(tag, text) if 0 < len(text) <= _ECHO_LENGTH_MAX else ""


def _paid(payment: Payment, agent: Agent) -> str:
    date_tag, date = settings.DATE_TAG.of(agent), ""
    if date_tag != settings.NONE:
        date_form = settings.DATE_FORMATS[date_tag]
        date = xml.element(date_tag, local_time.write(payment.recorded_at, date_form, agent.zone))
    number = xml.element(settings.OWN_TAG.of(agent), str(payment.payment_id))
    return number + date + xml.element("sum", str(payment.amount))


def _said(payment: Payment, agent: Agent, code: Code) -> str:
    """A payment's comment; a reading that was not taken is told, though it undoes nothing."""
    refused = readings.refused(payment.readings, TABLES[TABLE.of(agent)])
    spoken = code is not OK or settings.PAY_COMMENT.of(agent) == settings.ON
    return ". ".join(part for part in (code.text if spoken else "", refused) if part)


def _refusal(request: Request, operation: Operation, refusal: Refusal, echo: str) -> Response:
    code = refusal_code(request.agent, operation, refusal)
    if code.status == UNAVAILABLE.status:
        return UNAVAILABLE
    return _reply(request, code, echo, comment=code.text)


def _reply(
    request: Request, code: Code, echo: str, *, comment: str = "", content: str = ""
) -> Response:
    encoding = settings.ENCODING.of(request.agent)
    result = xml.element("result", code.code)
    said = xml.element("comment", comment) if comment else ""
    body = xml.document(f"<response>{echo}{result}{said}{content}</response>", encoding)
    return Response(body, xml.content_type(encoding), code.status)


CODEC = Codec(
    name="osmp",
    title="ОСМП / QIWI",
    facts=Facts(Confidence.OFFICIAL, MoneyForm.POINT, encodings=("utf-8", "windows-1251")),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    settings=(*settings.SETTINGS, TABLE, STATUS_NOT_FOUND),
    fast=fast,
)
