"""USMP: QueryType=check, pay, cancel; without one the list of a period. Nothing is signed."""

from __future__ import annotations

from collections.abc import Iterable

from server.accounts import AccountView
from server.messages import (
    AccountChecked,
    Outcome,
    Payment,
    PaymentAccepted,
    PaymentCancelled,
    RefusedOutcome,
    Statement,
)
from server.protocols import (
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
from server.protocols.usmp import settings
from server.protocols.usmp.codes import CODES, OK, OPERATIONS, REPEATABLE
from server.protocols.usmp.requests import DATE, decode, operation_of
from server.refusals import Refusal, Refused

# A network looks for its own id; what is longer is no id, and no reply repeats it.
_ECHO_LENGTH_MAX = 64


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply; a success has a comment only when a reading was not taken."""
    operation, given = _question(request)
    transaction, revert = _echo(given, "TransactionId"), _echo(given, "RevertId")
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(OK, transaction, tail=_fields(view))
        case Operation.PAY, PaymentAccepted(payment):
            said = readings.refused(payment.readings, CODES)
            return _reply(OK, transaction + _paid(payment), said)
        case Operation.CANCEL, PaymentCancelled(payment):
            return _reply(OK, transaction + revert + _paid(payment))
        case Operation.STATEMENT, Statement(payments):
            return _document(_list(payments, request.agent.zone))
        case Operation.CANCEL, RefusedOutcome(refusal):
            return _refusal(operation, refusal, transaction + revert)
        case _, RefusedOutcome(refusal):
            return _refusal(operation, refusal, transaction)
        case _:
            return _refusal(operation, Refusal.TRY_LATER, transaction)


def _question(request: Request) -> tuple[Operation, form.Form]:
    try:
        given = form.read(request)
        return operation_of(given), given
    except Refused:
        return Operation.UNKNOWN, form.Form({}, xml.UTF_8)


def _echo(given: form.Form, name: str) -> str:
    try:
        text = given.get(name)
    except Refused:
        return ""
    return xml.element(name, text) if 0 < len(text) <= _ECHO_LENGTH_MAX else ""


def _paid(payment: Payment) -> str:
    number = xml.element("TransactionExt", str(payment.payment_id))
    return number + xml.element("Amount", str(payment.amount))


def _fields(view: AccountView) -> str:
    """`deposit` is money on the account: a debt is negative."""
    shown = [
        ("address", view.address),
        ("deposit", str(-view.debt)),
        ("fio", view.holder),
        *((service.name, str(service.debt)) for service in view.services),
    ]
    fields = "".join(
        f'<field{number} name="{xml.escape(name)}">{xml.escape(text)}</field{number}>'
        for number, (name, text) in enumerate(shown, 1)
    )
    return f"<Fields>{fields}</Fields>"


def _list(payments: Iterable[Payment], zone: str) -> str:
    return "".join(
        f"<Payment>{xml.element('TransactionId', payment.agent_payment_id)}"
        f"{xml.element('Account', payment.account)}"
        f"{xml.element('TransactionDate', local_time.write(payment.paid_at, DATE, zone))}"
        f"{xml.element('Amount', str(payment.amount))}</Payment>"
        for payment in payments
    )


def _refusal(operation: Operation, refusal: Refusal, echo: str) -> Response:
    code = CODES[operation, refusal]
    return _reply(code, echo, code.text)


def _reply(code: Code, head: str, comment: str = "", tail: str = "") -> Response:
    said = xml.element("Comment", comment) if comment else ""
    return _document(f"{head}{xml.element('ResultCode', code.code)}{said}{tail}", code.status)


def _document(content: str, status: int = 200) -> Response:
    return Response(xml.document(f"<Response>{content}</Response>"), xml.content_type(), status)


CODEC = Codec(
    name="usmp",
    title="USMP / City-Pay",
    facts=Facts(Confidence.AGREED, MoneyForm.POINT),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    settings=settings.SETTINGS,
)
