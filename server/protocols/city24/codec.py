"""City24: `commandCall` in, `commandResponse` out; login and password stand in every request."""

from __future__ import annotations

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
)
from server.protocols import Code, Codec, Operation, Request, Response, xml
from server.protocols.city24 import settings
from server.protocols.city24.codes import (
    AMOUNT_CODES,
    CODES,
    OK,
    OPERATIONS,
    REPEATABLE,
    refusal_code,
)
from server.protocols.city24.requests import decode, read, verify
from server.protocols.facts import Confidence, Facts, MoneyForm, Proof
from server.refusals import Refusal, Refused

# What is longer is no account, and no reply repeats it.
_ECHO_LENGTH_MAX = 64


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply; only those to check and pay name the account."""
    operation, account = _question(request)
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(OK, account, _fields(view, request.agent))
        case Operation.PAY, PaymentAccepted(payment):
            return _reply(OK, _number(payment) + account)
        case Operation.CANCEL, PaymentCancelled(payment):
            return _reply(OK, _number(payment))
        case Operation.STATUS, PaymentStatus(payment) if payment.state is PaymentState.CREDITED:
            return _reply(OK, _number(payment))
        case Operation.STATUS, PaymentStatus(payment):
            return _refusal(request, operation, Refusal.PAYMENT_CANCELLED, _number(payment))
        case _, RefusedOutcome(refusal):
            return _refusal(request, operation, refusal, account)
        case _:
            return _refusal(request, operation, Refusal.TRY_LATER, account)


def _question(request: Request) -> tuple[Operation, str]:
    """The operation, and the account's element where the reply has one."""
    try:
        call = read(request)
        operation = call.operation
        account = call.get("account")
    except Refused:
        return Operation.UNKNOWN, ""
    echoed = operation in (Operation.CHECK, Operation.PAY) and 0 < len(account) <= _ECHO_LENGTH_MAX
    return operation, xml.element("account", account) if echoed else ""


def _number(payment: Payment) -> str:
    return xml.element("extTransactionID", str(payment.payment_id))


def _fields(view: AccountView, agent: Agent) -> str:
    """`balance` is money on the account: a debt is negative."""
    shown = [("FIO", view.holder), ("balance", str(-view.debt))]
    sub_provider = settings.SUB_PROVIDER.of(agent)
    if sub_provider:
        shown.append(("SubProviderId", sub_provider))
    fields = "".join(
        f'<field{number} name="{name}">{xml.escape(text)}</field{number}>'
        for number, (name, text) in enumerate(shown, 1)
    )
    return f"<fields>{fields}</fields>"


def _refusal(request: Request, operation: Operation, refusal: Refusal, head: str) -> Response:
    return _reply(refusal_code(request.agent, operation, refusal), head)


def _reply(code: Code, head: str, fields: str = "") -> Response:
    said = xml.element("result", code.code) + fields + xml.element("comment", code.text)
    body = xml.document(f"<commandResponse>{head}{said}</commandResponse>")
    return Response(body, xml.content_type(), code.status)


CODEC = Codec(
    name="city24",
    title="City24 / Platezhka / BNK24",
    facts=Facts(
        Confidence.AGREED,
        MoneyForm.KOPECKS,
        encodings=("utf-8", "windows-1251"),
        proofs=(Proof.CREDENTIALS,),
        secrets=("login", "password"),
    ),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    settings=(*settings.SETTINGS, AMOUNT_CODES),
    verify=verify,
)
