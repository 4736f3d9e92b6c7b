"""Limits by account and day and by hour: exact among servers, and never in the way of a repeat."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from dataclasses import replace

import asyncpg
import pytest

from server.messages import Part
from server.money import Money
from server.payments.ports import Order, Result
from server.sealing import FileSealer
from server.storage.ledger import PostgresLedger
from tests.storage.conftest import Pool, proof

PAID_AT = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
DAY = PAID_AT.date()
ORDER = Order("osmp", "1", "1000001", Money(3000), PAID_AT, DAY, limited=True)


async def allow(pool: Pool, *, account_day: int = 0, hour: int = 0) -> None:
    await pool.execute(
        "update ledger.agents set account_day_max_kopecks = $1, hour_max_kopecks = $2"
        " where name = 'osmp'",
        account_day,
        hour,
    )


def orders(count: int) -> list[Order]:
    return [replace(ORDER, agent_payment_id=f"n{n}") for n in range(count)]


async def credited(pool: Pool) -> int:
    total: int = await pool.fetchval("select coalesce(sum(amount_kopecks), 0) from ledger.payment")
    return total


@pytest.mark.parametrize("limit", [{"account_day": 100_000}, {"hour": 100_000}])
async def test_two_servers_at_once_take_exactly_what_may_be_taken(
    pool: Pool, database_dsn: str, limit: dict[str, int]
) -> None:
    await allow(pool, **limit)
    # By the hour each server has an account of its own, so that nothing else holds them apart.
    accounts = ("1000001", "1000002" if "hour" in limit else "1000001")
    async with asyncpg.create_pool(database_dsn, min_size=2, max_size=6) as other_pool:
        servers = [PostgresLedger(each, {}, FileSealer(bytes(32))) for each in (pool, other_pool)]
        results = await asyncio.gather(
            *(
                servers[place % 2].post(replace(order, account=accounts[place % 2]))
                for place, order in enumerate(orders(90))
            )
        )
        for server in servers:
            await server.finish()
    counts = Counter(each.result for each in results)
    refusal = Result.OVER_HOUR if "hour" in limit else Result.OVER_ACCOUNT_DAY
    assert counts == {Result.ACCEPTED: 33, refusal: 57}
    assert await credited(pool) == 99_000
    assert await pool.fetchval("select count(*) from ledger.payment_key") == 33
    assert await proof(pool) == ()


async def test_an_hour_that_another_server_is_counting_is_waited_for(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await allow(pool, hour=5000)
    await ledger.post(ORDER)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("update ledger.agent_use set kopecks = 5000 where account = ''")
        later = asyncio.create_task(
            ledger.post(replace(ORDER, agent_payment_id="2", account="1000002", amount=Money(100)))
        )
        await asyncio.sleep(0.3)
        assert not later.done()
    assert (await later).result is Result.OVER_HOUR


async def test_a_smaller_sum_that_still_fits_is_taken(ledger: PostgresLedger, pool: Pool) -> None:
    await allow(pool, account_day=10_000)
    results = await asyncio.gather(
        *map(ledger.post, [*orders(4), replace(ORDER, agent_payment_id="s", amount=Money(1000))])
    )
    assert [each.result for each in results] == [
        Result.ACCEPTED,
        Result.ACCEPTED,
        Result.ACCEPTED,
        Result.OVER_ACCOUNT_DAY,
        Result.ACCEPTED,
    ]
    assert await credited(pool) == 10_000


async def test_a_repeat_is_answered_as_recorded_and_does_not_count(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await allow(pool, account_day=3000, hour=3000)
    first = await ledger.post(ORDER)
    assert first.result is Result.ACCEPTED
    again = await asyncio.gather(*(ledger.post(ORDER) for _ in range(20)))
    assert {each.result for each in again} == {Result.REPEATED}
    assert {each.payment for each in again} == {first.payment}
    conflict = await ledger.post(replace(ORDER, amount=Money(1)))
    assert conflict.result is Result.CONFLICT
    other = await ledger.post(replace(ORDER, agent_payment_id="2", amount=Money(1)))
    assert other.result is Result.OVER_ACCOUNT_DAY
    assert await pool.fetchval("select max(kopecks) from ledger.agent_use") == 3000


async def test_one_id_many_times_in_one_batch_counts_once(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await allow(pool, account_day=3000)
    results = await asyncio.gather(*(ledger.post(ORDER) for _ in range(64)))
    assert Counter(each.result for each in results) == {Result.ACCEPTED: 1, Result.REPEATED: 63}
    assert await proof(pool) == ()


async def test_what_was_refused_may_be_sent_again_when_there_is_room(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await allow(pool, hour=5000)
    await ledger.post(ORDER)
    late = replace(ORDER, agent_payment_id="2")
    assert (await ledger.post(late)).result is Result.OVER_HOUR
    await pool.execute("update ledger.agent_use set since = since - interval '1 hour'")
    assert (await ledger.post(late)).result is Result.ACCEPTED
    assert (await ledger.post(late)).result is Result.REPEATED


async def test_each_account_and_each_day_has_its_own_limit(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await allow(pool, account_day=3000)
    elsewhere = replace(ORDER, agent_payment_id="2", account="1000002")
    tomorrow = replace(ORDER, agent_payment_id="3", business_day=DAY + dt.timedelta(days=1))
    more = replace(ORDER, agent_payment_id="4", amount=Money(1))
    results = await asyncio.gather(*map(ledger.post, [ORDER, elsewhere, tomorrow, more]))
    assert [each.result for each in results] == [
        *[Result.ACCEPTED] * 3,
        Result.OVER_ACCOUNT_DAY,
    ]


async def test_a_batch_of_several_agents_gives_each_order_its_own_outcome(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await allow(pool, account_day=3000)
    batch = [
        replace(ORDER, agent_payment_id="b1", account="nobody"),
        replace(ORDER, agent_payment_id="b2", agent="sber", limited=False),
        ORDER,
        replace(ORDER, agent_payment_id="b3", account="1000003"),
        replace(ORDER, agent_payment_id="b4"),
        replace(ORDER, agent_payment_id="b5", account="1000002", valid_seconds=600),
        replace(ORDER, agent_payment_id="b6", account="1000002"),
        replace(
            ORDER, agent="sber", agent_payment_id="b7", parts=(Part("water", Money(700)),),
            limited=False,
        ),
    ]  # fmt: skip
    results = await asyncio.gather(*map(ledger.post, batch))
    assert [each.result for each in results] == [
        Result.NOT_FOUND,
        Result.ACCEPTED,
        Result.ACCEPTED,
        Result.CLOSED,
        Result.OVER_ACCOUNT_DAY,
        Result.ACCEPTED,
        Result.OVER_ACCOUNT_DAY,
        Result.ACCEPTED,
    ]
    for order, posted in zip(batch, results, strict=True):
        if posted.result is Result.ACCEPTED:
            assert posted.payment is not None
            assert posted.payment.agent_payment_id == order.agent_payment_id
            assert posted.payment.account == order.account
    assert await proof(pool) == ()


async def test_an_account_that_is_locked_elsewhere_waits_aside(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await allow(pool, account_day=3000)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "select from ledger.account_paid where account = '1000001' for update"
        )
        blocked = asyncio.gather(*(ledger.post(order) for order in orders(2)))
        free = await ledger.post(replace(ORDER, agent_payment_id="f", account="1000002"))
        assert free.result is Result.ACCEPTED
        assert not blocked.done()
    counts = Counter(each.result for each in await blocked)
    assert counts == {Result.ACCEPTED: 1, Result.OVER_ACCOUNT_DAY: 1}


async def test_everything_refused_posts_nothing(ledger: PostgresLedger, pool: Pool) -> None:
    await allow(pool, account_day=1)
    results = await asyncio.gather(*map(ledger.post, orders(5)))
    assert {each.result for each in results} == {Result.OVER_ACCOUNT_DAY}
    assert await credited(pool) == 0


async def test_a_changed_limit_holds_at_once(ledger: PostgresLedger, pool: Pool) -> None:
    await allow(pool, hour=3000)
    await ledger.post(ORDER)
    later = replace(ORDER, agent_payment_id="2")
    assert (await ledger.post(later)).result is Result.OVER_HOUR
    await allow(pool, hour=6000)
    assert (await ledger.post(later)).result is Result.ACCEPTED
