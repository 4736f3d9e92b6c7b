"""An account's events since it was last taken in, and the lines they led to, as rows.

Reading locks nothing. What was read is written only to accounts whose paid lane is still the one
that was read; a charge run is never waited for, nor is it made to wait.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from server.payments.allocation import (
    ANY,
    Billed,
    Book,
    Charge,
    Credited,
    Event,
    Left,
    Line,
    Rule,
    Rules,
    Supplier,
    Undone,
    in_order,
)
from server.storage.connection import Connection

_LATE = dt.timedelta(minutes=1)
"""How much earlier than the last round a payment may say it was recorded: it waited for a lock."""
_USUAL_MONTHS = 2
"""Charges of older periods are rare: their partitions are looked into only when sums differ."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back to look for events."""

    periods_since: dt.date | None = None
    """Charges of this period and later; None = of any."""
    payments_since: dt.timedelta | None = None
    """Payments recorded so long before the account was last taken in, or later; None = ever."""


EVERYTHING = Reach()


@dataclass(slots=True)
class Account:
    """One account: its lanes, where it was taken in to, and what happened since."""

    number: str
    company: int | None
    paid_version: int
    paid: dict[int, int]
    """By service."""
    advance: int
    billed_version: int
    charged: Mapping[int, int]
    known: bool
    """It has been taken in before."""
    last_payment: int
    last_charge: int
    taken_at: dt.datetime | None
    unchanged: bool
    """Neither lane has moved since."""
    book: Book = field(default_factory=Book)
    events: list[Event] = field(default_factory=list)
    due: list[int] = field(default_factory=list)
    """Rows of allocation_due that are dealt with when this is written."""

    def move(self, lines: Iterable[Line]) -> bool:
        """Lay the lines over the lane: money that named no service leaves the advance."""
        moved = False
        for line in lines:
            if line.rule is not Rule.AS_SAID:
                self.paid[line.service] = self.paid.get(line.service, 0) + line.kopecks
                self.advance -= line.kopecks
                moved = True
        return moved

    def adds_up(self) -> bool:
        """Whether nothing was missed: the book is what the two lanes say, service by service."""
        owed: dict[int, int] = {}
        for (service, _), kopecks in self.book.owed.items():
            owed[service] = owed.get(service, 0) + kopecks
        settled = dict(self.paid)
        for left in self.book.left:
            if left.service != ANY:
                settled[left.service] = settled.get(left.service, 0) - left.kopecks
        services = self.charged.keys() | settled.keys() | owed.keys()
        return self.book.advance == self.advance and all(
            owed.get(s, 0) == self.charged.get(s, 0) - settled.get(s, 0) for s in services
        )


@dataclass(frozen=True, slots=True)
class BookOfRules:
    """What is in force for everybody."""

    suppliers: Mapping[int, Supplier]
    """By service."""
    companies: Mapping[int, Rule]
    """How a management company's accounts are divided."""

    def of(self, company: int | None) -> Rules:
        """For an account of a house that the company manages."""
        return Rules(self.companies.get(company or 0, Rule.OLDEST_FIRST), self.suppliers)


async def read_rules(connection: Connection) -> BookOfRules:
    """As they are now."""
    suppliers = await connection.fetch(
        "select s.id, p.id as supplier, case p.allocation_rule when 'as_said'"
        " then p.allocation_fallback else p.allocation_rule end as rule"
        " from billing.services s join billing.suppliers p on p.id = s.supplier"
    )
    companies = await connection.fetch(
        "select id, allocation_rule from billing.management_companies"
    )
    return BookOfRules(
        {row["id"]: Supplier(row["supplier"], Rule(row["rule"])) for row in suppliers},
        {row["id"]: Rule(row["allocation_rule"]) for row in companies},
    )


