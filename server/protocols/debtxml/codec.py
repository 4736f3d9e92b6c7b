"""PrivatBank's Debt: search, check, pay and cancel in one XML frame; nothing is signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from server.accounts import AccountView, Meter
from server.agents import Agent
from server.messages import (
    AccountChecked,
    AccountsFound,
    Outcome,
    Payment,
    PaymentAccepted,
    PaymentCancelled,
    RefusedOutcome,
)
from server.money import ZERO, Money
from server.protocols import (
    UNAVAILABLE,
    Code,
    Codec,
    Operation,
    Request,
    Response,
    local_time,
    readings,
    xml,
)
from server.protocols.debtxml import settings
from server.protocols.debtxml.codes import (
    CODES,
    DUPLICATE,
    MANY,
    OK,
    OPERATIONS,
    REPEATABLE,
    refusal_code,
)
from server.protocols.debtxml.requests import (
    CHECK,
    NUMBER_SIGN,
    PRESEARCH,
    account_of,
    decode,
    operation_of,
)
from server.protocols.debtxml.transfer import Transfer, read
from server.protocols.facts import Confidence, Facts, MoneyForm
from server.refusals import Refused

_NAMESPACE = "http://debt.privatbank.ua/Transfer"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
# What is longer is no action, and no reply repeats it.
_ACTION_LENGTH_MAX = 20


def encode(request: Request, outcome: Outcome) -> Response:
    """The reply, its Data of the type that the action and the outcome ask for."""
    transfer = _asked(request)
    action = transfer.action if transfer else ""
    operation = operation_of(transfer) if transfer else Operation.UNKNOWN
    match operation, outcome:
        case Operation.CHECK, AccountChecked(view):
            return _reply(action, _found(action, view, request))
        case Operation.FIND, AccountsFound((), more=True):
            return _refused(action, MANY)
        case Operation.FIND, AccountsFound(views):
            return _reply(action, _payers(views))
        case Operation.PAY, PaymentAccepted(payment, repeated=True):
            return _reply(action, _error(DUPLICATE, f"{DUPLICATE.text} {payment.payment_id}"))
        case Operation.PAY, PaymentAccepted(payment):
            return _reply(action, _gateway(payment))
        case Operation.CANCEL, PaymentCancelled(payment):
            return _reply(action, _gateway(payment))
        case _, RefusedOutcome():
            code = refusal_code(operation, outcome, _account(transfer, request.agent))
            return UNAVAILABLE if code.status == UNAVAILABLE.status else _refused(action, code)
        case _:
            return UNAVAILABLE


def _asked(request: Request) -> Transfer | None:
    try:
        return read(request)
    except Refused:
        return None


def _account(transfer: Transfer | None, agent: Agent) -> str:
    try:
        return account_of(transfer, agent) if transfer else ""
    except Refused:
        return ""


def _refused(action: str, code: Code) -> Response:
    return _reply(action, _error(code, code.text))


def _reply(action: str, data: str) -> Response:
    named = xml.escape(action) if len(action) <= _ACTION_LENGTH_MAX else ""
    frame = f'<Transfer xmlns="{_NAMESPACE}" interface="Debt" action="{named}">{data}</Transfer>'
    return Response(xml.document(frame), xml.content_type())


def _data(kind: str, attributes: str, content: str = "") -> str:
    head = f'<Data xmlns:xsi="{_INSTANCE}" xsi:type="{kind}"{attributes}'
    return f"{head}>{content}</Data>" if content else f"{head}/>"


def _error(code: Code, said: str) -> str:
    return _data("ErrorInfo", f' code="{code.code}"', xml.element("Message", said))


def _gateway(payment: Payment) -> str:
    return _data("Gateway", f' reference="{payment.payment_id}"')


def _found(action: str, view: AccountView, request: Request) -> str:
    if action == PRESEARCH:
        return _payers((view,))
    if action == CHECK:
        # The reference comes back in a payment, which is complete without it.
        return _data("Gateway", f' reference="{xml.escape(view.account)}"')
    period = local_time.write(request.received_at, "%Y%m", request.agent.zone)
    return _data("DebtPack", f' billPeriod="{period}"', _debts(view, request.agent))


def _payers(views: Sequence[AccountView]) -> str:
    holders = "".join(xml.element("Element", view.holder) for view in views)
    accounts = "".join(xml.element("Element", view.account) for view in views)
    table = (
        '<Headers><Header name="fio"/><Header name="ls"/></Headers><Columns>'
        f"<Column>{holders}</Column><Column>{accounts}</Column></Columns>"
    )
    return _data("PayersTable", "", table)


def _debts(view: AccountView, agent: Agent) -> str:
    account = xml.escape(view.account)
    payer = (
        f'<PayerInfo billIdentifier="{account}" ls="{account}">{xml.element("Fio", view.holder)}'
        f"<Phone></Phone>{xml.element('Address', view.address)}</PayerInfo>"
    )
    return f"{payer}<ServiceGroup>{''.join(_services(view, agent))}</ServiceGroup>"


def _services(view: AccountView, agent: Agent) -> Iterator[str]:
    company, one = _company(agent), settings.ONE_SERVICE.of(agent)
    if one:
        name = settings.SERVICE_NAME.of(agent)
        yield _service(one, name, view.debt, view.meters, company)
        return
    for service in view.services:
        meters = tuple(meter for meter in view.meters if meter.service == service.service)
        code = settings.code_of(service.service, agent)
        yield _service(code, service.name, service.debt, meters, company)


def _company(agent: Agent) -> str:
    attributes = "".join(
        f' {name}="{xml.escape(setting.of(agent))}"'
        for name, setting in (
            ("mfo", settings.COMPANY_MFO),
            ("okpo", settings.COMPANY_OKPO),
            ("account", settings.COMPANY_ACCOUNT),
        )
        if setting.of(agent)
    )
    elements = "".join(
        xml.element(name, setting.of(agent))
        for name, setting in (
            ("CompanyCode", settings.COMPANY_CODE),
            ("CompanyName", settings.COMPANY_NAME),
        )
        if setting.of(agent)
    )
    return f"<CompanyInfo{attributes}>{elements}</CompanyInfo>"


def _service(code: str, name: str, debt: Money, meters: tuple[Meter, ...], company: str) -> str:
    """`debt` is owed positive; Balance is money on account, so a debt is negative there."""
    to_pay = max(debt, ZERO)
    shown = f"<MeterData>{''.join(map(_meter, meters))}</MeterData>" if meters else ""
    return (
        f'<DebtService serviceCode="{xml.escape(code)}">{company}'
        f'<DebtInfo amountToPay="{to_pay}" debt="{debt}">{xml.element("Balance", str(-debt))}'
        f"</DebtInfo>{shown}{xml.element('ServiceName', name)}</DebtService>"
    )


def _meter(meter: Meter) -> str:
    """A meter with its number in the name: it has no other place, and the name comes back."""
    name = xml.escape(f"{meter.service_name} {NUMBER_SIGN} {meter.meter}")
    last = "" if meter.last_reading is None else readings.dial(meter.last_reading)
    return f'<Meter previosValue="{last}" name="{name}"/>'


CODEC = Codec(
    name="debtxml",
    title="ПриватБанк, Debt",
    facts=Facts(Confidence.AGREED, MoneyForm.POINT, encodings=("utf-8", "windows-1251")),
    operations=OPERATIONS,
    decode=decode,
    encode=encode,
    codes=CODES,
    repeatable=REPEATABLE,
    ok=OK.code,
    duplicate=DUPLICATE.code,
    settings=settings.SETTINGS,
)
