"""The counters' port on PostgreSQL: searches, batches, business days of offices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import asyncpg

from server.messages import Address
from server.money import Money
from server.offices import CloseDay, DayClosed, DayDiffers, OfficeDifference, OfficeTotal
from server.payments.ports import Day, Debts
from server.storage.connection import Connection, lent
from server.storage.debts import DebtReader
from server.storage.ledger import PAYMENTS
from server.storage.lost import lost_is_unknown
from server.storage.records import payment

_SEARCH_SECONDS = 3.0


class PostgresCounters:
    """Implements server.payments.ports.Counters."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self._debts = DebtReader(pool)

    async def debts(self, account: str) -> Debts | None:
        """By period, as of one moment."""
        return await self._debts.read(account)

    @lost_is_unknown
    async def admit_search(self, agent: str, per_minute_max: int) -> bool:
        """Count one search among all servers."""
        async with lent(self._pool, _SEARCH_SECONDS) as connection:
            within: bool = await connection.fetchval(
                "select ledger.admit_search($1, $2)", agent, per_minute_max
            )
        return within

    @lost_is_unknown
    async def by_unified_account(self, number: str) -> tuple[str, ...]:
        """Usually one; two when two are written with letters that look alike."""
        async with lent(self._pool, _SEARCH_SECONDS) as connection:
            rows = await connection.fetch(_BY_UNIFIED_ACCOUNT, number)
        return tuple(row["number"] for row in rows)

    @lost_is_unknown
    async def by_address(self, address: Address, found_max: int) -> tuple[str, ...]:
        """One more than `found_max` where more fit."""
        async with lent(self._pool, _SEARCH_SECONDS) as connection:
            rows = await connection.fetch(
                _BY_ADDRESS,
                address.street,
                address.building,
                address.flat,
                address.settlement,
                address.postcode,
                found_max + 1,
            )
        return tuple(row["number"] for row in rows)

    @lost_is_unknown
    async def claim_batch(self, agent: str, batch_id: str, content: str, payments: int) -> str:
        """What stands under the id."""
        async with lent(self._pool) as connection:
            await connection.execute(_CLAIM, agent, batch_id, content, payments)
            # In a statement of its own: one that waited for another's insert does not see it.
            found: str = await connection.fetchval(_CLAIMED, agent, batch_id)
        return found

    @lost_is_unknown
    async def close_day(self, agent: str, closing: CloseDay) -> DayClosed | DayDiffers:
        """One call: the day is locked no longer than PostgreSQL works."""
        name = f"day-{closing.day.isoformat()}.csv"
        async with lent(self._pool) as connection:
            row = await connection.fetchrow(
                _CLOSE,
                agent,
                closing.day,
                [each.office for each in closing.offices],
                [each.count for each in closing.offices],
                [each.total.kopecks for each in closing.offices],
                closing.despite_differences,
                name,
                text_of(closing),
            )
        assert row is not None
        return _closed(closing.day, row)

    @lost_is_unknown
    async def day(self, agent: str, day: dt.date, office: str, after: int, limit: int) -> Day:
        """All of one moment."""
        async with (
            lent(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            closed_at = await connection.fetchval(
                "select closed_at from ledger.business_day where agent = $1 and day = $2",
                agent,
                day,
            )
            sums = await connection.fetch(_SUMS, agent, day)
            rows = await _payments(connection, agent, day, office, after, limit + 1)
        shown = tuple(payment(row) for row in rows[:limit])
        return Day(closed_at, _totals(sums), shown, more=len(rows) > limit)


async def _payments(
    connection: Connection, agent: str, day: dt.date, office: str, after: int, limit: int
) -> list[asyncpg.Record]:
    if not office:
        return []
    return await connection.fetch(_OF_OFFICE, agent, day, office, after, limit)


def text_of(closing: CloseDay) -> bytes:
    """A closing as it is kept: the same one is the same bytes."""
    rows = sorted((each.office, each.count, each.total) for each in closing.offices)
    lines = [
        f"day_closing;{closing.day.isoformat()}",
        *(f"{office};{count};{total}" for office, count, total in rows),
        f"despite_differences;{'yes' if closing.despite_differences else 'no'}",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _closed(day: dt.date, row: asyncpg.Record) -> DayClosed | DayDiffers:
    offices, differences = _totals(row["sums"]), tuple(_differences(row["sums"]))
    if row["outcome"] in ("closed", "repeated"):
        return DayClosed(day, row["closed_at"], row["registry"], offices, differences)
    return DayDiffers(day, offices, differences, row["closed_at"])


def _totals(sums: Iterable[asyncpg.Record]) -> tuple[OfficeTotal, ...]:
    """Ours."""
    return tuple(
        OfficeTotal(each["office"], each["count"], Money(each["kopecks"]))
        for each in sums
        if each["count"] is not None
    )


def _differences(sums: Iterable[asyncpg.Record]) -> Iterable[OfficeDifference]:
    for each in sums:
        declared, ours = _sum(each, "declared_"), _sum(each, "")
        if _amounts(declared) != _amounts(ours):
            yield OfficeDifference(each["office"], declared, ours)


def _sum(row: asyncpg.Record, prefix: str) -> OfficeTotal | None:
    count = row[f"{prefix}count"]
    if count is None:
        return None
    return OfficeTotal(row["office"], count, Money(row[f"{prefix}kopecks"]))


def _amounts(total: OfficeTotal | None) -> tuple[int, int]:
    """An office without payments and an office that is not there are the same."""
    return (total.count, total.total.kopecks) if total else (0, 0)


_BY_UNIFIED_ACCOUNT = """
select number from billing.accounts
 where billing.unified_key(unified_account) = billing.unified_key($1)
   and unified_account is not null order by number limit 2
"""
_BY_ADDRESS = "select number from billing.accounts_at($1, $2, $3, $4, $5, $6) as number"
_CLAIM = """
insert into ledger.batch (agent, batch_id, content, payments) values ($1, $2, $3, $4)
on conflict do nothing
"""
_CLAIMED = "select content from ledger.batch where agent = $1 and batch_id = $2"
_CLOSE = "select * from ledger.close_day($1, $2, $3, $4, $5, $6, $7, $8)"
_SUMS = "select * from ledger.day_sums($1, $2, '{}', '{}', '{}')"
_OF_OFFICE = (
    PAYMENTS + " where p.agent = $1 and p.business_day = $2 and split_part(p.terminal, '/', 1) = $3"
    " and p.payment_id > $4 order by p.payment_id limit $5"
)