async def read_accounts(
    connection: Connection, numbers: Sequence[str], *, thorough: bool = False
) -> list[Account]:
    """All of one moment, with their events in order; unknown numbers are left out.

    Usually only where events usually are; thoroughly when that did not add up.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("set local jit = off")
        rows = await connection.fetch(_ACCOUNTS, list(numbers))
        accounts = {row["account"]: _account(row) for row in rows}
        await _read_book(connection, accounts)
        new = [each for each in accounts.values() if not each.known]
        old = [each for each in accounts.values() if each.known and not each.unchanged]
        await _read_events(connection, new, EVERYTHING)
        await _read_events(connection, old, EVERYTHING if thorough else _usual_reach(old))
        await _read_later_events(connection, accounts)
        if thorough:
            for account in accounts.values():
                await _read_missed_charges(connection, account)
    for account in accounts.values():
        account.events = in_order(account.events)
    return list(accounts.values())


def _usual_reach(accounts: Sequence[Account]) -> Reach:
    taken = [each.taken_at for each in accounts if each.taken_at]
    if not taken:
        return EVERYTHING
    month = min(taken).date().replace(day=1)
    for _ in range(_USUAL_MONTHS):
        month = (month - dt.timedelta(days=1)).replace(day=1)
    return Reach(month, _LATE)


def _account(row: asyncpg.Record) -> Account:
    return Account(
        number=row["account"],
        company=row["company"],
        paid_version=row["paid_version"],
        paid=dict(zip(row["paid_services"], row["paid"], strict=True)),
        advance=row["advance"],
        billed_version=row["billed_version"],
        charged=dict(zip(row["billed_services"], row["charged"], strict=True)),
        known=row["at"] is not None,
        last_payment=row["payment_id"] or 0,
        last_charge=row["charge_id"] or 0,
        taken_at=row["at"],
        unchanged=row["unchanged"],
    )


async def _read_book(connection: Connection, accounts: Mapping[str, Account]) -> None:
    numbers = list(accounts)
    for row in await connection.fetch(_OWED, numbers):
        accounts[row["account"]].book.owed[row["service"], row["period"]] = row["kopecks"]
    for row in await connection.fetch(_LEFT, numbers):
        accounts[row["account"]].book.left.append(
            Left(row["payment_id"], row["service"], row["credited_at"], row["kopecks"])
        )


async def _read_events(connection: Connection, accounts: Sequence[Account], reach: Reach) -> None:
    """Charges and payments that are not taken in yet."""
    if not accounts:
        return
    by_number = {each.number: each for each in accounts}
    numbers = list(by_number)
    charges = [each.last_charge for each in accounts]
    bills: dict[tuple[str, dt.datetime], list[Charge]] = {}
    for row in await connection.fetch(_CHARGES, numbers, charges, reach.periods_since):
        account = by_number[row["account"]]
        account.last_charge = max(account.last_charge, row["id"])
        bills.setdefault((account.number, row["created_at"]), []).append(
            Charge(row["service"], row["period"], row["amount_kopecks"])
        )
    for (number, at), own in bills.items():
        by_number[number].events.append(Billed(at, tuple(own)))
    payments = [each.last_payment for each in accounts]
    late = reach.payments_since
    since = [each.taken_at - late if each.taken_at and late else None for each in accounts]
    for row in await connection.fetch(_PAYMENTS, numbers, payments, since):
        account = by_number[row["account"]]
        account.last_payment = max(account.last_payment, row["payment_id"])
        account.events.append(_credited(row))
    new = [each.number for each in accounts if not each.known]
    for row in await connection.fetch(_ALL_LATER_EVENTS, new):
        by_number[row["account"]].events.append(_later_event(row))


async def _read_later_events(connection: Connection, accounts: Mapping[str, Account]) -> None:
    """Those of allocation_due, with the lines of payments that are undone."""
    undone: list[int] = []
    for row in await connection.fetch(_DUE, list(accounts)):
        account = accounts[row["account"]]
        account.due.append(row["id"])
        if row["payment_id"] is not None and account.known:
            account.events.append(_later_event(row))
            undone.append(row["payment_id"])
    if not undone:
        return
    for row in await connection.fetch(_LINES, undone):
        accounts[row["account"]].book.lines.append(read_line(row))


def _credited(row: asyncpg.Record) -> Credited:
    parts = dict(zip(row["part_services"], row["part_amounts"], strict=True))
    return Credited(row["happened_at"], row["payment_id"], row["amount_kopecks"], parts)


def _later_event(row: asyncpg.Record) -> Event:
    if row["kind"] == "credited":
        return _credited(row)
    return Undone(row["happened_at"], row["payment_id"])


def read_line(row: asyncpg.Record) -> Line:
    """A row of ledger.allocation."""
    return Line(
        row["payment_id"],
        row["service"],
        row["period"],
        row["amount_kopecks"],
        Rule(row["rule"]),
    )


async def _read_missed_charges(connection: Connection, account: Account) -> None:
    """What all charges and lines say beyond the book and the events: usually nothing.

    A charge whose number is lower than one that was taken in may become visible after it.
    """
    found = {(row[0], row[1]): row[2] for row in await connection.fetch(_OWED_ANEW, account.number)}
    for (service, period), kopecks in account.book.owed.items():
        found[service, period] = found.get((service, period), 0) - kopecks
    for event in account.events:
        for charge in event.charges if isinstance(event, Billed) else ():
            key = (charge.service, charge.period)
            found[key] = found.get(key, 0) - charge.kopecks
    charges = tuple(Charge(*key, kopecks) for key, kopecks in sorted(found.items()) if kopecks)
    if charges:
        account.events.append(Billed(await connection.fetchval("select now()"), charges))


_ACCOUNTS = """
select l.account, h.company, l.version as paid_version, l.services as paid_services, l.paid,
       l.advance, b.version as billed_version, b.services as billed_services, b.charged,
       s.payment_id, s.charge_id, s.at,
       coalesce(s.paid_version = l.version and s.billed_version = b.version, false) as unchanged
  from ledger.account_paid l
  join ledger.account_billed b on b.account = l.account
  left join ledger.allocated s on s.account = l.account
  left join billing.accounts a on a.number = l.account
  left join billing.houses h on h.id = a.house
 where l.account = any($1::text[])
