"""Which charge a payment settles: a pure fold over what happened to one account.

Events are taken in the order in which they happened, one at a time, so the lines do not depend on
how many of them are taken in at once. What is settled stays settled; a line is only ever undone by
an opposite one. Sums are whole kopecks.

Money is *directed* when the payer named its service (and the service's supplier heeds that): it
stays with that service. Everything else is divided among suppliers by the rule of the company that
manages the house, and each supplier's share settles that supplier's charges in its own order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from operator import attrgetter

ANY = 0
"""In place of a service: money that names none."""


class Rule(Enum):
    """In which order charges are settled. Ties go by the number of the service."""

    OLDEST_FIRST = "oldest_first"
    """By period, the oldest first."""
    CURRENT_FIRST = "current_first"
    """The newest period that is owed, then the oldest first."""
    PRO_RATA = "pro_rata"
    """By service, in proportion to what each owes; within a service the oldest first."""
    AS_SAID = "as_said"
    """As the payer said; what the payer said nothing about, by another rule."""


@dataclass(frozen=True, slots=True)
class Supplier:
    """Whose a service is, and in which order its charges are settled (never AS_SAID)."""

    id: int
    order: Rule


@dataclass(frozen=True, slots=True)
class Rules:
    """What is in force for an account."""

    division: Rule = Rule.OLDEST_FIRST
    """How money without a service is divided among suppliers."""
    suppliers: Mapping[int, Supplier] = field(default_factory=dict)
    """By service; one that is not here goes with the division."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a service costs in a period (its first day); negative for a recalculation."""

    service: int
    period: dt.date
    kopecks: int


@dataclass(frozen=True, slots=True)
class Billed:
    """Charges that came together: a bill."""

    at: dt.datetime
    charges: tuple[Charge, ...]


@dataclass(frozen=True, slots=True)
class Credited:
    """A payment that is the account's money from now on; `parts` are its directed kopecks."""

    at: dt.datetime
    payment_id: int
    kopecks: int
    parts: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Undone:
    """A credited payment was cancelled or reversed."""

    at: dt.datetime
    payment_id: int


Event = Billed | Credited | Undone


@dataclass(frozen=True, slots=True)
class Line:
    """So much of a payment settles a charge; negative when it is undone."""

    payment_id: int
    service: int
    period: dt.date
    kopecks: int
    rule: Rule
    """AS_SAID for directed money."""


@dataclass(frozen=True, slots=True)
class Left:
    """Kopecks of a payment that have settled nothing yet."""

    payment_id: int
    service: int
    """ANY unless directed."""
    credited_at: dt.datetime
    kopecks: int


@dataclass(slots=True)
class Book:
    """An account between two events. `owed` has no zeros and may be negative: recalculated below
    what was settled. `lines` need only hold those of payments that may be undone."""

    owed: dict[tuple[int, dt.date], int] = field(default_factory=dict)
    """By service and period."""
    left: list[Left] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    @property
    def advance(self) -> int:
        """Kopecks that wait for the next charge of any service."""
        return sum(left.kopecks for left in self.left if left.service == ANY)


def in_order(events: Iterable[Event]) -> list[Event]:
    """As they happened; of one moment what was undone comes first, then bills, then payments by
    their number, and what was undone in the very moment in which it was credited."""
    events = list(events)
    credited = {each.payment_id: each.at for each in events if isinstance(each, Credited)}

    def place(event: Event) -> tuple[dt.datetime, int, int]:
        match event:
            case Billed():
                return event.at, 1, 0
            case Credited():
                return event.at, 2, event.payment_id
            case Undone():
                at_once = credited.get(event.payment_id) == event.at
                return event.at, 3 if at_once else 0, event.payment_id

    return sorted(events, key=place)


def allocate(book: Book, events: Iterable[Event], rules: Rules) -> list[Line]:
    """Take the events in, in the given order. Returns the new lines; the book holds them too."""
    before = len(book.lines)
    for event in events:
        match event:
            case Billed():
                for charge in event.charges:
                    _owe(book, charge.service, charge.period, charge.kopecks)
            case Credited():
                _credit(book, event)
            case Undone():
                _undo(book, event.payment_id)
        _settle(book, rules)
    return book.lines[before:]


def _owe(book: Book, service: int, period: dt.date, kopecks: int) -> None:
    owed = book.owed.get((service, period), 0) + kopecks
    if owed:
        book.owed[service, period] = owed
    else:
        book.owed.pop((service, period), None)


def _credit(book: Book, event: Credited) -> None:
    parts = {**event.parts, ANY: event.kopecks - sum(event.parts.values())}
    book.left += [
        Left(event.payment_id, service, event.at, kopecks)
        for service, kopecks in sorted(parts.items())
        if kopecks
    ]
    book.left.sort(key=attrgetter("credited_at", "payment_id", "service"))


