"""CyberPlat, the provider's side: signed parameters in, one line of signed XML out."""

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
from server.protocols.cyberplat import settings
from server.protocols.cyberplat.codes import BAD_TYPE, CODES, OK, OPERATIONS, REPEATABLE
from server.protocols.cyberplat.requests import (
    BAD_TYPE_FIELD,
    DATE,
    decode,
    form_of,
    operation_of,
    verify,
)
from server.protocols.facts import Confidence, Facts, MoneyForm, Proof
from server.refusals import Refusal, Refused

_END = b"</response>"


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply, still unsigned; elements always in the same order."""
    operation = _asked(request)
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(request, OK, add=_shown(request, view))
        case Operation.PAY, PaymentAccepted(payment):
            return _reply(request, OK, payment)
        case Operation.CANCEL, PaymentCancelled(payment):
            return _reply(request, OK, payment)
        case Operation.STATUS, PaymentStatus(payment) if payment.state is PaymentState.CREDITED:
            return _reply(request, OK, payment)
        case Operation.STATUS, PaymentStatus():
            return _refusal(request, operation, RefusedOutcome(Refusal.PAYMENT_CANCELLED))
        case _, RefusedOutcome():
            return _refusal(request, operation, outcome)
        case _:
            return _refusal(request, operation, RefusedOutcome(Refusal.TRY_LATER))


def sign(_request: Request, response: Response, secrets: Secrets) -> Response:
    """Our signature over the document without `sign`, which is then put in as its last element."""
    key = secrets.get(signatures.SERVER_PRIVATE_KEY, "")
    signature = signatures.sign_rsa(key, response.body, signatures.Digest.SHA_256)
    element = f"<sign>{signature}</sign>".encode()
    return replace(response, body=response.body.removesuffix(_END) + element + _END)


def _asked(request: Request) -> Operation:
    try:
        return operation_of(form_of(request))
    except Refused:
        return Operation.UNKNOWN


def _shown(request: Request, view: AccountView) -> str:
    """The free text `add`, as one server has it: `key : value:` pairs."""
    if settings.ADD.of(request.agent) == settings.OFF:
        return ""
    pairs = (("Плательщик", view.holder), ("Долг, руб.", str(view.debt)), ("Адрес", view.address))
    return xml.element("add", "".join(f"{name} : {value}:" for name, value in pairs))


def _refusal(request: Request, operation: Operation, refused: RefusedOutcome) -> Response:
    code = CODES[operation, refused.refusal]
    if refused.refusal is Refusal.MALFORMED and refused.field == BAD_TYPE_FIELD:
        code = BAD_TYPE
    own = settings.own_code(request.agent, refused.refusal)
    return _reply(request, replace(code, code=own) if own else code)


def _reply(
    request: Request, code: Code, payment: Payment | None = None, *, add: str = ""
) -> Response:
    encoding, registered = settings.ENCODING.of(request.agent), ""
    if payment is not None:
        date = local_time.write(payment.state_at, DATE, request.agent.zone)
        registered = xml.element("authcode", str(payment.payment_id)) + xml.element("date", date)
    content = (
        f"{xml.element('code', code.code)}{registered}{xml.element('message', code.text)}{add}"
    )
    body = xml.document(f"<response>{content}</response>", encoding, separator="")
    return Response(body, xml.content_type(encoding), code.status)


CODEC = Codec(
    name="cyberplat",
    title="КиберПлат",
    facts=Facts(
        Confidence.PARTIAL,
        MoneyForm.POINT,
        encodings=("windows-1251", "utf-8"),
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
