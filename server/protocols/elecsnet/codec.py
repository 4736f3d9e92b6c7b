"""Elecsnet: check (`type=1`) and payment (`type=2`), answered by a code and a text to show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from server.accounts import AccountView
from server.agents import Agent
from server.messages import (
    AccountChecked,
    CheckAccount,
    Command,
    Outcome,
    Pay,
    PaymentAccepted,
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
    Verified,
    fields,
    local_time,
    signatures,
    xml,
)
from server.protocols.elecsnet import line, settings
from server.protocols.elecsnet.codes import (
    ARBITRARY,
    CODES,
    DUPLICATE,
    OK,
    OPERATIONS,
    REPEATABLE,
)
from server.protocols.facts import Confidence, Facts, MoneyForm, Proof
from server.refusals import Refusal, Refused

_AUTH_CODE_LENGTH_MAX = 64
_MESSAGE_LENGTH_MAX = 100
_OPERATIONS = {"1": Operation.CHECK, "2": Operation.PAY}


def verify(request: Request, secrets: Secrets, _now: dt.datetime) -> Verified:
    """RSA with MD5 over the bytes before `&signature=`. Raises Refused."""
    found = line.split(request.body)
    signatures.verify_rsa(secrets, found.signature, found.signed, signatures.Digest.MD5)
    return Verified()


def decode(request: Request) -> Command:
    """What the terminal wants. Raises Refused."""
    given = _given(request)
    operation = _operation(given)
    if operation is Operation.UNKNOWN:
        raise Refused(Refusal.UNKNOWN_OPERATION, given.get("type", "")[:40], "type")
    account = fields.account(_required(given, "reqid"), "reqid")
    if operation is Operation.CHECK:
        return CheckAccount(account)
    _currency(given, request.agent)
    return Pay(
        agent_payment_id=fields.token(
            _required(given, "auth_code"), "auth_code", _AUTH_CODE_LENGTH_MAX
        ),
        account=account,
        amount=fields.kopecks(_required(given, "amount"), "amount"),
        paid_at=_paid_at(given.get("date", ""), request.agent),
    )


def encode(request: Request, outcome: Outcome) -> Response:
    """The line, still unsigned; HTTP 200 whatever the code."""
    operation = _asked(request)
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(OK, _shown(view))
        case Operation.PAY, PaymentAccepted(repeated=True):
            return _reply(DUPLICATE)
        case Operation.PAY, PaymentAccepted():
            return _reply(OK)
        case _, RefusedOutcome(refusal):
            code = CODES[operation, refusal]
        case _:
            code = CODES[operation, Refusal.TRY_LATER]
    if code.status == UNAVAILABLE.status:
        return UNAVAILABLE
    return _reply(code, line.part(code.text) if code.code == ARBITRARY else "")


def sign(_request: Request, response: Response, secrets: Secrets) -> Response:
    """Our signature over the whole line, put at its end. An empty answer stays empty."""
    if response.status == UNAVAILABLE.status:
        return response
    key = secrets.get(signatures.SERVER_PRIVATE_KEY, "")
    signature = signatures.sign_rsa(key, response.body, signatures.Digest.MD5)
    return replace(response, body=line.with_signature(response.body, signature))


def _given(request: Request) -> Mapping[str, str]:
    if request.method != "POST":
        raise Refused(Refusal.MALFORMED, f"the method {request.method[:20]!r}")
    return line.pairs(line.split(request.body).signed)


def _operation(given: Mapping[str, str]) -> Operation:
    return _OPERATIONS.get(given.get("type", ""), Operation.UNKNOWN)


def _asked(request: Request) -> Operation:
    try:
        return _operation(_given(request))
    except Refused:
        return Operation.UNKNOWN


def _required(given: Mapping[str, str], name: str) -> str:
    text = given.get(name, "")
    if not text:
        raise Refused(Refusal.MALFORMED, f"no {name}", name)
    return text


def _currency(given: Mapping[str, str], agent: Agent) -> None:
    written = given.get("currency", "")
    if written and written not in settings.CURRENCY.of(agent).split():
        raise Refused(Refusal.AMOUNT_MALFORMED, f"the currency {written[:40]}", "currency")


def _paid_at(written: str, agent: Agent) -> dt.datetime | None:
    """Nobody says how the date is spelled: what cannot be read is dated by its arrival."""
    try:
        return local_time.read_any(written, agent.zone)
    except Refused:
        if settings.DATE.of(agent) == settings.REQUIRED:
            raise
        return None


def _shown(view: AccountView) -> str:
    """The payer, and the money on account: a debt is negative."""
    return f"{line.part(view.holder)}-БАЛАНС:{line.part(str(-view.debt))}"


def _reply(code: Code, ansid: str = "") -> Response:
    said = [("ans_code", code.code)]
    if ansid:
        said.append(("ansid", ansid))
    said.append(("message", code.text[:_MESSAGE_LENGTH_MAX]))
    return Response(line.write(said), f"text/plain; charset={xml.WINDOWS_1251}", code.status)


CODEC = Codec(
    name="elecsnet",
    title="Элекснет",
    facts=Facts(
        Confidence.PARTIAL,
        MoneyForm.KOPECKS,
        encodings=("windows-1251",),
        proofs=(Proof.RSA,),
        secrets=signatures.KEY_PAIRS,
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