def _undo(book: Book, payment_id: int) -> None:
    book.left = [left for left in book.left if left.payment_id != payment_id]
    net: dict[tuple[int, dt.date, Rule], int] = {}
    for line in book.lines:
        if line.payment_id == payment_id:
            key = (line.service, line.period, line.rule)
            net[key] = net.get(key, 0) + line.kopecks
    for (service, period, rule), kopecks in net.items():
        if kopecks:
            book.lines.append(Line(payment_id, service, period, -kopecks, rule))
            _owe(book, service, period, kopecks)


def _settle(book: Book, rules: Rules) -> None:
    """Directed money first, then the rest; within each the payment that was credited first."""
    if not book.left or not book.owed:
        return
    for left in [each for each in book.left if each.service != ANY]:
        owed = [charge for charge in _open(book) if charge.service == left.service]
        supplier = rules.suppliers.get(left.service)
        order = supplier.order if supplier else rules.division
        _place(book, left, [(c, k, Rule.AS_SAID) for c, k in _take(left.kopecks, owed, order)])
    for left in [each for each in book.left if each.service == ANY]:
        owed = _open(book)
        if not owed:
            return
        _place(book, left, _divide(left.kopecks, owed, rules))


Taken = list[tuple[Charge, int]]


def _place(book: Book, left: Left, takes: list[tuple[Charge, int, Rule]]) -> None:
    placed = 0
    for charge, kopecks, rule in takes:
        book.lines.append(Line(left.payment_id, charge.service, charge.period, kopecks, rule))
        _owe(book, charge.service, charge.period, -kopecks)
        placed += kopecks
    if not placed:
        return
    rest = left.kopecks - placed
    book.left = [each for each in book.left if each is not left]
    if rest:
        book.left.append(Left(left.payment_id, left.service, left.credited_at, rest))
        book.left.sort(key=attrgetter("credited_at", "payment_id", "service"))


def _open(book: Book) -> list[Charge]:
    """What is owed, by period and service; a service's recalculation pays for its oldest charge."""
    credit: dict[int, int] = {}
    for (service, _), kopecks in book.owed.items():
        if kopecks < 0:
            credit[service] = credit.get(service, 0) - kopecks
    found = []
    for (service, period), kopecks in sorted(book.owed.items(), key=_by_period):
        taken = min(credit.get(service, 0), max(kopecks, 0))
        if taken:
            credit[service] -= taken
        if kopecks > taken:
            found.append(Charge(service, period, kopecks - taken))
    return found


def _by_period(item: tuple[tuple[int, dt.date], int]) -> tuple[dt.date, int]:
    (service, period), _ = item
    return period, service


def _divide(kopecks: int, owed: list[Charge], rules: Rules) -> list[tuple[Charge, int, Rule]]:
    """By the division among suppliers, then by each supplier's own order."""
    division = rules.division
    shares: dict[Supplier | None, int] = {}
    takes = _take(kopecks, owed, division)
    for charge, taken in takes:
        supplier = rules.suppliers.get(charge.service)
        shares[supplier] = shares.get(supplier, 0) + taken
    if all(supplier is None or supplier.order is division for supplier in shares):
        return [(charge, taken, division) for charge, taken in takes]
    found = []
    for supplier, share in shares.items():
        order = supplier.order if supplier else division
        own = [charge for charge in owed if rules.suppliers.get(charge.service) == supplier]
        found += [(charge, taken, order) for charge, taken in _take(share, own, order)]
    return found


def _take(kopecks: int, owed: list[Charge], rule: Rule) -> Taken:
    """`owed` is in order of period and service; the result has no zeros."""
    match rule:
        case Rule.CURRENT_FIRST if owed:
            newest = owed[-1].period
            current = [charge for charge in owed if charge.period == newest]
            return _fill(kopecks, current + owed[: -len(current)])
        case Rule.PRO_RATA if kopecks < sum(charge.kopecks for charge in owed):
            return _take_pro_rata(kopecks, owed)
        case _:
            return _fill(kopecks, owed)


def _fill(kopecks: int, owed: list[Charge]) -> Taken:
    found = []
    for charge in owed:
        taken = min(kopecks, charge.kopecks)
        if taken <= 0:
            break
        found.append((charge, taken))
        kopecks -= taken
    return found


def _take_pro_rata(kopecks: int, owed: list[Charge]) -> Taken:
    """Whole kopecks: the largest remainders get one more, of equal ones the lower service."""
    by_service: dict[int, list[Charge]] = {}
    for charge in owed:
        by_service.setdefault(charge.service, []).append(charge)
    sums = {service: sum(c.kopecks for c in own) for service, own in sorted(by_service.items())}
    total = sum(sums.values())
    shares = {service: kopecks * own // total for service, own in sums.items()}
    by_remainder = sorted(sums, key=lambda service: (-(kopecks * sums[service] % total), service))
    for service in by_remainder[: kopecks - sum(shares.values())]:
        shares[service] += 1
    return [each for s, share in shares.items() for each in _fill(share, by_service[s])]
