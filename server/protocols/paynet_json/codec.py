"""Paynet's JSON-RPC service: a result or an error, HTTP 200 but for wrong credentials."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from server.accounts import AccountView
from server.agents import Agent
from server.messages import (
    AccountChecked,
    Outcome,
    Payment,
    PaymentAccepted,
    PaymentCancelled,
    PaymentState,
    PaymentStatus,
    RefusedOutcome,
    SecretChanged,
    Statement,
)
from server.money import Money
from server.protocols import (
    Code,
    Codec,
    Operation,
    Request,
    Response,
    json_rpc,
    local_time,
    paynet_statuses,
    readings,
)
from server.protocols.facts import Confidence, Facts, MoneyForm, Proof
from server.protocols.paynet_json import settings
from server.protocols.paynet_json.codes import (
    ALREADY_CANCELLED,
    CANCELLED,
    CODES,
    NOT_FOUND,
    OK,
    OPERATIONS,
    REPEATABLE,
    REPEATED,
    STATES,
    refusal_code,
)
from server.protocols.paynet_json.requests import (
    DATE,
    NO_CALL,
    Params,
    amount_of,
    decode,
    operation_of,
    read_params,
    verify,
)
from server.refusals import Refusal, Refused

_CHANGED = "success"
_CHALLENGE = (("WWW-Authenticate", 'Basic realm="paynet", charset="UTF-8"'),)
_UNAUTHORIZED = 401
_NUMBER_MAX = 2**53
"""Above it JSON numbers lose digits in many languages, so a longer id is a text."""


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply. What it says of a payment is only what was recorded."""
    call, agent = _call(request), request.agent
    now = _time(request.received_at, agent)
    match operation_of(call), outcome:
        case Operation.CHECK, AccountChecked(view):
            return json_rpc.result(call.id, _information(view, agent, now))
        case Operation.PAY, PaymentAccepted(payment, repeated):
            return _paid(call, payment, repeated, request)
        case Operation.STATUS, PaymentStatus(payment):
            return json_rpc.result(call.id, _state(payment, agent))
        case Operation.STATUS, RefusedOutcome(Refusal.PAYMENT_NOT_FOUND) if _as_state(agent):
            missing = {"transactionState": NOT_FOUND, "timestamp": now, "providerTrnId": 0}
            return json_rpc.result(call.id, missing)
        case Operation.CANCEL, PaymentCancelled(payment, repeated=True):
            return _again(call, ALREADY_CANCELLED, _cancelled(payment, agent))
        case Operation.CANCEL, PaymentCancelled(payment):
            return json_rpc.result(call.id, _cancelled(payment, agent))
        case Operation.STATEMENT, Statement(payments):
            rows = [_row(payment, agent) for payment in payments]
            return json_rpc.result(call.id, {"statements": rows})
        case Operation.CHANGE_SECRET, SecretChanged():
            return json_rpc.result(call.id, _CHANGED)
        case _, RefusedOutcome():
            return _refused(call, outcome, request)
        case _:
            return _refused(call, RefusedOutcome(Refusal.TRY_LATER), request)


def _call(request: Request) -> json_rpc.Call:
    try:
        return json_rpc.read(request)
    except Refused:
        return NO_CALL


def _as_state(agent: Agent) -> bool:
    return settings.CHECK_NOT_FOUND.of(agent) == settings.STATE


def _time(moment: dt.datetime, agent: Agent) -> str:
    return local_time.write(moment, DATE, agent.zone)


def _information(view: AccountView, agent: Agent, now: str) -> dict[str, object]:
    """As in the SOAP service: `balance` is what is owed, in tiyin."""
    shown = {
        "balance": str(view.debt.kopecks),
        "name": view.holder,
        "address": view.address,
        **{f"debt_{due.service}": str(due.debt.kopecks) for due in view.services},
    }
    prefix = settings.METER_PREFIX.of(agent)
    for meter in view.meters if prefix else ():
        last = "" if meter.last_reading is None else readings.dial(meter.last_reading)
        # Keys that are no reading's, lest an agent's echo become one.
        shown[f"info_{prefix}{meter.meter}"] = f"{meter.service_name}, {meter.unit}"
        shown[f"last_{prefix}{meter.meter}"] = last
    return {"status": int(OK.code), "timestamp": now, "fields": shown}


