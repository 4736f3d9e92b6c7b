"""From a `Transfer` to a command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from lxml import etree

from server.agents import Agent
from server.messages import (
    Address,
    Cancel,
    CheckAccount,
    Command,
    Expected,
    FindAccounts,
    Part,
    Pay,
    Reading,
)
from server.money import Money
from server.protocols import Operation, Request, fields, local_time, readings
from server.protocols.debtxml import settings
from server.protocols.debtxml.codes import ADDRESS
from server.protocols.debtxml.transfer import Transfer, child, children, read, text
from server.refusals import Refusal, Refused, outline

PRESEARCH = "Presearch"
SEARCH = "Search"
CHECK = "Check"
PAY = "Pay"
CANCEL = "Cancel"
OPERATIONS_BY_ACTION = {
    PRESEARCH: Operation.CHECK,
    SEARCH: Operation.CHECK,
    CHECK: Operation.CHECK,
    PAY: Operation.PAY,
    CANCEL: Operation.CANCEL,
}
NUMBER_SIGN = "№"
"""Before a meter's number in the name that a search shows, and a payment sends back."""

_ID_LENGTH_MAX = 20
_ADDRESS_PART_LENGTH_MAX = 100
_SERVICES_MAX = 100
_METERS_MAX = 50
_METER_NAME_LENGTH_MAX = 200
_SEARCH_UNITS = ("bill_identifier", "billIdentifier")


def decode(request: Request) -> Command:
    """What the bank wants. Raises Refused."""
    transfer = read(request)
    if transfer.action not in _READERS:
        raise Refused(Refusal.UNKNOWN_OPERATION, transfer.action[:40], "action")
    return _READERS[transfer.action](transfer, request.agent)


def operation_of(transfer: Transfer) -> Operation:
    """What is asked for: a presearch without an account looks for one."""
    if transfer.action == PRESEARCH and not transfer.has_unit("ls"):
        return Operation.FIND
    return OPERATIONS_BY_ACTION.get(transfer.action, Operation.UNKNOWN)


def _presearch(transfer: Transfer, _agent: Agent) -> Command:
    """By the account, or by the address that a payer without a bill has said."""
    units = transfer.units()
    account = units.get("ls", "")
    if account:
        return CheckAccount(fields.account(account, "ls"))
    street, house, flat = (_address_part(units, name) for name in ("street", "house", "flat"))
    if not street or not house:
        raise Refused(Refusal.MALFORMED, "neither an account nor a street with a house", ADDRESS)
    return FindAccounts(address=Address(street, house, flat))


def _address_part(units: Mapping[str, str], name: str) -> str:
    text = units.get(name, "")
    if len(text) > _ADDRESS_PART_LENGTH_MAX or not text.isprintable():
        raise Refused(Refusal.MALFORMED, f"the {name}: {outline(text)}", ADDRESS)
    return text


def _search(transfer: Transfer, _agent: Agent) -> Command:
    units = transfer.units()
    said = [transfer.data.get("presearchId", ""), *(units.get(name, "") for name in _SEARCH_UNITS)]
    accounts = dict.fromkeys(filter(None, said))
    if len(accounts) > 1:
        raise Refused(Refusal.MALFORMED, "two accounts at once", "bill_identifier")
    return CheckAccount(fields.account(next(iter(accounts), ""), "bill_identifier"))


def _check(transfer: Transfer, agent: Agent) -> Command:
    account = _account(transfer, agent)
    total = text(transfer.data, "TotalSum")
    amount = fields.roubles(total, "TotalSum", comma=True, zero=True) if total else None
    # What a terminal says about meters is looked at now: once cash is in, it is too late.
    _readings(transfer)
    return CheckAccount(account, amount or None)


def _pay(transfer: Transfer, agent: Agent) -> Command:
    if transfer.data.get("cancel", "false") != "false":
        raise Refused(Refusal.MALFORMED, "a payment that is to be cancelled", "cancel")
    created = text(transfer.data, "CreateTime")
    amount = fields.roubles(text(transfer.data, "TotalSum"), "TotalSum", comma=True)
    return Pay(
        agent_payment_id=_id(transfer),
        account=_account(transfer, agent),
        amount=amount,
        paid_at=local_time.read_iso(created, agent.zone) if created else None,
        breakdown=_breakdown(transfer, amount, agent),
        readings=_readings(transfer),
    )


