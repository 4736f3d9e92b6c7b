"""The post office's SOAP service: eight operations to commands, and outcomes back.

Contract: post.wsdl with post.xsd, served at ?wsdl. Whatever is decided is a code in the operation's
result. A fault decides nothing: the request could not be read, or was not its sender's.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from importlib.resources import files

from server.messages import (
    AccountChecked,
    AccountsFound,
    BatchPaid,
    Command,
    DayShown,
    Outcome,
    PaymentAccepted,
    PaymentCancelled,
    PaymentStatus,
    RefusedOutcome,
)
from server.offices import DayClosed, DayDiffers
from server.protocols import (
    Codec,
    Operation,
    Request,
    Response,
    Secrets,
    Verified,
    signatures,
    soap,
    ws_security,
    xml,
)
from server.protocols.facts import Confidence, Facts, MoneyForm, Proof
from server.protocols.post import reply
from server.protocols.post.codes import CODES, FAULTS, OK, OPERATIONS, REFUSALS, REPEATABLE
from server.protocols.post.qr import Bill
from server.protocols.post.request import BODY_BYTES_MAX, SCHEMA, Call, command, read, scanned
from server.protocols.post.settings import REQUIRED, SETTINGS, SIGNATURE, window
from server.refusals import Refusal, Refused

_SCHEMA = SCHEMA.partition("\n")[2]
"""Without the XML declaration."""
_TEMPLATE = files(__package__).joinpath("post.wsdl").read_text("utf-8")
_WSDL = _TEMPLATE.replace("<!-- post.xsd -->", f"\n{_SCHEMA}")
_ADDRESS = "http://localhost/"
_UNEXPECTED = RefusedOutcome(Refusal.TRY_LATER)
_FAULT_CODES = {
    soap.ENVELOPE: soap.FaultCode.VERSION_MISMATCH,
    soap.MUST_UNDERSTAND: soap.FaultCode.MUST_UNDERSTAND,
}
"""By the field of a refusal of the envelope itself."""
_SUBCODES = {Refusal.NOT_AUTHENTIC: ws_security.FAILED_AUTHENTICATION}


def verify(request: Request, secrets: Secrets, now: dt.datetime) -> Verified:
    """The UsernameToken and, where the agent signs, the Body's signature.

    Raises Refused(NOT_AUTHENTIC); Refused(MALFORMED) for what is no envelope.
    """
    envelope = read(request).envelope
    security = ws_security.security_of(envelope.headers)
    verified = ws_security.verified(
        ws_security.token_of(security),
        secrets.get("username", ""),
        secrets.get("password", ""),
        now,
        window(request.agent),
    )
    if SIGNATURE.of(request.agent) == REQUIRED:
        key = secrets.get(signatures.AGENT_PUBLIC_KEY, "")
        ws_security.require_signed_body(envelope, security, key)
    return verified


def decode(request: Request) -> Command:
    """The command in a request. Raises Refused, its field naming the element at fault."""
    return command(read(request))


def encode(request: Request, outcome: Outcome) -> Response:
    """The response of the operation that the request names, or a fault."""
    try:
        call = read(request)
    except Refused as error:
        return _fault(soap.expected_version(request.headers), outcome, error.field)
    if not call.name or (isinstance(outcome, RefusedOutcome) and outcome.refusal in FAULTS):
        return _fault(call.version, outcome)
    content = _content(call, outcome, request)
    return soap.respond(call.version, reply.response(call.name, content))


def _content(call: Call, outcome: Outcome, request: Request) -> str:
    agent = request.agent
    match call.operation, outcome:
        case Operation.FIND, AccountsFound():
            return reply.found(outcome, _bill(call))
        case Operation.CHECK, AccountChecked():
            return reply.debt(outcome, agent.limits)
        case (Operation.PAY, PaymentAccepted(payment)) | (
            Operation.CANCEL,
            PaymentCancelled(payment),
        ):
            return reply.done() + reply.payment(payment, agent)
        case Operation.STATUS, PaymentStatus(payment):
            return reply.done() + reply.payment(payment, agent)
        case Operation.BATCH, BatchPaid():
            return reply.batch(outcome, agent)
        case Operation.CLOSE_DAY, DayClosed():
            return reply.closed(outcome, agent)
        case Operation.CLOSE_DAY, DayDiffers():
            return reply.differs(outcome, agent)
        case Operation.DAY, DayShown():
            return reply.shown(outcome, agent)
        case _, RefusedOutcome():
            return reply.refused(call.operation, outcome, agent)
        case _:
            return reply.refused(call.operation, _UNEXPECTED, agent)


def _bill(call: Call) -> Bill | None:
    """None, too, where the code is none and the outcome cannot be the request's."""
    try:
        return scanned(call)
    except Refused:
        return None


def _fault(version: soap.Version, outcome: Outcome, field: str = "") -> Response:
    refusal = Refusal.TRY_LATER
    if isinstance(outcome, RefusedOutcome):
        refusal, field = outcome.refusal, outcome.field or field
    fault_code = _FAULT_CODES.get(field, soap.FaultCode.CLIENT)
    code = REFUSALS[refusal]
    return soap.fault(
        version,
        fault_code if refusal.final else soap.FaultCode.SERVER,
        code.text,
        subcode=_SUBCODES.get(refusal),
        detail=reply.failure(code, field),
    )


def sign(request: Request, response: Response, secrets: Secrets) -> Response:
    """The answer with its Body signed, for an agent that signs. Raises ValueError without a key."""
    if SIGNATURE.of(request.agent) != REQUIRED:
        return response
    key = secrets.get(signatures.SERVER_PRIVATE_KEY, "")
    return replace(response, body=ws_security.signed(response.body, key))


def _wsdl(address: str) -> tuple[str, bytes]:
    served = _WSDL.replace(f'location="{_ADDRESS}"', f'location="{xml.escape(address)}"')
    return xml.content_type(), served.encode()


def _xsd(_address: str) -> tuple[str, bytes]:
    return xml.content_type(), SCHEMA.encode()


CODEC = Codec(
    name="post",
    title="Почта: приём платежей в отделениях связи, SOAP",
    facts=Facts(
        Confidence.OWN,
        MoneyForm.KOPECKS,
        proofs=(Proof.USERNAME_TOKEN, Proof.BODY_SIGNATURE),
        secrets=("username", "password"),
        more_secrets=signatures.KEY_PAIRS,
    ),
    operations=frozenset((*OPERATIONS.values(), Operation.UNKNOWN)),
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    settings=SETTINGS,
    verify=verify,
    sign=sign,
    documents={"wsdl": _wsdl, "xsd": _xsd},
    body_bytes_max=BODY_BYTES_MAX,
)
