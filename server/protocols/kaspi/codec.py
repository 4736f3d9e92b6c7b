"""Kaspi: `check` and `pay` in a query string, answered in JSON; nothing is signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from server.accounts import AccountView
from server.agents import Agent
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
from server.money import ZERO
from server.protocols import (
    Code,
    Codec,
    Operation,
    Request,
    Response,
    fields,
    form,
    json_text,
    local_time,
)
from server.protocols.facts import Confidence, Facts, MoneyForm
from server.protocols.kaspi import settings
from server.protocols.kaspi.codes import CODES, OK, OPERATIONS, REPEATABLE
from server.refusals import Refusal, Refused

DATE = "%Y%m%d%H%M%S"

_TXN_ID_LENGTH_MAX = 20
# What is longer is no id, and no reply repeats it.
_ECHO_LENGTH_MAX = 64


# --- requests ---------------------------------------------------------------------------------


def decode(request: Request) -> Command:
    """What the bank wants. Raises Refused."""
    given = form.read(request)
    operation = _operation_of(given)
    if operation not in _READERS:
        raise Refused(Refusal.UNKNOWN_OPERATION, given.get("command")[:40], "command")
    return _READERS[operation](given, request.agent)


def _operation_of(given: form.Form) -> Operation:
    return _OPERATIONS.get(given.get("command"), Operation.UNKNOWN)


def _check(given: form.Form, _agent: Agent) -> Command:
    """The sum of a check is a dummy and not looked at."""
    _txn_id(given)
    return CheckAccount(fields.account(given.get("account"), "account"))


def _pay(given: form.Form, agent: Agent) -> Command:
    written = given.get("txn_date")
    missing = not written and settings.TXN_DATE.of(agent) == settings.OPTIONAL
    return Pay(
        agent_payment_id=_txn_id(given),
        account=fields.account(given.get("account"), "account"),
        amount=fields.roubles(given.get("sum"), "sum"),
        paid_at=None if missing else local_time.read(written, DATE, agent.zone),
    )


def _txn_id(given: form.Form) -> str:
    return fields.digits(given.get("txn_id"), "txn_id", _TXN_ID_LENGTH_MAX)


_OPERATIONS = {"check": Operation.CHECK, "pay": Operation.PAY}
_READERS: Mapping[Operation, Callable[[form.Form, Agent], Command]] = {
    Operation.CHECK: _check,
    Operation.PAY: _pay,
}


# --- replies ----------------------------------------------------------------------------------


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply; `result` is a number, sums and ids are texts."""
    operation, txn_id = _question(request)
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(OK, txn_id | _result(OK) | _shown(view, request.agent))
        case Operation.PAY, PaymentAccepted(payment):
            return _reply(OK, txn_id | _paid(payment))
        case _, RefusedOutcome(refusal):
            return _refusal(CODES[operation, refusal], txn_id)
        case _:
            return _refusal(CODES[operation, Refusal.TRY_LATER], txn_id)


def _question(request: Request) -> tuple[Operation, dict[str, object]]:
    """The operation and the echo of the bank's id, also of requests that were refused."""
    try:
        given = form.read(request)
        operation, txn_id = _operation_of(given), given.get("txn_id")
    except Refused:
        return Operation.UNKNOWN, {}
    return operation, {"txn_id": txn_id} if 0 < len(txn_id) <= _ECHO_LENGTH_MAX else {}


def _result(code: Code) -> dict[str, object]:
    return {"result": int(code.code)}


def _shown(view: AccountView, agent: Agent) -> dict[str, object]:
    shown = [
        ("Плательщик", view.holder),
        ("Долг", str(view.debt)),
        ("Адрес", view.address),
        *((service.name, str(service.debt)) for service in view.services),
    ]
    own = settings.BIN.of(agent)
    return {
        "sum": str(max(view.debt, ZERO)),
        "comment": OK.text,
        **({"bin": own} if own else {}),
        "fields": {
            f"field{number}": {"@name": name, "#text": text}
            for number, (name, text) in enumerate(shown, 1)
        },
    }


def _paid(payment: Payment) -> dict[str, object]:
    return {
        "prv_txn_id": str(payment.payment_id),
        **_result(OK),
        "sum": str(payment.amount),
        "comment": OK.text,
    }


def _refusal(code: Code, txn_id: dict[str, object]) -> Response:
    return _reply(code, txn_id | _result(code) | {"comment": code.text})


def _reply(code: Code, said: Mapping[str, object]) -> Response:
    return Response(json_text.encode(said), json_text.CONTENT_TYPE, code.status)


CODEC = Codec(
    name="kaspi",
    title="Kaspi",
    facts=Facts(Confidence.PARTIAL, MoneyForm.POINT),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    settings=settings.SETTINGS,
)
