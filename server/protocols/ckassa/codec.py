"""The "act" family: check, payment, status, cancellation; replies chained to the request's sign."""

from __future__ import annotations

from dataclasses import replace

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
from server.protocols import (
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
from server.protocols.ckassa import settings
from server.protocols.ckassa.codes import CODES, DUPLICATE, OK, OPERATIONS, REPEATABLE, SBERBANK
from server.protocols.ckassa.requests import (
    SECRET,
    decode,
    is_signed,
    operation_of,
    sent,
    values,
    verify,
)
from server.protocols.facts import Confidence, Facts, MoneyForm, Proof
from server.refusals import Refusal, Refused

_DATE = "%Y-%m-%dT%H:%M:%S"
_PARAMS = b"<params>"
_PARAMS_END = b"</params>"


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply, still unsigned, without white space between its elements."""
    operation = _asked(request)
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(request, OK, _shown(view))
        case Operation.PAY, PaymentAccepted(payment, repeated):
            return _reply(request, DUPLICATE if repeated else OK, _registered(request, payment))
        case Operation.STATUS, PaymentStatus(payment) if payment.state is PaymentState.CREDITED:
            return _reply(request, OK, _registered(request, payment))
        case Operation.STATUS, PaymentStatus():
            return _refusal(request, operation, Refusal.PAYMENT_CANCELLED)
        case Operation.CANCEL, PaymentCancelled():
            return _reply(request, OK)
        case _, RefusedOutcome(refusal):
            return _refusal(request, operation, refusal)
        case _:
            return _refusal(request, operation, Refusal.TRY_LATER)


def sign(request: Request, response: Response, secrets: Secrets) -> Response:
    """MD5 over the inside of our `params`, the request's sign and the secret.

    A request that is not signed, or wrongly, gets an unsigned answer.
    """
    if not is_signed(request, secrets):
        return response
    head, _, rest = response.body.partition(_PARAMS)
    inner, _, tail = rest.rpartition(_PARAMS_END)
    encoding = settings.ENCODING.of(request.agent)
    chained = (sent(request).sign + secrets[SECRET]).encode(encoding, "xmlcharrefreplace")
    digest = signatures.digest_hex(signatures.Digest.MD5, inner + chained).upper()
    signed = b"".join((head, _PARAMS, inner, _PARAMS_END, f"<sign>{digest}</sign>".encode(), tail))
    return replace(response, body=signed)


def _asked(request: Request) -> Operation:
    try:
        return operation_of(values(request))
    except Refused:
        return Operation.UNKNOWN


def _shown(view: AccountView) -> str:
    """The balance is money on account: a debt is negative."""
    return (
        xml.element("account", view.account)
        + xml.element("client_name", view.holder)
        + xml.element("balance", str(-view.debt))
    )


def _registered(request: Request, payment: Payment) -> str:
    date = local_time.write(payment.recorded_at, _DATE, request.agent.zone)
    return xml.element("reg_id", str(payment.payment_id)) + xml.element("reg_date", date)


def _refusal(request: Request, operation: Operation, refusal: Refusal) -> Response:
    code = CODES[operation, refusal]
    if settings.CODES.of(request.agent) == settings.SBERBANK:
        code = replace(code, code=SBERBANK.get(refusal, code.code))
    return _reply(request, code)


def _reply(request: Request, code: Code, content: str = "") -> Response:
    agent = request.agent
    encoding, root = settings.ENCODING.of(agent), settings.REPLY_ROOT.of(agent)
    said = xml.element("err_code", code.code) + xml.element("err_text", code.text)
    body = xml.document(f"<{root}><params>{said}{content}</params></{root}>", encoding)
    return Response(body, xml.content_type(encoding), code.status)


CODEC = Codec(
    name="ckassa",
    title="Центральная касса",
    facts=Facts(
        Confidence.AGREED,
        MoneyForm.KOPECKS,
        encodings=("utf-8", "windows-1251"),
        proofs=(Proof.DIGEST,),
        secrets=("secret",),
    ),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    duplicate=DUPLICATE.code,
    settings=settings.SETTINGS,
    verify=verify,
    sign=sign,
)
