"""Payme: every answer is HTTP 200, a result or an error in three languages."""

from __future__ import annotations

import datetime as dt

from server.agents import Agent
from server.messages import (
    AccountChecked,
    Outcome,
    Payment,
    PaymentAccepted,
    PaymentCancelled,
    PaymentHeld,
    PaymentState,
    PaymentStatus,
    RefusedOutcome,
    SecretChanged,
    Statement,
)
from server.protocols import Codec, Operation, Request, Response, json_rpc
from server.protocols.facts import Confidence, Facts, MoneyForm, Proof
from server.protocols.payme import settings
from server.protocols.payme.codes import (
    ACCOUNT_REFUSALS,
    CALL_CODES,
    CODES,
    MESSAGES,
    OK,
    OPERATIONS,
    REPEATABLE,
)
from server.protocols.payme.requests import (
    SET_FISCAL_DATA,
    decode,
    milliseconds,
    operation_of,
    verify,
)
from server.refusals import Refusal, Refused

_HELD = 1
_PERFORMED = 2
_CANCELLED_BEFORE = -1
_CANCELLED_AFTER = -2

_TIMED_OUT = 4
_REFUND = 5
_UNKNOWN_REASON = 10
_REASON_DIGITS_MAX = 9

_NO_CALL = json_rpc.Call("", None, b"{}")


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply. All times in it are recorded ones, so a repeat is the same bytes."""
    call = _call(request)
    operation = operation_of(call)
    match operation, outcome:
        case Operation.CHECK, AccountChecked():
            said: dict[str, object] = {"allow": True}
        case Operation.HOLD, PaymentHeld(payment) if payment.state is PaymentState.HELD:
            said = _created(payment)
        case Operation.HOLD, PaymentHeld():
            # Performed or cancelled meanwhile: it can be created no more.
            return _error(request, call, Refusal.PAYMENT_CANCELLED)
        case Operation.CONFIRM, PaymentAccepted(payment):
            said = _performed(payment)
        case Operation.CANCEL, PaymentCancelled(payment):
            said = _cancelled(payment)
        case Operation.STATUS, PaymentStatus() if call.method == SET_FISCAL_DATA:
            said = {"success": True}
        case Operation.STATUS, PaymentStatus(payment):
            said = _story(payment)
        case Operation.STATEMENT, Statement(payments):
            said = {"transactions": [_row(payment, request.agent) for payment in payments]}
        case Operation.CHANGE_SECRET, SecretChanged():
            said = {"success": True}
        case _, RefusedOutcome(refusal, field=field):
            return _error(request, call, refusal, field)
        case _:
            return _error(request, call, Refusal.TRY_LATER)
    return json_rpc.result(call.id, said)


def _call(request: Request) -> json_rpc.Call:
    try:
        return json_rpc.read(request)
    except Refused:
        return _NO_CALL


def _error(request: Request, call: json_rpc.Call, refusal: Refusal, field: str = "") -> Response:
    code = CODES[operation_of(call), refusal].code
    data: str | None = None
    if refusal is Refusal.MALFORMED:
        code = CALL_CODES.get(field, code)
    elif refusal is Refusal.UNKNOWN_OPERATION:
        data = call.method
    elif refusal in ACCOUNT_REFUSALS:
        data = settings.ACCOUNT_KEY.of(request.agent)
    return json_rpc.error(call.id, int(code), MESSAGES[refusal], data)


def _created(payment: Payment) -> dict[str, object]:
    return {
        "create_time": _create_time(payment),
        "transaction": str(payment.payment_id),
        "state": _HELD,
    }


def _performed(payment: Payment) -> dict[str, object]:
    return {
        "transaction": str(payment.payment_id),
        "perform_time": milliseconds(payment.credited_at or payment.recorded_at),
        "state": _PERFORMED,
    }


def _cancelled(payment: Payment) -> dict[str, object]:
    return {
        "transaction": str(payment.payment_id),
        "cancel_time": milliseconds(payment.state_at),
        "state": _state(payment),
    }


def _story(payment: Payment) -> dict[str, object]:
    state = _state(payment)
    return {
        "create_time": _create_time(payment),
        "perform_time": _time(payment.credited_at),
        "cancel_time": milliseconds(payment.state_at) if state < 0 else 0,
        "transaction": str(payment.payment_id),
        "state": state,
        "reason": _reason(payment) if state < 0 else None,
    }


def _row(payment: Payment, agent: Agent) -> dict[str, object]:
    return {
        "id": payment.agent_payment_id,
        "time": milliseconds(payment.paid_at),
        "amount": payment.amount.kopecks,
        "account": {settings.ACCOUNT_KEY.of(agent): payment.account},
        **_story(payment),
    }


def _create_time(payment: Payment) -> int:
    return milliseconds(payment.held_at or payment.recorded_at)


def _time(moment: dt.datetime | None) -> int:
    return 0 if moment is None else milliseconds(moment)


def _state(payment: Payment) -> int:
    match payment.state:
        case PaymentState.HELD:
            return _HELD
        case PaymentState.CREDITED:
            return _PERFORMED
        case PaymentState.REVERSED:
            return _CANCELLED_AFTER
        case _:
            return _CANCELLED_BEFORE if payment.credited_at is None else _CANCELLED_AFTER


def _reason(payment: Payment) -> int:
    """Payme's own reason as it came; ours are the time-out and a refund by the office."""
    if payment.state is PaymentState.EXPIRED:
        return _TIMED_OUT
    if payment.state is PaymentState.REVERSED:
        return _REFUND
    written = payment.reason
    readable = written.isascii() and written.isdigit() and len(written) <= _REASON_DIGITS_MAX
    return int(written) if readable else _UNKNOWN_REASON


CODEC = Codec(
    name="payme",
    title="Payme",
    facts=Facts(Confidence.OFFICIAL, MoneyForm.KOPECKS, proofs=(Proof.BASIC,), secrets=("key",)),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    settings=settings.SETTINGS,
    verify=verify,
)
