"""Writes what was allocated: lines, lanes, and where each account was taken in to.

One transaction for many accounts. An account whose paid lane moved since it was read, or that
somebody holds, is left as it is: it will be read again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from server.accounts import masked
from server.payments.allocation import Left, Line
from server.storage.allocation import BY_KEY, Account
from server.storage.connection import Connection

OwedKey = tuple[int, dt.date]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An account after its events, with what it was before them."""

    account: Account
    lines: Sequence[Line]
    moved: bool
    """The paid lane changes: money left the advance."""
    owed_before: dict[OwedKey, int]
    left_before: Sequence[Left]

    def evidence(self) -> dict[str, object]:
        """For the log, when it does not add up."""
        account = self.account
        return {
            "account": masked(account.number),
            "charged": account.charged,
            "paid": account.paid,
            "advance": account.advance,
            "owed": {
                f"{service} {period}": k for (service, period), k in account.book.owed.items()
            },
            "left": [(each.payment_id, each.service, each.kopecks) for each in account.book.left],
        }

    @property
    def owed_changed(self) -> list[tuple[str, int, dt.date, int]]:
        """account, service, period, kopecks; 0 = no longer owed."""
        owed, number = self.account.book.owed, self.account.number
        return [
            (number, *key, owed.get(key, 0))
            for key in sorted(owed.keys() | self.owed_before.keys())
            if owed.get(key, 0) != self.owed_before.get(key, 0)
        ]

    @property
    def left_changed(self) -> list[tuple[str, int, int, dt.datetime, int]]:
        """account, payment, service, credited at, kopecks; 0 = nothing is left of it."""
        before = {(each.payment_id, each.service): each for each in self.left_before}
        after = {(each.payment_id, each.service): each for each in self.account.book.left}
        number = self.account.number
        changed = []
        for key in sorted(before.keys() | after.keys()):
            each = after.get(key) or before[key]
            kopecks = after[key].kopecks if key in after else 0
            if key not in before or before[key].kopecks != kopecks:
                changed.append((number, *key, each.credited_at, kopecks))
        return changed


async def record(connection: Connection, outcomes: Sequence[Outcome]) -> set[str]:
    """The numbers of the accounts that were written."""
    async with connection.transaction():
        await connection.execute(BY_KEY)
        locked = await connection.fetch(
            _LOCK,
            [each.account.number for each in outcomes],
            [each.account.paid_version for each in outcomes],
        )
        written = {row["account"] for row in locked}
        kept = [each for each in outcomes if each.account.number in written]
        if kept:
            await _write(connection, kept)
    return written


async def _write(connection: Connection, kept: Sequence[Outcome]) -> None:
    lines = [(each.account.number, line) for each in kept for line in each.lines]
    if lines:
        await connection.execute(
            _LINES,
            [number for number, _ in lines],
            [line.payment_id for _, line in lines],
            [line.service for _, line in lines],
            [line.period for _, line in lines],
            [line.kopecks for _, line in lines],
            [line.rule.value for _, line in lines],
        )
    moved = [each.account for each in kept if each.moved]
    if moved:
        await connection.execute(
            _LANES,
            [account.number for account in moved],
            [_array(sorted(account.paid)) for account in moved],
            [
                _array(account.paid[service] for service in sorted(account.paid))
                for account in moved
            ],
            [account.advance for account in moved],
        )
    await connection.execute(
        _TAKEN_IN,
        [each.account.number for each in kept],
        [each.account.paid_version + each.moved for each in kept],
        [each.account.billed_version for each in kept],
        [each.account.last_payment for each in kept],
        [each.account.last_charge for each in kept],
    )
    owed = [row for each in kept for row in each.owed_changed]
    await _execute(connection, _OWED, [row for row in owed if row[-1]])
    await _execute(connection, _NOT_OWED, [row[:3] for row in owed if not row[-1]])
    left = [row for each in kept for row in each.left_changed]
    await _execute(connection, _LEFT, [row for row in left if row[-1]])
    await _execute(connection, _NOTHING_LEFT, [row[:3] for row in left if not row[-1]])
    if due := [number for each in kept for number in each.account.due]:
        await connection.execute(
            "delete from ledger.allocation_due where id = any($1::bigint[])", due
        )


async def _execute(connection: Connection, query: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        await connection.execute(query, *map(list, zip(*rows, strict=True)))


def _array(values: Iterable[int]) -> str:
    """An array of PostgreSQL as text: arrays of different lengths cannot be sent in one."""
    return "{" + ",".join(map(str, values)) + "}"


_LOCK = """
select account from ledger.account_paid
 where account = any($1::text[])
   and (account, version) in (select * from unnest($1::text[], $2::bigint[]))
 order by account for no key update skip locked
"""
_LINES = """
insert into ledger.allocation (account, payment_id, service, period, amount_kopecks, rule)
select account, payment_id, service, period, kopecks, rule
  from unnest($1::text[], $2::bigint[], $3::smallint[], $4::date[], $5::bigint[], $6::text[])
    with ordinality as u(account, payment_id, service, period, kopecks, rule, place)
 order by place
"""
_LANES = """
update ledger.account_paid l
   set version = l.version + 1, services = u.services::smallint[], paid = u.paid::bigint[],
       advance = u.advance
  from unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
    as u(account, services, paid, advance)
 where l.account = u.account
"""
_TAKEN_IN = """
insert into ledger.allocated (account, paid_version, billed_version, payment_id, charge_id, at)
select account, paid, billed, payment_id, charge_id, now()
  from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
    as u(account, paid, billed, payment_id, charge_id)
on conflict (account) do update
   set paid_version = excluded.paid_version, billed_version = excluded.billed_version,
       payment_id = excluded.payment_id, charge_id = excluded.charge_id, at = excluded.at
"""
_OWED = """
insert into ledger.owed (account, service, period, kopecks)
select * from unnest($1::text[], $2::smallint[], $3::date[], $4::bigint[])
on conflict (account, service, period) do update set kopecks = excluded.kopecks
"""
# The order of the join is fixed: the other one would be cheap only while the table is small.
_NOT_OWED = """
delete from ledger.owed where ctid = any(array(
  select o.ctid from unnest($1::text[], $2::smallint[], $3::date[]) as u(account, service, period)
   cross join lateral (select ctid from ledger.owed o where o.account = u.account
      and o.service = u.service and o.period = u.period offset 0) o))
"""
_LEFT = """
insert into ledger.payment_left (account, payment_id, service, credited_at, kopecks)
select * from unnest($1::text[], $2::bigint[], $3::smallint[], $4::timestamptz[], $5::bigint[])
on conflict (account, payment_id, service) do update set kopecks = excluded.kopecks
"""
_NOTHING_LEFT = """
delete from ledger.payment_left where ctid = any(array(
  select l.ctid from unnest($1::text[], $2::bigint[], $3::smallint[])
      as u(account, payment_id, service)
   cross join lateral (select ctid from ledger.payment_left l where l.account = u.account
      and l.payment_id = u.payment_id and l.service = u.service offset 0) l))
"""
