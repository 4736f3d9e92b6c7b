"""RNCB: parameters in, XML out; names of parameters are compared without case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from server.accounts import AccountView
from server.agents import Agent
from server.messages import (
    AccountChecked,
    CheckAccount,
    Command,
    GetStatement,
    Outcome,
    Pay,
    Payment,
    PaymentAccepted,
    RefusedOutcome,
    Statement,
)
from server.money import Money
from server.protocols import (
    UNAVAILABLE,
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
from server.protocols.rncb import settings
from server.protocols.rncb.codes import CODES, DUPLICATE, OK, OPERATIONS, REPEATABLE
from server.refusals import Refusal, Refused

DATE = "%Y%m%d%H%M%S"

_PAYMENT_ID_LENGTH_MAX = 20
_DECIMALS_MAX = 6
_ROOTS = {Operation.CHECK: "CHECKRESPONSE", Operation.PAY: "PAYRESPONSE"}
_UNKNOWN_ROOT = "RESPONSE"


# --- requests ---------------------------------------------------------------------------------


def decode(request: Request) -> Command:
    """What the bank wants. Raises Refused."""
    given = _form_of(request)
    operation = _operation_of(given)
    if operation not in _READERS:
        raise Refused(Refusal.UNKNOWN_OPERATION, given.get("querytype")[:40], "QueryType")
    return _READERS[operation](given, request.agent)


def _form_of(request: Request) -> form.Form:
    return form.read(request, fold_case=True)


def _operation_of(given: form.Form) -> Operation:
    return _OPERATIONS.get(given.get("querytype").lower(), Operation.UNKNOWN)


def _check(given: form.Form, _agent: Agent) -> Command:
    return CheckAccount(fields.account(given.get("account"), "Account"))


def _pay(given: form.Form, agent: Agent) -> Command:
    written = given.get("exec_date")
    missing = not written and settings.EXEC_DATE.of(agent) == settings.OPTIONAL
    return Pay(
        account=fields.account(given.get("account"), "Account"),
        agent_payment_id=_payment_id(given),
        amount=fields.roubles(given.get("summa"), "Summa", decimals=_DECIMALS_MAX),
        paid_at=None if missing else local_time.read(written, DATE, agent.zone),
    )


def _payment_id(given: form.Form) -> str:
    number = fields.digits(given.get("payment_id"), "Payment_id", _PAYMENT_ID_LENGTH_MAX)
    if not int(number):
        raise Refused(Refusal.PAYMENT_ID_MALFORMED, "zero", "Payment_id")
    return number


def _statement(given: form.Form, agent: Agent) -> Command:
    """Date_from and Date_to is what one of the servers reads."""
    since = given.get("datefrom") or given.get("date_from")
    until = given.get("dateto") or given.get("date_to")
    command = GetStatement(
        local_time.read(since, DATE, agent.zone), local_time.read(until, DATE, agent.zone)
    )
    if command.since >= command.until:
        raise Refused(Refusal.DATE_MALFORMED, "the end is not after the beginning", "DateTo")
    return command


_OPERATIONS = {
    "check": Operation.CHECK,
    "pay": Operation.PAY,
    "balance": Operation.STATEMENT,
}
_READERS: Mapping[Operation, Callable[[form.Form, Agent], Command]] = {
    Operation.CHECK: _check,
    Operation.PAY: _pay,
    Operation.STATEMENT: _statement,
}


# --- replies ----------------------------------------------------------------------------------


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply, its root named after the operation."""
    operation = _asked(request)
    root = _root(operation, request.agent)
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(root, OK, _shown(view))
        case Operation.PAY, PaymentAccepted(payment, repeated):
            number = xml.element("OUT_PAYMENT_ID", str(payment.payment_id))
            return _reply(root, DUPLICATE if repeated else OK, number)
        case Operation.STATEMENT, Statement(payments):
            return _document(root, _list(payments, request.agent))
        case _, RefusedOutcome(refusal):
            return _refusal(root, operation, refusal)
        case _:
            return UNAVAILABLE


def _asked(request: Request) -> Operation:
    try:
        return _operation_of(_form_of(request))
    except Refused:
        return Operation.UNKNOWN


def _root(operation: Operation, agent: Agent) -> str:
    if operation is Operation.STATEMENT:
        return settings.STATEMENT_ROOT.of(agent)
    return _ROOTS.get(operation, _UNKNOWN_ROOT)


def _shown(view: AccountView) -> str:
    """BALANCE is money on the account: a debt is negative."""
    return "".join(
        (
            xml.element("BALANCE", str(-view.debt)),
            xml.element("FIO", view.holder),
            xml.element("ADDRESS", view.address),
        )
    )


def _list(payments: Sequence[Payment], agent: Agent) -> str:
    total = Money(sum(payment.amount.kopecks for payment in payments))
    rows = "".join(xml.element("PAYMENT_ROW", _row(payment, agent.zone)) for payment in payments)
    return "".join(
        (
            xml.element("FULL_SUMMA", str(total)),
            xml.element("NUMBER_OF_PAYMENTS", str(len(payments))),
            xml.element("ERROR", OK.code),
            f"<PAYMENTS>{rows}</PAYMENTS>",
        )
    )


def _row(payment: Payment, zone: str) -> str:
    return ";".join(
        (
            payment.agent_payment_id,
            str(payment.payment_id),
            payment.account,
            str(payment.amount),
            local_time.write(payment.paid_at, DATE, zone),
        )
    )


def _refusal(root: str, operation: Operation, refusal: Refusal) -> Response:
    code = CODES[operation, refusal]
    return UNAVAILABLE if code.status == UNAVAILABLE.status else _reply(root, code)


def _reply(root: str, code: Code, content: str = "") -> Response:
    said = xml.element("ERROR", code.code) + xml.element("COMMENTS", code.text)
    return _document(root, content + said, code.status)


def _document(root: str, content: str, status: int = 200) -> Response:
    return Response(xml.document(f"<{root}>{content}</{root}>"), xml.content_type(), status)


CODEC = Codec(
    name="rncb",
    title="РНКБ",
    facts=Facts(Confidence.AGREED, MoneyForm.POINT),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    duplicate=DUPLICATE.code,
    settings=settings.SETTINGS,
)
