"""Gorod: the bank's login and password in every query, XML in windows-1251 out, sums in kopecks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from server.accounts import AccountView
from server.messages import (
    AccountChecked,
    CheckAccount,
    Command,
    Outcome,
    Pay,
    Payment,
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
    form,
    local_time,
    signatures,
    xml,
)
from server.protocols.facts import Confidence, Facts, MoneyForm, Proof
from server.protocols.gorod import settings
from server.protocols.gorod.codes import CODES, DONE, OK, OPERATIONS, REPEATABLE
from server.refusals import Refusal, Refused

_DATE = "%Y/%m/%d %H:%M:%S"
_PAY_ID_LENGTH_MAX = 20


# --- requests ---------------------------------------------------------------------------------


def verify(request: Request, secrets: Secrets, _now: dt.datetime) -> Verified:
    """Compare login and password with those issued to the bank, in constant time."""
    given = _form_of(request)
    login, password = (signatures.secret(secrets, name) for name in ("login", "password"))
    same = signatures.same(given.get("login"), login)
    if not same & signatures.same(given.get("password"), password):
        raise Refused(Refusal.NOT_AUTHENTIC, "login or password")
    return Verified()


def decode(request: Request) -> Command:
    """What the bank wants. Raises Refused."""
    given = _form_of(request)
    operation = _operation_of(given)
    if operation not in _READERS:
        raise Refused(Refusal.UNKNOWN_OPERATION, given.get("method")[:40], "method")
    service = given.get("service")
    if service not in settings.our_services(request.agent):
        raise Refused(Refusal.NOT_PERMITTED, f"the service {service[:40]!r}", "service")
    return _READERS[operation](given)


def _form_of(request: Request) -> form.Form:
    return form.read(request, settings.ENCODING.of(request.agent))


def _operation_of(given: form.Form) -> Operation:
    return _OPERATIONS.get(given.get("method"), Operation.UNKNOWN)


def _check(given: form.Form) -> Command:
    account = fields.account(given.get("account"), "account")
    if "summ" not in given:
        return CheckAccount(account)
    return CheckAccount(account, fields.kopecks(given.get("summ"), "summ", zero=True) or None)


def _pay(given: form.Form) -> Command:
    return Pay(
        account=fields.account(given.get("account"), "account"),
        amount=fields.kopecks(given.get("summ"), "summ"),
        agent_payment_id=fields.digits(given.get("payid"), "payid", _PAY_ID_LENGTH_MAX),
    )


_OPERATIONS = {"check": Operation.CHECK, "pay": Operation.PAY}
_READERS: Mapping[Operation, Callable[[form.Form], Command]] = {
    Operation.CHECK: _check,
    Operation.PAY: _pay,
}


# --- replies ----------------------------------------------------------------------------------


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply; that to a repeated payment is the same bytes."""
    operation = _asked(request)
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(request, OK, _shown(request, view))
        case Operation.PAY, PaymentAccepted(payment):
            return _reply(request, OK, _paid(request, payment))
        case _, RefusedOutcome(refusal):
            return _refusal(request, CODES[operation, refusal])
        case _:
            return UNAVAILABLE


def _asked(request: Request) -> Operation:
    try:
        return _operation_of(_form_of(request))
    except Refused:
        return Operation.UNKNOWN


def _shown(request: Request, view: AccountView) -> str:
    """Sums in the text and in Balance are roubles; Balance is money on the account."""
    said = f"{view.holder}, {view.address}. Долг {view.debt} руб."
    description = xml.element("Description", said)
    if settings.DETAILS.of(request.agent) == settings.OFF:
        return description
    return "".join(
        (
            description,
            xml.element("Client", view.holder),
            xml.element("Account", view.account),
            xml.element("Balance", str(-view.debt)),
            xml.element("Address", view.address),
        )
    )


def _paid(request: Request, payment: Payment) -> str:
    recorded = local_time.write(payment.recorded_at, _DATE, request.agent.zone)
    return "".join(
        (
            xml.element("PlatID", str(payment.payment_id)),
            xml.element("Status", DONE),
            xml.element("Date", recorded),
        )
    )


def _refusal(request: Request, code: Code) -> Response:
    if code.status == UNAVAILABLE.status:
        return UNAVAILABLE
    return _reply(request, code, xml.element("Message", code.text))


def _reply(request: Request, code: Code, content: str) -> Response:
    encoding = settings.ENCODING.of(request.agent)
    markup = f"<Answer>{xml.element('Code', code.code)}{content}</Answer>"
    return Response(xml.document(markup, encoding), xml.content_type(encoding), code.status)


CODEC = Codec(
    name="gorod",
    title="Система «Город» (Челябинвестбанк)",
    facts=Facts(
        Confidence.OFFICIAL,
        MoneyForm.KOPECKS,
        encodings=("windows-1251", "utf-8"),
        proofs=(Proof.CREDENTIALS,),
        secrets=("login", "password"),
    ),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    settings=settings.SETTINGS,
    verify=verify,
)
