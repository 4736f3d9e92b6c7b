"""Сбербанк ЕПС, protocol 1: parameters in, XML out; names are compared without case."""

from __future__ import annotations

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
    Code,
    Codec,
    Operation,
    Request,
    Response,
    fields,
    form,
    local_time,
    xml,
)
from server.protocols.facts import Confidence, Facts, MoneyForm
from server.protocols.sber import settings
from server.protocols.sber.codes import CODES, DUPLICATE, OK, OPERATIONS, REPEATABLE
from server.protocols.sber.fast import fast
from server.refusals import Refusal, Refused

DATE = "%d.%m.%Y_%H:%M:%S"
_PAY_ID_LENGTH_MAX = 20

_OPERATIONS = {"check": Operation.CHECK, "payment": Operation.PAY}


def decode(request: Request) -> Command:
    """What the bank wants; parameters are looked at in the order of the bank's text."""
    given = _form_of(request)
    operation = _operation_of(given)
    if operation is Operation.UNKNOWN:
        raise Refused(Refusal.UNKNOWN_OPERATION, given.get("action")[:40], "ACTION")
    account = fields.account(given.get("account"), "ACCOUNT")
    if operation is Operation.CHECK:
        return CheckAccount(account)
    return Pay(
        account=account,
        amount=fields.roubles(given.get("amount"), "AMOUNT"),
        agent_payment_id=fields.digits(given.get("pay_id"), "PAY_ID", _PAY_ID_LENGTH_MAX),
        paid_at=local_time.read(given.get("pay_date"), DATE, request.agent.zone),
    )


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply; HTTP 200 whatever the code."""
    operation = _asked(request)
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(request, OK, _shown(request, view))
        case Operation.PAY, PaymentAccepted(payment, repeated=True):
            return _reply(request, DUPLICATE, _registered(request, payment, "AMOUNT"))
        case Operation.PAY, PaymentAccepted(payment):
            amount_tag = settings.AMOUNT_TAG.of(request.agent)
            return _reply(request, OK, _registered(request, payment, amount_tag))
        case _, RefusedOutcome(refusal):
            return _reply(request, CODES[operation, refusal])
        case _:
            return _reply(request, CODES[operation, Refusal.TRY_LATER])


def _form_of(request: Request) -> form.Form:
    return form.read(request, settings.ENCODING.of(request.agent), fold_case=True)


def _operation_of(given: form.Form) -> Operation:
    return _OPERATIONS.get(given.get("action").lower(), Operation.UNKNOWN)


def _asked(request: Request) -> Operation:
    try:
        return _operation_of(_form_of(request))
    except Refused:
        return Operation.UNKNOWN


def _shown(request: Request, view: AccountView) -> str:
    debt_positive = settings.BALANCE_SIGN.of(request.agent) == settings.DEBT_POSITIVE
    balance = view.debt if debt_positive else -view.debt
    services = "; ".join(f"{service.name}: {service.debt}" for service in view.services)
    return "".join(
        (
            xml.element("FIO", view.holder),
            xml.element("ADDRESS", view.address),
            xml.element("BALANCE", str(balance)),
            # The bank's text wants it strictly positive, so nothing owed is nothing recommended.
            xml.element("REC_SUM", str(view.debt)) if view.debt.kopecks > 0 else "",
            xml.element("INFO", services) if services else "",
        )
    )


def _registered(request: Request, payment: Payment, amount_tag: str) -> str:
    registered_at = local_time.write(payment.recorded_at, DATE, request.agent.zone)
    return "".join(
        (
            xml.element("EXT_ID", str(payment.payment_id)),
            xml.element("REG_DATE", registered_at),
            xml.element(amount_tag, str(payment.amount)),
        )
    )


def _reply(request: Request, code: Code, content: str = "") -> Response:
    encoding = settings.ENCODING.of(request.agent)
    answer = xml.element("CODE", code.code) + xml.element("MESSAGE", code.text)
    body = xml.document(f"<response>{answer}{content}</response>", encoding)
    return Response(body, xml.content_type(encoding), code.status)


CODEC = Codec(
    name="sber",
    title="Сбербанк ЕПС, протокол 1",
    facts=Facts(Confidence.OFFICIAL, MoneyForm.POINT, encodings=("utf-8", "windows-1251")),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    duplicate=DUPLICATE.code,
    settings=settings.SETTINGS,
    fast=fast,
)