def _cancel(transfer: Transfer, agent: Agent) -> Command:
    """It repeats the payment that it undoes."""
    account, total = account_of(transfer, agent), text(transfer.data, "TotalSum")
    account = account and fields.account(account, settings.ACCOUNT_ATTRIBUTE.of(agent))
    amount = fields.roubles(total, "TotalSum", comma=True) if total else None
    expected = Expected(account=account, amount=amount) if account or total else None
    return Cancel(agent_payment_id=_id(transfer), expected=expected)


def _id(transfer: Transfer) -> str:
    return fields.digits(transfer.data.get("id", ""), "id", _ID_LENGTH_MAX)


def _account(transfer: Transfer, agent: Agent) -> str:
    return fields.account(account_of(transfer, agent), settings.ACCOUNT_ATTRIBUTE.of(agent))


def account_of(transfer: Transfer, agent: Agent) -> str:
    """The account as sent; empty when there is none. Raises Refused(MALFORMED)."""
    payer = child(transfer.data, "PayerInfo")
    return "" if payer is None else payer.get(settings.ACCOUNT_ATTRIBUTE.of(agent), "").strip()


def _services(transfer: Transfer) -> list[etree._Element]:
    group = child(transfer.data, "ServiceGroup")
    found = [] if group is None else list(children(group, "Service"))
    if len(found) > _SERVICES_MAX:
        raise Refused(Refusal.MALFORMED, f"{len(found)} services", "Service")
    return found


def _breakdown(transfer: Transfer, amount: Money, agent: Agent) -> tuple[Part, ...]:
    """What the payer meant for each service, in the order of our names for them.

    A code that is none of ours stays in it: the core takes such a part for an advance.
    """
    sums: Counter[str] = Counter()
    for service in _services(transfer):
        part = fields.roubles(service.get("sum", ""), "sum", comma=True, zero=True)
        sums[settings.service_of(service.get("serviceCode", ""), agent)] += part.kopecks
    if sum(sums.values()) != amount.kopecks:
        # Without services the whole payment is an advance, and nothing contradicts TotalSum.
        if sums and settings.SUM_CHECK.of(agent) == settings.STRICT:
            raise Refused(Refusal.AMOUNT_MALFORMED, "TotalSum is not the sum of services", "sum")
        return ()
    if settings.ONE_SERVICE.of(agent):
        return ()
    return tuple(Part(service, Money(part)) for service, part in sorted(sums.items()) if part)


def _readings(transfer: Transfer) -> tuple[Reading, ...]:
    """The readings of all services; a meter that two of them name must show the same."""
    found: dict[str, int] = {}
    for meter in _meters(transfer):
        value = meter.get("currentValue", "").strip()
        if not value:
            continue
        number = _meter_number(meter.get("name", ""))
        shown = readings.thousandths(value, "currentValue", comma=True)
        if found.setdefault(number, shown) != shown:
            raise Refused(Refusal.MALFORMED, "one meter, two readings", "currentValue")
    if len(found) > _METERS_MAX:
        raise Refused(Refusal.MALFORMED, f"{len(found)} readings", "Meter")
    return tuple(Reading(number, shown) for number, shown in found.items())


def _meters(transfer: Transfer) -> Iterator[etree._Element]:
    for service in _services(transfer):
        for meters in children(service, "MeterData"):
            yield from children(meters, "Meter")


def _meter_number(name: str) -> str:
    """What follows the number sign; a name without one may still be a meter's number."""
    number = name.rpartition(NUMBER_SIGN)[2].strip()
    if not number or len(number) > _METER_NAME_LENGTH_MAX:
        raise Refused(Refusal.MALFORMED, f"the meter {outline(name)}", "name")
    return number


_READERS: Mapping[str, Callable[[Transfer, Agent], Command]] = {
    PRESEARCH: _presearch,
    SEARCH: _search,
    CHECK: _check,
    PAY: _pay,
    CANCEL: _cancel,
}
