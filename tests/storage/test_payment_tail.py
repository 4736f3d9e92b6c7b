"""The tail of payments: each one once, also those that become visible out of order."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from server.storage.payment_tail import PaymentTail
from tests.storage.town import settle

_INSERT = """
insert into ledger.payment (payment_id, recorded_at, agent, agent_payment_id, account,
    amount_kopecks, paid_at, business_day)
values ($1, now(), 'osmp', $1::bigint::text, '1000001', 100, now(), current_date)
"""


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Till:
    """Deals out numbers and records payments, in whatever order."""

    def __init__(self, link: asyncpg.Connection[asyncpg.Record]) -> None:
        self.link = link
        self.clock = Clock()
        self.tail = PaymentTail("test", self.clock)

    async def number(self) -> int:
        dealt_out: int = await self.link.fetchval("select nextval('ledger.payment_id')")
        return dealt_out

    async def record(self, number: int) -> None:
        await self.link.execute(_INSERT, number)

    async def seen(self) -> list[int]:
        self.clock.seconds += 3
        return [row["payment_id"] for row in await self.tail.read(self.link)]


@pytest.fixture
async def till(database_dsn: str) -> AsyncIterator[Till]:
    link = await asyncpg.connect(database_dsn)
    await settle(link)
    yield Till(link)
    await link.close()


async def test_the_very_first_payment_is_seen(till: Till) -> None:
    assert await till.seen() == []
    first = await till.number()
    await till.record(first)
    assert await till.seen() == [first]
    assert await till.seen() == []


async def test_a_number_that_was_dealt_out_earlier_and_recorded_later_is_seen(till: Till) -> None:
    slow, quick = await till.number(), await till.number()
    await till.record(quick)
    assert await till.seen() == [quick]
    assert await till.seen() == []
    await till.record(slow)
    assert await till.seen() == [slow]
    assert await till.seen() == []


async def test_a_number_that_nobody_used_is_forgotten_after_a_while(till: Till) -> None:
    unused = await till.number()
    await till.record(await till.number())
    await till.seen()
    till.clock.seconds += 61
    await till.seen()
    await till.record(unused)
    assert await till.seen() == []


async def test_more_than_fits_is_seen_in_several_readings(till: Till) -> None:
    await till.seen()
    await till.link.execute(
        "insert into ledger.payment (payment_id, recorded_at, agent, agent_payment_id, account,"
        " amount_kopecks, paid_at, business_day) select nextval('ledger.payment_id'), now(),"
        " 'osmp', i::text, '1000001', 100, now(), current_date from generate_series(1, 6000) i"
    )
    first = await till.seen()
    assert (len(first), till.tail.behind) == (5000, True)
    second = await till.seen()
    assert (len(second), till.tail.behind) == (1000, False)
    assert len({*first, *second}) == 6000


async def test_after_a_restart_nothing_is_missed_and_the_last_ones_may_come_again(
    till: Till,
) -> None:
    one, slow, two = [await till.number() for _ in range(3)]
    await till.record(one)
    await till.record(two)
    await till.seen()
    await till.tail.save(till.link, till.tail.position)
    await till.record(slow)
    three = await till.number()
    await till.record(three)
    till.tail = PaymentTail("test", till.clock)
    assert await till.seen() == [one, slow, two, three]


async def test_what_was_not_saved_is_read_again(till: Till) -> None:
    one = await till.number()
    await till.record(one)
    assert await till.seen() == [one]
    till.tail = PaymentTail("test", till.clock)
    assert await till.seen() == [one]
