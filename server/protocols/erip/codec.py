"""ERIP: payments in two phases, and storns in two; refusals are lines to show."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from server.accounts import AccountView
from server.agents import Agent, Limits
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
)
from server.money import ZERO, Money
from server.protocols import UNAVAILABLE, Codec, Operation, Request, Response, Secrets, xml
from server.protocols.erip import settings
from server.protocols.erip.codes import CODES, ERROR, OK, OPERATIONS, REPEATABLE
from server.protocols.erip.requests import (
    HEADER,
    SALT,
    Kind,
    Message,
    decode,
    digest,
    operation_of,
    read,
    verify,
)
from server.protocols.facts import Confidence, Facts, MoneyForm, Proof
from server.refusals import Refusal, Refused

_NOTHING = Message(None, {}, {})


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply, still without its header."""
    message = _asked(request)
    operation = operation_of(message, request.agent)
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(_service_info(view, request.agent))
        case Operation.HOLD, PaymentHeld(payment):
            return _reply(_block(Kind.TRANSACTION_START, _number(payment)))
        case Operation.CONFIRM, PaymentAccepted(payment):
            said = f"Оплачено: {_written(payment.amount)}. Номер операции: {payment.payment_id}."
            return _reply(_block(Kind.TRANSACTION_RESULT, _number(payment) + _info([said])))
        case Operation.CANCEL, PaymentCancelled(payment):
            return _reply(_cancelled(message, payment))
        case Operation.STATUS, PaymentStatus(payment) if _allows(message, payment):
            return _reply("")
        case Operation.STATUS, PaymentStatus():
            return _refusal(operation, Refusal.REVERSAL_FORBIDDEN)
        case _, RefusedOutcome(refusal):
            return _refusal(operation, refusal)
        case _:
            return _refusal(operation, Refusal.TRY_LATER)


def sign(_request: Request, response: Response, secrets: Secrets) -> Response:
    """MD5 over the salt and our document, in the header."""
    salt = secrets.get(SALT, "")
    if response.status == UNAVAILABLE.status or not salt:
        return response
    header = (HEADER, f"SALT+MD5: {digest(salt, response.body)}")
    return Response(response.body, response.content_type, response.status, (header,))


def _asked(request: Request) -> Message:
    try:
        return read(request)
    except Refused:
        return _NOTHING


def _allows(message: Message, payment: Payment) -> bool:
    """Whether a storn may start, or may fail and leave the payment as it is.

    What is storned already is answered as before. When the storn takes effect at its start, a
    failed result comes too late for us, and must be seen.
    """
    if payment.state is PaymentState.CREDITED:
        return True
    undone = payment.state in (PaymentState.CANCELLED, PaymentState.REVERSED)
    return message.kind is Kind.STORN_START and undone and payment.credited_at is not None


def _cancelled(message: Message, payment: Payment) -> str:
    if message.kind is not Kind.TRANSACTION_RESULT:
        return ""
    return _block(Kind.TRANSACTION_RESULT, _number(payment) + _info(["Оплата отменена."]))


def _service_info(view: AccountView, agent: Agent) -> str:
    """The debt that can be paid, and everything else in lines to show."""
    low, high = _bounds(agent.limits)
    debt = _written(max(view.debt, ZERO))
    lines = [view.address, *(f"{it.name}: {_written(it.debt)}" for it in view.services)]
    if view.debt < ZERO:
        lines.append(f"Переплата: {_written(-view.debt)}")
    return _block(
        Kind.SERVICE_INFO,
        f'<Amount Editable="Y" MinAmount="{low}" MaxAmount="{high}"><Debt>{debt}</Debt></Amount>'
        f"<Name>{xml.element('Surname', view.holder)}<FirstName></FirstName>"
        f"<Patronymic></Patronymic></Name>{_info(lines)}",
    )


@lru_cache(256)
def _bounds(limits: Limits) -> tuple[str, str]:
    return _written(limits.amount_min), _written(limits.amount_max)


def _written(amount: Money) -> str:
    return str(amount).replace(".", ",")


def _block(kind: Kind, content: str) -> str:
    return f"<{kind.value}>{content}</{kind.value}>"


def _number(payment: Payment) -> str:
    return xml.element("ServiceProvider_TrxId", str(payment.payment_id))


def _info(lines: Iterable[str]) -> str:
    shown = "".join(xml.element("InfoLine", line) for line in lines)
    return f'<Info xml:space="preserve">{shown}</Info>'


def _refusal(operation: Operation, refusal: Refusal) -> Response:
    code = CODES[operation, refusal]
    if code.status == UNAVAILABLE.status:
        return UNAVAILABLE
    return _reply(f"<{ERROR}>{xml.element('ErrorLine', code.text)}</{ERROR}>")


def _reply(content: str) -> Response:
    """An empty response is the success of a storn."""
    name = "ServiceProvider_Response"
    markup = f"<{name}>{content}</{name}>" if content else f"<{name}/>"
    return Response(xml.document(markup, xml.WINDOWS_1251), xml.content_type(xml.WINDOWS_1251))


CODEC = Codec(
    name="erip",
    title="ЕРИП",
    facts=Facts(
        Confidence.AGREED,
        MoneyForm.COMMA,
        encodings=("windows-1251",),
        proofs=(Proof.DIGEST,),
        secrets=("salt",),
    ),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    settings=settings.SETTINGS,
    verify=verify,
    sign=sign,
)
