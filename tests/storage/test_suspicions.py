"""Suspicions: the same sum twice, terminals that are too fast; grouped, and never in the way."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest

from server.money import Money
from server.payments.ports import Action, Move, Order, Result
from server.storage.ledger import PostgresLedger
from server.storage.suspicions import Suspicion, Suspicions, UnknownAccounts
from tests.storage.conftest import Pool

PAID_AT = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
DAY = PAID_AT.date()
ORDER = Order("osmp", "1", "1000001", Money(3000), PAID_AT, DAY)
ELSEWHERE = replace(ORDER, agent="sber", agent_payment_id="s1")


async def look(pool: Pool, step: Suspicions) -> int:
    async with pool.acquire() as connection:
        return await step.step(connection)


async def cases(pool: Pool) -> list[tuple[str, str, int | None, dict[str, Any]]]:
    rows = await pool.fetch(
        "select kind, agent, payment_id, details from recon.mismatches order by id"
    )
    return [(row[0], row[1], row[2], json.loads(row[3])) for row in rows]


@pytest.fixture
async def step(pool: Pool) -> Suspicions:
    """One that has looked before anything happened."""
    step = Suspicions()
    await look(pool, step)
    return step


async def test_the_same_account_and_sum_through_two_agents_is_told_and_both_stay(
    ledger: PostgresLedger, pool: Pool, step: Suspicions
) -> None:
    first = await ledger.post(ORDER)
    later = await ledger.post(ELSEWHERE)
    assert later.result is Result.ACCEPTED
    assert await look(pool, step) == 1
    assert first.payment is not None
    assert later.payment is not None
    ((kind, agent, payment_id, details),) = await cases(pool)
    assert (kind, agent, payment_id) == ("SAME_SUM_TWICE", "sber", later.payment.payment_id)
    assert details["twin"]["payment_id"] == first.payment.payment_id
    assert details["payment"]["account"] == "1000001"
    assert await pool.fetchval("select advance from ledger.account_paid where version > 1") == 6000
    assert await look(pool, step) == 0
    assert await look(pool, Suspicions()) == 0


@pytest.mark.parametrize(
    "other",
    [
        replace(ELSEWHERE, amount=Money(3001)),
        replace(ELSEWHERE, account="1000002"),
        replace(ORDER, agent_payment_id="2"),
    ],
)
async def test_another_sum_account_or_the_same_agent_is_not_suspicious(
    ledger: PostgresLedger, pool: Pool, step: Suspicions, other: Order
) -> None:
    await ledger.post(ORDER)
    await ledger.post(other)
    assert await look(pool, step) == 0
    assert await cases(pool) == []


async def test_longer_apart_than_the_setting_is_not_suspicious(
    ledger: PostgresLedger, pool: Pool
) -> None:
    step = Suspicions(Suspicion(twice_within=dt.timedelta(milliseconds=200)))
    await look(pool, step)
    await ledger.post(ORDER)
    await asyncio.sleep(0.4)
    await ledger.post(ELSEWHERE)
    assert await look(pool, step) == 0


async def test_one_that_was_cancelled_meanwhile_is_not_suspicious(
    ledger: PostgresLedger, pool: Pool, step: Suspicions
) -> None:
    await ledger.post(ORDER)
    await ledger.post(ELSEWHERE)
    await ledger.move(Move(Action.CANCEL, "osmp", DAY, agent_payment_id="1"))
    assert await look(pool, step) == 0


async def test_pairs_that_are_seen_in_two_looks_are_told_once(
    ledger: PostgresLedger, pool: Pool, step: Suspicions
) -> None:
    await ledger.post(ORDER)
    assert await look(pool, step) == 0
    await ledger.post(ELSEWHERE)
    assert await look(pool, step) == 1
    await ledger.post(replace(ORDER, agent_payment_id="2"))
    assert await look(pool, step) == 1
    assert [details["twin"]["agent"] for *_, details in await cases(pool)] == ["osmp", "sber"]


async def test_a_flood_with_one_cause_is_one_case_more(
    ledger: PostgresLedger, pool: Pool, step: Suspicions
) -> None:
    """A bank that reports everything twice, under another name the second time."""
    orders = [replace(ORDER, agent_payment_id=str(n), amount=Money(1000 + n)) for n in range(80)]
    await asyncio.gather(*map(ledger.post, orders))
    await asyncio.gather(*(ledger.post(replace(each, agent="sber")) for each in orders[:70]))
    await look(pool, step)
    await asyncio.gather(*(ledger.post(replace(each, agent="sber")) for each in orders[70:]))
    await look(pool, step)
    found = await cases(pool)
    assert len(found) == 51
    assert found[-1][3]["more"] == 30
    total = await pool.fetchval("select sum(amount_kopecks) from recon.mismatches")
    assert total == sum(order.amount.kopecks for order in orders)


# --- terminals ----------------------------------------------------------------------------------


def at_terminal(terminal: str, count: int) -> list[Order]:
    return [
        replace(ORDER, agent_payment_id=f"{terminal}-{n}", terminal=terminal, amount=Money(100 + n))
        for n in range(count)
    ]


async def test_a_terminal_with_more_than_thirty_payments_a_minute_is_one_case(
    ledger: PostgresLedger, pool: Pool, step: Suspicions
) -> None:
    await asyncio.gather(*map(ledger.post, [*at_terminal("T1", 31), *at_terminal("T2", 30)]))
    assert await look(pool, step) == 1
    ((kind, agent, payment_id, details),) = await cases(pool)
    assert (kind, agent, payment_id) == ("FAST_TERMINAL", "osmp", None)
    assert (details["terminal"], details["payments_in_minute"]) == ("T1", 31)
    # It goes on: the case grows, and nobody who looks at it is disturbed.
    await asyncio.gather(*map(ledger.post, at_terminal("T1", 60)[31:]))
    assert await look(pool, step) == 0
    ((_, _, _, grown),) = await cases(pool)
    assert grown["payments_in_minute"] == 60
    assert await pool.fetchval("select version from recon.mismatches") == 1


async def test_payments_without_a_terminal_are_an_agents_and_may_be_many(
    ledger: PostgresLedger, pool: Pool, step: Suspicions
) -> None:
    await asyncio.gather(*map(ledger.post, at_terminal("", 100)))
    assert await look(pool, step) == 0


async def test_a_terminal_that_tries_many_unknown_accounts_is_told(
    pool: Pool, step: Suspicions
) -> None:
    now = dt.datetime.now(dt.UTC)
    workers = [UnknownAccounts(pool, lambda: now) for _ in range(2)]
    for number in range(6):
        workers[number % 2].unknown_account("osmp", "T1")
        workers[number % 2].unknown_account("osmp", "")
    for _ in range(5):
        workers[0].unknown_account("osmp", "T2")
    for worker in workers:
        await worker.flush()
    assert await look(pool, step) == 1
    ((kind, _, _, details),) = await cases(pool)
    assert kind == "FAST_TERMINAL"
    assert (details["terminal"], details["unknown_in_minute"]) == ("T1", 6)


async def test_what_is_spread_over_minutes_is_not_fast(pool: Pool, step: Suspicions) -> None:
    await pool.execute(
        "insert into ledger.terminal_pace (agent, terminal, since, payments)"
        " select 'osmp', 'T1', date_trunc('minute', now()) - n * interval '10 seconds', 5"
        " from generate_series(0, 20) n"
    )
    assert await look(pool, step) == 0


async def test_the_bounds_of_what_a_terminal_may_are_a_setting(
    ledger: PostgresLedger, pool: Pool
) -> None:
    step = Suspicions(Suspicion(payments_per_minute_max=2))
    await look(pool, step)
    await asyncio.gather(*map(ledger.post, at_terminal("T1", 3)))
    assert await look(pool, step) == 1


async def test_names_of_terminals_do_not_fill_the_memory(pool: Pool) -> None:
    now = dt.datetime.now(dt.UTC)
    worker = UnknownAccounts(pool, lambda: now)
    for number in range(5000):
        worker.unknown_account("osmp", f"{number}" * 50)
    await worker.flush()
    assert await pool.fetchval("select count(*) from ledger.terminal_pace") == 1000
    assert await pool.fetchval("select max(length(terminal)) from ledger.terminal_pace") == 100


async def test_what_was_counted_long_ago_is_forgotten(pool: Pool, step: Suspicions) -> None:
    await pool.execute(
        "insert into ledger.terminal_pace (agent, terminal, since, payments)"
        " values ('osmp', 'T1', now() - interval '1 hour', 99)"
    )
    assert await look(pool, step) == 0
    assert await pool.fetchval("select count(*) from ledger.terminal_pace") == 0
