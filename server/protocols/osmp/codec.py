"""OSMP / QIWI: `check` and `pay` in a query string, answered in XML; nothing is signed."""

from __future__ import annotations

from server.accounts import AccountView
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
from server.protocols import UNAVAILABLE, Code, Codec, Operation, Request, Response, form, xml
from server.protocols.osmp import settings
from server.protocols.osmp.codes import CODES, OK, OPERATIONS, REPEATABLE
from server.protocols.osmp.requests import GET_INFO, decode, form_of, operation_of
from server.refusals import Refusal, Refused

# A network looks for its own id; what is longer is no id, and no reply repeats it.
_ECHO_LENGTH_MAX = 64


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply. A repeated payment shows only what was recorded, so it is the same bytes."""
    operation, echo = _question(request)
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(request, OK, echo, comment=OK.text, fields=_fields(view))
        case Operation.PAY, PaymentAccepted(payment):
            return _reply(request, OK, echo + _paid(payment))
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
        name = tag = "prv_txn"
    else:
        name, tag = "txn_id", settings.TRANSACTION_TAG.of(request.agent)
    text = given.get(name)
    return xml.element(tag, text) if 0 < len(text) <= _ECHO_LENGTH_MAX else ""


def _paid(payment: Payment) -> str:
    return xml.element("prv_txn", str(payment.payment_id)) + xml.element("sum", str(payment.amount))


def _fields(view: AccountView) -> str:
    shown = [
        ("Плательщик", view.holder),
        ("Долг, руб.", str(view.debt)),
        ("Адрес", view.address),
        *((service.name, str(service.debt)) for service in view.services),
    ]
    fields = "".join(
        f'<field{number} name="{xml.escape(name)}" type="disp">{xml.escape(text)}</field{number}>'
        for number, (name, text) in enumerate(shown, 1)
    )
    return f"<fields>{fields}</fields>"


def _refusal(request: Request, operation: Operation, refusal: Refusal, echo: str) -> Response:
    code = CODES[operation, refusal]
    if code.status == UNAVAILABLE.status:
        return UNAVAILABLE
    return _reply(request, code, echo, comment=code.text)


def _reply(
    request: Request, code: Code, echo: str, *, comment: str = "", fields: str = ""
) -> Response:
    encoding = settings.ENCODING.of(request.agent)
    result = xml.element("result", code.code)
    said = xml.element("comment", comment) if comment else ""
    body = xml.document(f"<response>{echo}{result}{said}{fields}</response>", encoding)
    return Response(body, xml.content_type(encoding), code.status)


CODEC = Codec(
    name="osmp",
    title="ОСМП / QIWI",
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    settings=settings.SETTINGS,
)
