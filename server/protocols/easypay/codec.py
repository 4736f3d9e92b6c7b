"""EasyPay: a payment is registered, then confirmed or cancelled, under our number."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from server.accounts import AccountView
from server.messages import (
    AccountChecked,
    Outcome,
    Payment,
    PaymentAccepted,
    PaymentCancelled,
    PaymentHeld,
    RefusedOutcome,
)
from server.protocols import (
    UNAVAILABLE,
    Code,
    Codec,
    Operation,
    Request,
    Response,
    Secrets,
    local_time,
    signatures,
    xml,
)
from server.protocols.easypay import settings
from server.protocols.easypay.codes import (
    CODES,
    EXISTS,
    OK,
    OPERATIONS,
    REPEATABLE,
    TABLES,
)
from server.protocols.easypay.requests import DATE_TIME, decode, read, verify
from server.protocols.facts import Confidence, Facts, MoneyForm, Proof
from server.refusals import Refusal, Refused

_BEFORE_SIGNATURE = b"<Sign>"
_AFTER_SIGNATURE = b"</Sign></Response>"


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply with an empty Sign. Times of a payment are those recorded, so repeats are equal."""
    operation = _asked(request)
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(request, OK, request.received_at, _shown(view))
        case Operation.HOLD, PaymentHeld(payment, repeated):
            code = _repeat_code(request) if repeated else OK
            number = xml.element("PaymentId", str(payment.payment_id))
            return _reply(request, code, payment.held_at or payment.recorded_at, number)
        case Operation.CONFIRM, PaymentAccepted(payment):
            return _dated(request, "OrderDate", _credited_at(payment))
        case Operation.CANCEL, PaymentCancelled(payment):
            return _dated(request, "CancelDate", payment.state_at)
        case _, RefusedOutcome(refusal):
            return _refusal(request, refusal)
        case _:
            return _refusal(request, Refusal.TRY_LATER)


def sign(_request: Request, response: Response, secrets: Secrets) -> Response:
    """Our signature over the document with an empty Sign, then put into it."""
    if response.status == UNAVAILABLE.status:
        return response
    key = secrets.get(signatures.SERVER_PRIVATE_KEY, "")
    signature = signatures.sign_rsa(key, response.body, signatures.Digest.SHA_1).upper()
    body = response.body.removesuffix(_AFTER_SIGNATURE) + signature.encode() + _AFTER_SIGNATURE
    return replace(response, body=body)


def _asked(request: Request) -> Operation:
    try:
        return read(request).operation
    except Refused:
        return Operation.UNKNOWN


def _credited_at(payment: Payment) -> dt.datetime:
    return payment.credited_at or payment.recorded_at


def _repeat_code(request: Request) -> Code:
    if settings.REPEAT.of(request.agent) == settings.OK:
        return OK
    return EXISTS[settings.CODES.of(request.agent)]


def _shown(view: AccountView) -> str:
    shown = (
        xml.element("Account", view.account)
        + xml.element("Fio", view.holder)
        + xml.element("Address", view.address)
        + xml.element("Debt", str(view.debt))
    )
    return f"<AccountInfo>{shown}</AccountInfo>"


def _refusal(request: Request, refusal: Refusal) -> Response:
    code = TABLES[settings.CODES.of(request.agent)][refusal]
    if code.status == UNAVAILABLE.status:
        return UNAVAILABLE
    return _reply(request, code, request.received_at)


def _dated(request: Request, name: str, moment: dt.datetime) -> Response:
    date = local_time.write(moment, DATE_TIME, request.agent.zone)
    return _reply(request, OK, moment, xml.element(name, date))


def _reply(request: Request, code: Code, moment: dt.datetime, content: str = "") -> Response:
    markup = (
        f"<Response>{xml.element('StatusCode', code.code)}{xml.element('StatusDetail', code.text)}"
        f"<DateTime>{local_time.write(moment, DATE_TIME, request.agent.zone)}</DateTime>{content}"
    )
    body = xml.document(markup) + _BEFORE_SIGNATURE + _AFTER_SIGNATURE
    return Response(body, xml.content_type(), code.status)


CODEC = Codec(
    name="easypay",
    title="EasyPay",
    facts=Facts(
        Confidence.AGREED,
        MoneyForm.POINT,
        encodings=("utf-8", "windows-1251"),
        proofs=(Proof.RSA,),
        secrets=signatures.KEY_PAIRS,
    ),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    settings=settings.SETTINGS,
    verify=verify,
    sign=sign,
)
