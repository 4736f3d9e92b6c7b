"""The janitor: one at a time, every portion on record, and nothing that it does is a payment."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import asyncpg
import pytest

from server.messages import PaymentState, Reading, ReadingResult
from server.money import Money
from server.payments.ports import Order
from server.storage.connection import Connection
from server.storage.janitor import Janitor, Step
from server.storage.janitor_steps import (
    expire_holds,
    maintain_partitions,
    prune_replay_keys,
    settle_readings,
    steps,
)
from server.storage.ledger import PostgresLedger
from tests.storage.conftest import Pool, proof

PAID_AT = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
OVERDUE = Order("osmp", "1", "1000001", Money(5000), PAID_AT, PAID_AT.date(), valid_seconds=0)
HELD = replace(OVERDUE, agent_payment_id="2", valid_seconds=3600)


async def on_record(pool: Pool) -> list[tuple[str, int, str]]:
    rows = await pool.fetch("select step, settled, error from ledger.janitor_step order by id")
    return [tuple(row) for row in rows]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in a database
            await asyncio.sleep(0.01)


async def test_what_nobody_confirmed_in_time_expires(ledger: PostgresLedger, pool: Pool) -> None:
    await asyncio.gather(ledger.post(OVERDUE), ledger.post(HELD))
    async with pool.acquire() as connection:
        assert await expire_holds(connection) == 1
        assert await expire_holds(connection) == 0
    expired, held = await ledger.recorded("osmp", "1"), await ledger.recorded("osmp", "2")
    assert expired is not None
    assert expired.payment is not None
    assert expired.payment.state is PaymentState.EXPIRED
    assert held is not None
    assert held.payment is not None
    assert held.payment.state is PaymentState.HELD
    events = await pool.fetch("select actor, amount_kopecks from ledger.payment_event where seq=2")
    assert [tuple(row) for row in events] == [("janitor", 0)]
    assert await proof(pool) == ()


async def test_a_locked_account_does_not_keep_the_others_from_expiring(
    ledger: PostgresLedger, pool: Pool
) -> None:
    other = replace(OVERDUE, agent_payment_id="3", account="1000002")
    await asyncio.gather(ledger.post(OVERDUE), ledger.post(other))
    async with pool.acquire() as blocker, blocker.transaction():
        await blocker.execute(
            "select from ledger.account_paid where account = '1000001' for update"
        )
        async with pool.acquire() as connection:
            assert await expire_holds(connection) == 1
    async with pool.acquire() as connection:
        assert await expire_holds(connection) == 1


async def test_a_reading_that_was_not_absorbed_reaches_the_account(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await pool.execute("insert into billing.meters (account, number, service)"
                       " values ('1000001', '77', 1), ('1000002', '78', 1)")  # fmt: skip
    await pool.execute(
        "insert into ledger.reading (account, meter, read_on, value_thousandths, source,"
        " recorded_at) values ('1000001', '77', current_date, 5000, 'osmp', now() - interval '1m')"
    )
    today = dt.datetime.now(dt.UTC).date()
    order = replace(OVERDUE, valid_seconds=None, readings=(Reading("78", 7000),),
                    reading_results=(ReadingResult("78"),), account="1000002",
                    read_on=today)  # fmt: skip
    await ledger.post(order)
    async with pool.acquire() as connection:
        assert await settle_readings(connection) == 1
        assert await settle_readings(connection) == 0
    meters = await pool.fetchval(
        "select meters from ledger.account_billed where account = '1000001'"
    )
    assert "\t5000\t" in meters


async def test_expired_replay_keys_go_and_valid_ones_stay(pool: Pool) -> None:
    await pool.execute(
        "insert into ledger.replay_key select 'k' || i, now() + (i - 1500) * interval '1 minute'"
        " from generate_series(1, 1510) i"
    )
    async with pool.acquire() as connection:
        assert await prune_replay_keys(connection) == 1000
        assert await prune_replay_keys(connection) == 500
        assert await prune_replay_keys(connection) == 0
    assert await pool.fetchval("select count(*) from ledger.replay_key") == 10


async def test_months_that_are_missing_are_made(pool: Pool) -> None:
    async with pool.acquire() as connection:
        assert await maintain_partitions(connection) == 0
        ahead = await connection.fetchval(
            "select to_char(current_date + interval '13 months', '\"ledger.payment_\"YYYY_MM')"
        )
        await connection.execute(f"alter table ledger.payment detach partition {ahead}")
        await connection.execute(f"alter table {ahead} rename to put_away")
        assert await maintain_partitions(connection) == 1


async def test_a_portion_is_on_record_and_an_idle_step_is_not(
    pool: Pool, database_dsn: str, ledger: PostgresLedger
) -> None:
    await asyncio.gather(ledger.post(OVERDUE), ledger.post(HELD))
    async with pool.acquire() as connection:
        await Janitor(database_dsn, steps(pool), 1).round(connection)
    assert await on_record(pool) == [("holds", 1, "")]


async def test_a_step_that_fails_is_on_record_and_stops_no_other(
    pool: Pool, database_dsn: str
) -> None:
    left = [2]

    async def broken(connection: Connection) -> int:
        await connection.execute("select 1 / 0")
        return 1

    async def works(connection: Connection) -> int:
        left[0] -= 1
        return max(0, left[0])

    janitor = Janitor(database_dsn, [Step("broken", 0, broken), Step("works", 0, works)], 1)
    async with pool.acquire() as connection:
        await janitor.round(connection)
    (first, second) = await on_record(pool)
    assert first[:2] == ("broken", 0)
    assert "division by zero" in first[2]
    assert second == ("works", 1, "")


async def test_a_step_runs_again_only_when_it_is_due(pool: Pool, database_dsn: str) -> None:
    runs: list[str] = []

    async def often(connection: Connection) -> int:
        runs.append("often")
        return 0

    async def seldom(connection: Connection) -> int:
        runs.append("seldom")
        return 0

    janitor = Janitor(database_dsn, [Step("often", 0, often), Step("seldom", 3600, seldom)], 1)
    async with pool.acquire() as connection:
        await janitor.round(connection)
        await janitor.round(connection)
    assert runs == ["often", "seldom", "often"]


async def test_one_janitor_works_at_a_time_and_another_takes_over(database_dsn: str) -> None:
    working: list[int] = []

    def step(number: int) -> Step:
        async def run(connection: Connection) -> int:
            working.append(number)
            return 0

        return Step("look", 0, run)

    janitors = [
        asyncio.create_task(Janitor(database_dsn, [step(number)], 0.01).run())
        for number in range(2)
    ]
    try:
        await until(lambda: len(working) > 20)
        assert len(set(working)) == 1
        first = working[0]
        janitors[first].cancel()
        await until(lambda: working[-1] != first)
    finally:
        for task in janitors:
            task.cancel()
        await asyncio.gather(*janitors, return_exceptions=True)


async def test_a_janitor_whose_session_was_ended_goes_on_with_another(database_dsn: str) -> None:
    rounds: list[int] = []

    async def look(connection: Connection) -> int:
        rounds.append(await connection.fetchval("select pg_backend_pid()"))
        return 0

    janitor = asyncio.create_task(Janitor(database_dsn, [Step("look", 0, look)], 0.01).run())
    try:
        await until(lambda: bool(rounds))
        first = rounds[0]
        admin = await asyncpg.connect(database_dsn)
        await admin.execute("select pg_terminate_backend($1)", first)
        await admin.close()
        await until(lambda: rounds[-1] != first)
    finally:
        janitor.cancel()
        await asyncio.gather(janitor, return_exceptions=True)


@pytest.mark.parametrize(
    "change", ["delete from ledger.janitor_step", "update ledger.janitor_step set settled = 5"]
)
async def test_the_record_is_append_only(pool: Pool, change: str) -> None:
    await pool.execute(
        "insert into ledger.janitor_step (step, host, started_at, seconds, settled)"
        " values ('x', 'y', now(), 0, 1)"
    )
    with pytest.raises(asyncpg.RestrictViolationError):
        await pool.execute(change)
