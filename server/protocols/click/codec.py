"""Click: form parameters in, JSON out; our payment's number is both prepare and confirm id."""

from __future__ import annotations

import msgspec

from server.messages import (
    Outcome,
    Payment,
    PaymentAccepted,
    PaymentCancelled,
    PaymentHeld,
    RefusedOutcome,
)
from server.money import Money
from server.protocols import Code, Codec, Operation, Request, Response, form
from server.protocols.click import settings
from server.protocols.click.codes import (
    CANCELLED,
    CODES,
    DUPLICATE,
    OK,
    OPERATIONS,
    REPEATABLE,
    WRONG_ACCOUNT,
)
from server.protocols.click.requests import amount_of, decode, form_of, operation_of, verify
from server.protocols.facts import Confidence, Facts, MoneyForm, Proof
from server.refusals import Refusal, Refused

_CONTENT_TYPE = "application/json; charset=utf-8"
_ECHO_LENGTH_MAX = 64
_NUMBER_LENGTH_MAX = 20
_PREPARE_ID = "merchant_prepare_id"
_CONFIRM_ID = "merchant_confirm_id"


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply; HTTP 200 whatever the code."""
    operation, given = _question(request)
    match operation, outcome:
        case Operation.HOLD, PaymentHeld(payment):
            return _reply(given, OK, _PREPARE_ID, payment)
        case Operation.CONFIRM, PaymentAccepted(payment, repeated):
            return _reply(given, DUPLICATE if repeated else OK, _CONFIRM_ID, payment)
        case Operation.CANCEL, PaymentCancelled(payment):
            return _reply(given, CANCELLED, _CONFIRM_ID, payment)
        case Operation.CANCEL, RefusedOutcome(Refusal.REVERSAL_FORBIDDEN, Payment() as credited):
            return _reply(given, DUPLICATE, _CONFIRM_ID, credited)
        case _, RefusedOutcome(Refusal.PAYMENT_CONFLICT, Payment() as earlier):
            same_sum = earlier.amount == _amount(given)
            code = WRONG_ACCOUNT if same_sum else CODES[operation, Refusal.PAYMENT_CONFLICT]
            return _reply(given, code)
        case _, RefusedOutcome(refusal):
            return _reply(given, CODES[operation, refusal])
        case _:
            return _reply(given, CODES[operation, Refusal.TRY_LATER])


def _question(request: Request) -> tuple[Operation, form.Form]:
    try:
        given = form_of(request)
        return operation_of(given), given
    except Refused:
        return Operation.UNKNOWN, form.Form({}, "utf-8")


def _amount(given: form.Form) -> Money | None:
    try:
        return amount_of(given)
    except Refused:
        return None


def _echo(given: form.Form, name: str) -> str:
    """A parameter of the request, also of one that was refused for it."""
    try:
        text = given.get(name)
    except Refused:
        return ""
    return text if len(text) <= _ECHO_LENGTH_MAX else ""


def _reply(
    given: form.Form, code: Code, number_name: str = "", payment: Payment | None = None
) -> Response:
    said: dict[str, object] = {}
    click_trans_id = _echo(given, "click_trans_id")
    if click_trans_id.isascii() and click_trans_id.isdigit():
        said["click_trans_id"] = _number(click_trans_id)
    said["merchant_trans_id"] = _echo(given, "merchant_trans_id")
    if payment is not None:
        said[number_name] = payment.payment_id
    said["error"] = int(code.code)
    said["error_note"] = code.text
    return Response(msgspec.json.encode(said), _CONTENT_TYPE, code.status)


def _number(digits: str) -> object:
    """As Click writes it: a number that keeps its digits, however many and with zeros before."""
    plain = len(digits) <= _NUMBER_LENGTH_MAX and str(int(digits)) == digits
    return msgspec.Raw(digits.encode()) if plain else digits


CODEC = Codec(
    name="click",
    title="Click",
    facts=Facts(Confidence.OFFICIAL, MoneyForm.POINT, proofs=(Proof.DIGEST,), secrets=("secret",)),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    duplicate=DUPLICATE.code,
    settings=settings.SETTINGS,
    verify=verify,
)
