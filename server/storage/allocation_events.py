"""What happened to accounts since they were last taken in, read as of one moment.

Reading locks nothing. What was read is written only to accounts whose paid lane is still the one
that was read; a charge run is never waited for, nor is it made to wait.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from server.payments.allocation import Billed, Book, Charge, Credited, Event, Left, Undone, in_order
from server.storage.allocation import BY_KEY, Account, read_line
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


async def read_accounts(
    connection: Connection, numbers: Sequence[str], *, thorough: bool = False
) -> list[Account]:
    """All of one moment, with their events in order; those without news are left out.

    Usually only where events usually are; thoroughly when that did not add up.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(BY_KEY)
        rows = await connection.fetch(_ACCOUNTS, list(numbers))
        due = await connection.fetch(_DUE, list(numbers))
        announced = {row["account"] for row in due}
        accounts = {
            row["account"]: _account(row)
            for row in rows
            if row["newly_billed"] or row["newly_paid"] or row["account"] in announced
        }
        for account in accounts.values() if thorough else ():
            account.newly_billed = account.newly_paid = True
        for number, book in (await read_books(connection, list(accounts))).items():
            accounts[number].book = book
        new = {number: each for number, each in accounts.items() if not each.known}
        old = {number: each for number, each in accounts.items() if each.known}
        await _read_first_events(connection, new, EVERYTHING)
        await _read_first_events(connection, old, EVERYTHING if thorough else _usual_reach(old))
        await _read_later_events(connection, accounts, due)
        if thorough:
            for account in accounts.values():
                await _read_missed_charges(connection, account)
    # An account that was never taken in and had neither charge nor credit stays so.
    found = [each for each in accounts.values() if each.known or each.events or each.due]
    for account in found:
        account.events = in_order(account.events)
    return found


async def read_books(connection: Connection, numbers: Sequence[str]) -> dict[str, Book]:
    """What is owed and left as it was taken in last."""
    books = {number: Book() for number in numbers}
    for row in await connection.fetch(_OWED, list(numbers)):
        books[row["account"]].owed[row["service"], row["period"]] = row["kopecks"]
    for row in await connection.fetch(_LEFT, list(numbers)):
        books[row["account"]].left.append(
            Left(row["payment_id"], row["service"], row["credited_at"], row["kopecks"])
        )
    return books


def _usual_reach(accounts: Mapping[str, Account]) -> Reach:
    taken = [each.taken_at for each in accounts.values() if each.taken_at]
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
        newly_billed=row["newly_billed"],
        newly_paid=row["newly_paid"],
    )


async def _read_first_events(
    connection: Connection, accounts: Mapping[str, Account], reach: Reach
) -> None:
    """Charges and payments that are not taken in yet."""
    billed = {number: each for number, each in accounts.items() if each.newly_billed}
    paid = {number: each for number, each in accounts.items() if each.newly_paid}
    if billed:
        await _read_charges(connection, billed, reach.periods_since)
    if paid:
        await _read_payments(connection, paid, reach.payments_since)
    new = [number for number, each in accounts.items() if not each.known]
    for row in await connection.fetch(_ALL_LATER_EVENTS, new) if new else ():
        accounts[row["account"]].events.append(_later_event(row))


async def _read_charges(
    connection: Connection, accounts: Mapping[str, Account], since: dt.date | None
) -> None:
    last = [each.last_charge for each in accounts.values()]
    bills: dict[tuple[str, dt.datetime, dt.datetime], list[Charge]] = {}
    for row in await connection.fetch(_CHARGES, list(accounts), last, since):
        number = row["account"]
        accounts[number].last_charge = max(accounts[number].last_charge, row["id"])
        charge = Charge(row["service"], row["period"], row["amount_kopecks"])
        bills.setdefault((number, row["created_at"], row["at"]), []).append(charge)
    for (number, _, at), own in bills.items():
        accounts[number].events.append(Billed(at, tuple(own)))


async def _read_payments(
    connection: Connection, accounts: Mapping[str, Account], late: dt.timedelta | None
) -> None:
    """Numbers are dealt out before an account is locked: a lower one may be credited later."""
    since = [each.taken_at - late if each.taken_at and late else None for each in accounts.values()]
    bound = None if None in since else min(each for each in since if each)
    rows = await connection.fetch(_PAYMENTS, list(accounts), since, bound)
    lower = [row for row in rows if row["payment_id"] <= accounts[row["account"]].last_payment]
    known = await _taken_in(connection, lower) if lower else set()
    for row in rows:
        account = accounts[row["account"]]
        if row["payment_id"] not in known:
            account.events.append(_credited(row))
    for row in rows:
        account = accounts[row["account"]]
        account.last_payment = max(account.last_payment, row["payment_id"])


async def _taken_in(connection: Connection, rows: Sequence[asyncpg.Record]) -> set[int]:
    """What was taken in has lines or something left, or is undone."""
    found = await connection.fetch(
        _TAKEN_IN,
        [row["account"] for row in rows],
        [row["payment_id"] for row in rows],
        [row["recorded_at"] for row in rows],
    )
    return {row["payment_id"] for row in found}


async def _read_later_events(
    connection: Connection, accounts: Mapping[str, Account], due: Iterable[asyncpg.Record]
) -> None:
    """Those of allocation_due, with the lines of payments that are undone."""
    undone: list[int] = []
    for row in due:
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
       s.billed_version is distinct from b.version as newly_billed,
       s.paid_version is distinct from l.version as newly_paid
  from ledger.account_paid l
  join ledger.account_billed b on b.account = l.account
  left join lateral (select * from ledger.allocated s where s.account = l.account offset 0) s
    on true
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
       c.created_at, date_trunc('milliseconds', c.created_at) as at
  from unnest($1::text[], $2::bigint[]) as a(account, last)
 cross join lateral (
   select * from billing.charges c where c.account = a.account and c.id > a.last
      and c.period >= coalesce($3::date, '-infinity') offset 0) c
  join billing.services s on s.code = c.service
 order by c.created_at, c.id
"""
# One that was not held is credited at the moment of its recording.
_PAYMENTS = """
select p.* from unnest($1::text[], $2::timestamptz[]) as a(account, since)
 cross join lateral (
   select account, payment_id, recorded_at, recorded_at as happened_at, amount_kopecks,
          part_services, part_amounts
     from ledger.payment p where p.account = a.account
      and p.recorded_at >= coalesce($3::timestamptz, '-infinity')
      and p.recorded_at >= coalesce(a.since, '-infinity') and p.valid_until is null offset 0) p
"""
_TAKEN_IN = """
select u.payment_id
  from unnest($1::text[], $2::bigint[], $3::timestamptz[]) as u(account, payment_id, recorded_at)
 where coalesce(
   (select true from ledger.allocation l where l.payment_id = u.payment_id limit 1),
   (select true from ledger.payment_left l
     where l.account = u.account and l.payment_id = u.payment_id limit 1),
   (select true from ledger.payment_event e where e.payment_id = u.payment_id
       and e.payment_recorded_at = u.recorded_at and e.seq > 1 limit 1))
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
  left join lateral (select * from ledger.payment p where p.payment_id = d.payment_id offset 0) p
    on true
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