"""
_OWED = "select account, service, period, kopecks from ledger.owed where account = any($1::text[])"
_LEFT = """
select account, payment_id, service, credited_at, kopecks from ledger.payment_left
 where account = any($1::text[]) order by credited_at, payment_id, service
"""
# Payments know milliseconds only; a bill must not come after one that was made a moment later.
_CHARGES = """
select c.id, c.account, s.id as service, c.period, c.amount_kopecks,
       date_trunc('milliseconds', c.created_at) as created_at
  from unnest($1::text[], $2::bigint[]) as a(account, last)
  join billing.charges c on c.account = a.account and c.id > a.last
   and c.period >= coalesce($3::date, '-infinity')
  join billing.services s on s.code = c.service
 order by c.created_at, c.id
"""
# Numbers are dealt out before an account is locked: a lower one may be credited after a higher one.
# Whatever was taken in has lines or something left, or is undone.
_PAYMENTS = """
select p.account, p.payment_id, p.amount_kopecks, p.part_services, p.part_amounts, e.happened_at
  from unnest($1::text[], $2::bigint[], $3::timestamptz[]) as a(account, last, since)
  join ledger.payment p on p.account = a.account
   and p.recorded_at >= coalesce(a.since, '-infinity')
  join ledger.payment_event e on e.payment_id = p.payment_id
   and e.payment_recorded_at = p.recorded_at and e.seq = 1 and e.kind = 'credited'
 where p.payment_id > a.last
    or not exists (select from ledger.allocation l where l.payment_id = p.payment_id)
       and not exists (select from ledger.payment_left l
                        where l.account = p.account and l.payment_id = p.payment_id)
       and not exists (select from ledger.payment_event u
                        where u.payment_id = p.payment_id
                          and u.payment_recorded_at = p.recorded_at and u.seq > 1)
"""
_ALL_LATER_EVENTS = """
select p.account, p.payment_id, p.amount_kopecks, p.part_services, p.part_amounts, e.kind,
       e.happened_at
  from ledger.payment p
  join ledger.payment_event e on e.payment_id = p.payment_id
   and e.payment_recorded_at = p.recorded_at and e.seq > 1
 where p.account = any($1::text[]) and e.kind in ('credited', 'cancelled', 'reversed')
"""
_DUE = """
select d.id, d.account, d.payment_id, d.kind, d.happened_at, p.amount_kopecks,
       p.part_services, p.part_amounts
  from ledger.allocation_due d
  left join ledger.payment p on p.payment_id = d.payment_id
 where d.account = any($1::text[]) order by d.id
"""
_LINES = """
select account, payment_id, service, period, amount_kopecks, rule from ledger.allocation
 where payment_id = any($1::bigint[]) order by id
"""
_OWED_ANEW = """
select service, period, sum(kopecks)::bigint as kopecks
  from (select s.id as service, c.period, c.amount_kopecks as kopecks
          from billing.charges c join billing.services s on s.code = c.service
         where c.account = $1
        union all
        select service, period, -amount_kopecks from ledger.allocation where account = $1) d
 group by 1, 2 having sum(kopecks) <> 0
"""