def _paid(call: json_rpc.Call, payment: Payment, repeated: bool, request: Request) -> Response:
    if payment.state is not PaymentState.CREDITED:
        return _refused(call, RefusedOutcome(Refusal.PAYMENT_CANCELLED), request)
    said = {
        "timestamp": _time(payment.recorded_at, request.agent),
        "providerTrnId": payment.payment_id,
    }
    if repeated:
        return _again(call, REPEATED, said)
    return json_rpc.result(call.id, {**said, "fields": _receipt(payment, request.agent)})


def _again(call: json_rpc.Call, code: Code, recorded: Mapping[str, object]) -> Response:
    """What was done before is an error that tells what is recorded."""
    return json_rpc.error(call.id, int(code.code), code.text, recorded)


def _receipt(payment: Payment, agent: Agent) -> dict[str, str]:
    prefix = settings.METER_PREFIX.of(agent)
    said = {
        f"{prefix}{reading.meter}": OK.text
        if reading.refusal is None
        else CODES[Operation.PAY, reading.refusal].text
        for reading in payment.readings
    }
    return {settings.ACCOUNT_KEY.of(agent): payment.account, **said}


def _state(payment: Payment, agent: Agent) -> dict[str, object]:
    return {
        "transactionState": STATES.get(payment.state, CANCELLED),
        "timestamp": _time(payment.state_at, agent),
        "providerTrnId": payment.payment_id,
    }


def _cancelled(payment: Payment, agent: Agent) -> dict[str, object]:
    return {
        "providerTrnId": payment.payment_id,
        "timestamp": _time(payment.state_at, agent),
        "transactionState": CANCELLED,
    }


def _row(payment: Payment, agent: Agent) -> dict[str, object]:
    return {
        "amount": payment.amount.kopecks,
        "providerTrnId": payment.payment_id,
        "transactionId": _number(payment.agent_payment_id),
        "timestamp": _time(payment.paid_at, agent),
    }


def _number(text: str) -> int | str:
    """An id as the number that it was, if it is written like one."""
    number = int(text) if text.isascii() and text.isdigit() else _NUMBER_MAX
    return number if number < _NUMBER_MAX and str(number) == text else text


def _refused(call: json_rpc.Call, outcome: RefusedOutcome, request: Request) -> Response:
    code = refusal_code(operation_of(call), outcome, _asked(call, request.agent))
    return _error(call, code)


def _error(call: json_rpc.Call, code: Code) -> Response:
    response = json_rpc.error(call.id, int(code.code), code.text)
    headers = _CHALLENGE if code.status == _UNAUTHORIZED else ()
    return replace(response, status=code.status, headers=headers)


def _asked(call: json_rpc.Call, agent: Agent) -> paynet_statuses.Asked:
    try:
        params = read_params(call)
    except Refused:
        params = Params()
    return paynet_statuses.Asked(
        agent, tuple(params.fields), settings.ACCOUNT_KEY.of(agent), _amount(params)
    )


def _amount(params: Params) -> Money | None:
    try:
        return amount_of(params)
    except Refused:
        return None


CODEC = Codec(
    name="paynet_json",
    title="Paynet, JSON-RPC",
    facts=Facts(
        Confidence.OFFICIAL,
        MoneyForm.KOPECKS,
        proofs=(Proof.BASIC,),
        secrets=("username", "password"),
    ),
    operations=frozenset((*OPERATIONS.values(), Operation.UNKNOWN)),
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    duplicate=REPEATED.code,
    settings=(*settings.SETTINGS, *paynet_statuses.SETTINGS),
    verify=verify,
)
