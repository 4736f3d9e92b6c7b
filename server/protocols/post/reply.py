"""Answers of the post office protocol: markup inside the Body, as post.xsd has it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from server.accounts import AccountView, Meter, ServiceDebt
from server.agents import Agent, Limits
from server.messages import (
    AccountChecked,
    AccountsFound,
    BatchItem,
    BatchPaid,
    DayShown,
    Owed,
    Payment,
    PaymentAccepted,
    ReadingResult,
    RefusedOutcome,
)
from server.offices import DayClosed, DayDiffers, OfficeDifference, OfficeTotal
from server.protocols import Code, Operation
from server.protocols.post.codes import DAY_CLOSED, DAY_DIFFERS, OK, REFUSALS
from server.protocols.post.qr import Bill
from server.protocols.post.request import NAMESPACE
from server.protocols.readings import dial
from server.protocols.xml import element, escape
from server.refusals import Refusal

# What the desk calls the parts of a command, where the elements are called otherwise.
_FIELDS = {
    "agent_payment_id": "paymentId",
    "payment_id": "paymentNumber",
    "unified_account": "unifiedAccount",
    "batch_id": "batchId",
}
_HEADS_MAX = 1 << 12
_OF_ONE_PAYMENT = frozenset({Operation.PAY, Operation.CANCEL, Operation.STATUS})


def response(name: str, content: str) -> str:
    """The response element of an operation."""
    return f'<{name}Response xmlns="{NAMESPACE}">{content}</{name}Response>'


def result(code: Code, field: str = "") -> str:
    """What every response begins with."""
    return f"<result>{_said(code, field)}</result>"


@cache
def done() -> str:
    """The result of what is done."""
    return result(OK)


def failure(code: Code, field: str = "") -> str:
    """The detail of a fault."""
    return f'<Failure xmlns="{NAMESPACE}">{_said(code, field)}</Failure>'


def _said(code: Code, field: str) -> str:
    named = element("field", _FIELDS.get(field, field)) if field else ""
    return f"<code>{code.code}</code>{element('text', code.text)}{named}"


def refused(operation: Operation, outcome: RefusedOutcome, agent: Agent) -> str:
    """A refusal, where one payment is spoken of with the one that stands in the way."""
    said = result(REFUSALS[outcome.refusal], outcome.field)
    if outcome.payment is None or operation not in _OF_ONE_PAYMENT:
        return said
    return said + payment(outcome.payment, agent)


# --- accounts ---------------------------------------------------------------------------------


def found(outcome: AccountsFound, bill: Bill | None) -> str:
    """Accounts, and what the scanned bill says."""
    accounts = "".join(
        f"<found>{element('account', view.account)}{_whose(view)}"
        f"<state>{view.state.value}</state></found>"
        for view in outcome.views
    )
    more = "<tooMany>true</tooMany>" if outcome.more else ""
    return f"{done()}{accounts}{more}{_bill(bill) if bill else ''}"


def _whose(view: AccountView) -> str:
    holder, address = escape(view.holder), escape(view.address)
    return f"<holder>{holder}</holder><address>{address}</address>"


def _bill(bill: Bill) -> str:
    amount = f"<amountKopecks>{bill.amount.kopecks}</amountKopecks>" if bill.amount else ""
    month = f"<month>{_month(bill.month)}</month>" if bill.month else ""
    purpose = element("purpose", bill.purpose) if bill.purpose else ""
    return f"<bill>{amount}{month}{purpose}</bill>"


def debt(outcome: AccountChecked, limits: Limits) -> str:
    """What an account owes."""
    view, least, most = outcome.view, limits.amount_min.kopecks, limits.amount_max.kopecks
    owed = view.debt.kopecks
    recommended = ""
    if owed > 0:
        recommended = f"<recommendedKopecks>{min(max(owed, least), most)}</recommendedKopecks>"
    services = "".join([_service(each, outcome.owed) for each in view.services])
    meters = "".join([_meter(each) for each in view.meters])
    return (
        f"{done()}<debt><account>{escape(view.account)}</account>{_whose(view)}"
        f"<debtKopecks>{owed}</debtKopecks>{recommended}<minimumKopecks>{least}</minimumKopecks>"
        f"<maximumKopecks>{most}</maximumKopecks>{services}{meters}</debt>"
    )


def _service(due: ServiceDebt, owed: tuple[Owed, ...] | None) -> str:
    head, total = _service_head(due.service, due.name), due.debt.kopecks
    if owed is None:
        return f"<service>{head}<debtKopecks>{total}</debtKopecks></service>"
    periods, ahead = "", -total
    for each in owed:
        if each.service == due.service:
            kopecks = each.amount.kopecks
            ahead += kopecks
            month = f"<month>{_month(each.period)}</month>"
            periods += f"<period>{month}<debtKopecks>{kopecks}</debtKopecks></period>"
    prepaid = f"<prepaidKopecks>{ahead}</prepaidKopecks>" if ahead else ""
    return f"<service>{head}<debtKopecks>{total}</debtKopecks>{prepaid}{periods}</service>"


# Services and kinds of meters are few, and every account has the same ones.
@lru_cache(_HEADS_MAX)
def _service_head(service: str, name: str) -> str:
    return element("code", service) + element("name", name)


def _month(day: dt.date) -> str:
    return f"{day.year:04}-{day.month:02}"


def _meter(meter: Meter) -> str:
    last = (
        "" if meter.last_reading is None else f"<lastValue>{dial(meter.last_reading)}</lastValue>"
    )
    day = "" if meter.last_date is None else f"<lastDay>{meter.last_date.isoformat()}</lastDay>"
    kind = _kind_of_meter(meter.service, meter.service_name, meter.unit)
    return f"<meter>{element('number', meter.meter)}{kind}{last}{day}</meter>"


@lru_cache(_HEADS_MAX)
def _kind_of_meter(service: str, name: str, unit: str) -> str:
    return element("service", service) + element("serviceName", name) + element("unit", unit)


# --- payments ---------------------------------------------------------------------------------


def payment(recorded: Payment, agent: Agent) -> str:
    """A payment as recorded; where it was taken only as far as that was said."""
    changed = ""
    if recorded.state_at != recorded.recorded_at:
        changed = _moment("changedAt", recorded.state_at, agent)
    office, desk, operator = (*recorded.terminal.split("/", 2), "", "", "")[:3]
    places = {"office": office, "cashDesk": desk, "operator": operator}
    said = (element(name, text) for name, text in places.items() if text)
    return (
        f"<payment>{element('paymentId', recorded.agent_payment_id)}"
        f"<paymentNumber>{recorded.payment_id}</paymentNumber>"
        f"<state>{recorded.state.value}</state>{element('account', recorded.account)}"
        f"<amountKopecks>{recorded.amount.kopecks}</amountKopecks>"
        f"{_moment('paidAt', recorded.paid_at, agent)}"
        f"{_moment('acceptedAt', recorded.recorded_at, agent)}{_business_day(recorded)}"
        f"{changed}{''.join(said)}{_readings(recorded.readings)}</payment>"
    )


def _business_day(recorded: Payment) -> str:
    day = recorded.business_day
    return f"<businessDay>{day.isoformat()}</businessDay>" if day else ""


def _readings(results: Iterable[ReadingResult]) -> str:
    return "".join(
        f"<reading>{element('meter', each.meter)}{_item_code(each.refusal)}</reading>"
        for each in results
    )


def _item_code(refusal: Refusal | None) -> str:
    """One of many codes in an answer: what is done needs no words."""
    if refusal is None:
        return f"<code>{OK.code}</code>"
    code = REFUSALS[refusal]
    return f"<code>{code.code}</code>{element('text', code.text)}"


def batch(outcome: BatchPaid, agent: Agent) -> str:
    """The whole is done when nothing of it is to be tried again."""
    whole = OK if outcome.is_finished else REFUSALS[Refusal.TRY_LATER]
    return result(whole) + "".join(_item(each, agent) for each in outcome.items)


def _item(item: BatchItem, agent: Agent) -> str:
    number = element("paymentId", item.agent_payment_id)
    match item.outcome:
        case PaymentAccepted(recorded):
            tail = (
                f"{_item_code(None)}<paymentNumber>{recorded.payment_id}</paymentNumber>"
                f"{_moment('acceptedAt', recorded.recorded_at, agent)}{_business_day(recorded)}"
                f"{_readings(recorded.readings)}"
            )
        case RefusedOutcome(refusal):
            tail = _item_code(refusal)
    return f"<item>{number}{tail}</item>"


# --- days -------------------------------------------------------------------------------------


def closed(outcome: DayClosed, agent: Agent) -> str:
    """A day that is closed, with what it was closed despite of."""
    return (
        f"{done()}{_moment('closedAt', outcome.closed_at, agent)}"
        f"<registryNumber>{outcome.registry_id}</registryNumber>"
        f"{_totals(outcome.offices)}{_differences(outcome.differences)}"
    )


def differs(outcome: DayDiffers, agent: Agent) -> str:
    """A day that stays as it was."""
    code, moment = DAY_DIFFERS, ""
    if outcome.closed_at is not None:
        code, moment = DAY_CLOSED, _moment("closedAt", outcome.closed_at, agent)
    return f"{result(code)}{moment}{_totals(outcome.offices)}{_differences(outcome.differences)}"


def shown(outcome: DayShown, agent: Agent) -> str:
    """A day's sums, and payments of one office."""
    moment = _moment("closedAt", outcome.closed_at, agent) if outcome.closed_at else ""
    payments = "".join(payment(each, agent) for each in outcome.payments)
    more = "<more>true</more>" if outcome.more else ""
    return f"{done()}{moment}{_totals(outcome.offices)}{payments}{more}"


def _totals(offices: Iterable[OfficeTotal]) -> str:
    return "".join(
        f"<office>{element('index', each.office)}<count>{each.count}</count>"
        f"<totalKopecks>{each.total.kopecks}</totalKopecks></office>"
        for each in offices
    )


def _differences(differences: Iterable[OfficeDifference]) -> str:
    return "".join(
        f"<difference>{element('index', each.office)}"
        f"<declaredCount>{_count(each.declared)}</declaredCount>"
        f"<declaredTotalKopecks>{_total(each.declared)}</declaredTotalKopecks>"
        f"<count>{_count(each.ours)}</count><totalKopecks>{_total(each.ours)}</totalKopecks>"
        "</difference>"
        for each in differences
    )


def _count(total: OfficeTotal | None) -> int:
    return total.count if total else 0


def _total(total: OfficeTotal | None) -> int:
    return total.total.kopecks if total else 0


def _moment(name: str, moment: dt.datetime, agent: Agent) -> str:
    """xs:dateTime in the agent's zone, to the second."""
    local = moment.astimezone(ZoneInfo(agent.zone)).isoformat(timespec="seconds")
    return f"<{name}>{local}</{name}>"
