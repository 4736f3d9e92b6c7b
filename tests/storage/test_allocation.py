"""Allocating on a real PostgreSQL: the same lines as the pure fold, and lanes that follow them."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import asyncpg
import pytest

from server.storage.allocator import Allocator
from server.storage.proof import differences
from tests.storage.street import Street

JANUARY, FEBRUARY = dt.date(2026, 1, 1), dt.date(2026, 2, 1)


@pytest.fixture
async def street(database_dsn: str) -> AsyncIterator[Street]:
    async with asyncpg.create_pool(database_dsn, min_size=2, max_size=8) as pool:
        street = Street(pool)
        await street.settle()
        yield street
        await street.ledger.finish()


async def test_a_payment_is_laid_over_the_charges_and_the_lane_follows(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100), (2, JANUARY, 50), (1, FEBRUARY, 70))
    payment = await street.pay(account, 180)
    await street.allocate()
    assert [(line.service, line.period, line.kopecks) for line in await street.lines(account)] == [
        (1, JANUARY, 100),
        (2, JANUARY, 50),
        (1, FEBRUARY, 30),
    ]
    assert {line.payment_id for line in await street.lines(account)} == {payment.payment_id}
    row = await street.pool.fetchrow(
        "select * from ledger.account_paid where account = $1", account
    )
    assert row is not None
    assert (row["services"], row["paid"], row["advance"]) == ([1, 2], [130, 50], 0)
    assert row["version"] == 3
    assert await street.debts(account) == {"heating": 40}
    await street.sound()


async def test_nothing_new_is_nothing_to_do(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100))
    await street.pay(account, 250)
    await street.allocate()
    before = await street.pool.fetchrow(
        "select * from ledger.allocated where account = $1", account
    )
    for _ in range(3):
        assert await street.step() == 0
    assert before == await street.pool.fetchrow(
        "select * from ledger.allocated where account = $1", account
    )
    assert await street.pool.fetchval("select count(*) from ledger.allocation_due") == 0
    await street.sound()


async def test_an_overpayment_settles_the_next_charge_whoever_bills_it(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100))
    await street.pay(account, 250)
    await street.allocate()
    assert await street.debts(account) == {"advance": -150}
    await street.bill(account, (3, FEBRUARY, 120))
    shown = await street.debts(account)
    await street.allocate()
    assert await street.debts(account) == shown == {"advance": -30}
    assert (await street.lines(account))[-1].service == 3
    await street.sound()


async def test_a_cancellation_leaves_opposite_lines_and_frees_the_charge(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100))
    first = await street.pay(account, 100)
    await street.pay(account, 40)
    await street.allocate()
    await street.undo(first.payment_id)
    assert await street.debts(account) == {"heating": 60}
    assert [line.kopecks for line in await street.lines(account)] == [100, -100]
    await street.sound()
    await street.allocate()
    assert [line.kopecks for line in await street.lines(account)] == [100, -100, 40]
    assert await street.debts(account) == {"heating": 60}
    await street.sound()


async def test_services_owe_again_at_once_what_a_cancelled_payment_had_settled(
    street: Street,
) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100), (2, JANUARY, 50))
    owed = await street.debts(account)
    payment = await street.pay(account, 170, {2: 60})
    await street.allocate()
    assert await street.debts(account) == {"water": -10, "advance": -10}
    await street.undo(payment.payment_id)
    assert await street.debts(account) == owed
    await street.sound()
    await street.allocate()
    assert await street.debts(account) == owed
    assert sum(line.kopecks for line in await street.lines(account)) == 0
    await street.sound()


async def test_a_part_stays_with_its_service(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100), (2, JANUARY, 30))
    await street.pay(account, 100, {2: 50})
    shown = await street.debts(account)
    await street.allocate()
    assert await street.debts(account) == shown == {"heating": 50, "water": -20}
    await street.bill(account, (2, FEBRUARY, 25))
    await street.allocate()
    assert await street.debts(account) == {"heating": 50, "water": 5}
    lines = await street.lines(account)
    assert [(line.service, line.kopecks, line.rule.value) for line in lines] == [
        (2, 30, "as_said"),
        (1, 50, "oldest_first"),
        (2, 20, "as_said"),
    ]
    await street.sound()


async def test_two_allocators_at_once_write_each_line_once(street: Street) -> None:
    accounts = [await street.open_account() for _ in range(40)]
    for account in accounts:
        await street.bill(account, (1, JANUARY, 100))
        await street.pay(account, 60)
    others = [Allocator(batch_accounts=5) for _ in range(4)]
    for _ in range(6):
        await asyncio.gather(*map(street.step, others))
    assert await street.pool.fetchval("select count(*) from ledger.allocation") == 40
    await street.sound()


async def test_payments_that_arrive_meanwhile_are_not_lost(street: Street) -> None:
    accounts = [await street.open_account() for _ in range(5)]
    for account in accounts:
        await street.bill(account, (1, JANUARY, 10_000), (2, FEBRUARY, 10_000))
    paying = asyncio.gather(*(street.pay(accounts[n % 5], 100) for n in range(300)))
    while not paying.done():
        await street.step()
        await asyncio.sleep(0)
    await street.allocate()
    assert await street.pool.fetchval("select sum(amount_kopecks) from ledger.allocation") == 30_000
    assert await street.pool.fetchval("select max(advance) from ledger.account_paid") == 0
    await street.sound()


async def test_an_account_that_is_locked_is_left_for_the_next_time(street: Street) -> None:
    account, other = await street.open_account(), await street.open_account()
    for each in (account, other):
        await street.bill(each, (1, JANUARY, 100))
        await street.pay(each, 60)
    async with street.pool.acquire() as link, link.transaction():
        await link.execute("select from ledger.account_paid where account = $1 for update", account)
        assert await street.step() == 1
        assert await street.lines(account) == []
        assert len(await street.lines(other)) == 1
    await street.allocate()
    assert len(await street.lines(account)) == 1


async def test_after_a_payment_an_account_rests_and_one_that_owes_again_does_not(
    street: Street,
) -> None:
    seconds = [1000.0]
    allocator = Allocator(rest_seconds=10, clock=lambda: seconds[0])
    account = await street.open_account()
    await street.step(allocator)
    await street.pay(account, 60)
    assert await street.step(allocator) == 0
    seconds[0] += 9
    await street.pay(account, 60)
    assert await street.step(allocator) == 0
    seconds[0] += 2
    assert await street.step(allocator) == 1
    assert await street.step(allocator) == 0
    await street.bill(account, (1, JANUARY, 100))
    assert await street.step(allocator) == 1
    assert len(await street.lines(account)) == 2
    await street.sound()


async def test_a_portion_that_was_cut_off_is_taken_up_again(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100))
    await street.pay(account, 60)
    async with street.pool.acquire() as link, link.transaction():
        await link.execute("lock table ledger.allocation in exclusive mode")
        step = asyncio.create_task(street.step())
        await asyncio.sleep(0.3)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
    assert await street.lines(account) == []
    assert await street.step() == 1
    assert len(await street.lines(account)) == 1
    await street.sound()


async def test_a_large_run_is_gone_through_without_naming_its_accounts(street: Street) -> None:
    await street.allocate()
    accounts = [await street.open_account() for _ in range(30)]
    for account in accounts:
        await street.pay(account, 500)
    await street.allocate()
    await street.pool.execute(
        "insert into billing.charges (account, service, period, amount_kopecks)"
        " select a.number, 'heating', '2026-03-01', 5 from billing.accounts a,"
        " generate_series(1, 40)"
    )
    assert await street.pool.fetchval("select account from ledger.allocation_due") == ""
    await street.allocate()
    assert await street.pool.fetchval("select sum(advance) from ledger.account_paid") == 30 * 300
    assert await street.pool.fetchval("select count(*) from ledger.allocation_due") == 0
    await street.sound()


async def test_a_charge_that_becomes_visible_late_is_not_missed(street: Street) -> None:
    account = await street.open_account()
    insert = (
        "insert into billing.charges (account, service, period, amount_kopecks, id)"
        " values ($1, 'heating', $2, $3, $4)"
    )
    await street.pool.execute(insert, account, FEBRUARY, 70, 900)
    await street.pay(account, 90)
    await street.allocate()
    # A number below one that is taken in: its transaction was slower.
    await street.pool.execute(insert, account, JANUARY, 30, 899)
    await street.allocate()
    assert [(line.period, line.kopecks) for line in await street.lines(account)] == [
        (FEBRUARY, 70),
        (JANUARY, 20),
    ]
    await street.sound()


@pytest.mark.parametrize("age", [dt.timedelta(), dt.timedelta(hours=3)])
async def test_a_payment_with_a_lower_number_that_commits_later_is_not_missed(
    street: Street, age: dt.timedelta
) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100))
    await street.pay(account, 30)
    await street.allocate()
    await street.pool.execute(
        """
        with p as (
          insert into ledger.payment (payment_id, recorded_at, agent, agent_payment_id, account,
              amount_kopecks, paid_at, business_day)
          select 5, now() - $2::interval, 'osmp', 'late', $1, 20, now(), current_date
          returning recorded_at)
        , l as (update ledger.account_paid set advance = advance + 20, version = version + 1
                 where account = $1)
        insert into ledger.payment_event (payment_id, payment_recorded_at, seq, kind,
            amount_kopecks, happened_at, business_day)
        select 5, recorded_at, 1, 'credited', 20, now(), current_date from p
        """,
        account,
        age,
    )
    await street.pool.execute("insert into ledger.allocation_due (account) values ($1)", account)
    await street.allocate()
    assert [line.kopecks for line in await street.lines(account)] == [30, 20]
    await street.sound()


async def test_a_held_payment_settles_nothing_until_it_is_confirmed(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100))
    held = await street.hold(account, 70, {1: 20})
    await street.pay(account, 60)
    await street.allocate()
    assert [line.kopecks for line in await street.lines(account)] == [60]
    await street.confirm(held)
    await street.allocate()
    assert [line.kopecks for line in await street.lines(account)] == [60, 20, 20]
    assert await street.debts(account) == {"advance": -30}
    await street.sound()
    await street.undo(held)
    await street.allocate()
    assert await street.debts(account) == {"heating": 40}
    await street.sound()


async def test_a_charge_of_years_ago_is_found(street: Street) -> None:
    account = await street.open_account()
    await street.pay(account, 100)
    await street.allocate()
    await street.bill(account, (1, dt.date(2024, 5, 1), 40))
    await street.allocate()
    assert [line.period.year for line in await street.lines(account)] == [2024]
    await street.sound()


async def test_an_account_whose_history_came_before_is_taken_in_whole(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100), (2, JANUARY, 100))
    first = await street.pay(account, 60)
    second = await street.pay(account, 80, {2: 30})
    await street.undo(first.payment_id)
    # As if all that had been there before anything was allocated.
    await street.pool.execute("delete from ledger.allocation_due")
    street.allocator = Allocator()
    await street.pay(account, 10)
    await street.allocate()
    expected = {second.payment_id: 80, first.payment_id: 0}
    sums = dict.fromkeys(expected, 0)
    for line in await street.lines(account):
        if line.payment_id in sums:
            sums[line.payment_id] += line.kopecks
    assert sums == expected
    assert sum(line.kopecks for line in await street.lines(account)) == 90
    await street.sound()


async def test_lanes_that_are_wrong_are_left_alone_and_told(street: Street) -> None:
    account, other = await street.open_account(), await street.open_account()
    for each in (account, other):
        await street.bill(each, (1, JANUARY, 100))
        await street.pay(each, 60)
    await street.pool.execute(
        "update ledger.account_paid set advance = advance + 1, version = version + 1"
        " where account = $1",
        account,
    )
    await street.allocate()
    assert await street.lines(account) == []
    assert len(await street.lines(other)) == 1
    async with street.pool.acquire() as link:
        (found,) = await differences(link)
    assert (found.account, found.what) == (account, "advance")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("update ledger.payment_left set kopecks = kopecks + 1", {"advance", "payment"}),
        ("update ledger.owed set kopecks = kopecks + 1", {"owed", "settled"}),
        ("delete from ledger.owed", {"owed", "settled"}),
        (
            "update ledger.allocation set period = period + interval '1 month' where service = 1",
            {"owed"},
        ),
        (
            "delete from ledger.allocation where service = 2",
            {"owed", "payment", "paid", "advance"},
        ),
    ],
)
async def test_the_proof_sees_a_line_or_a_rest_that_is_not_right(
    street: Street, damage: str, expected: set[str]
) -> None:
    account, other = await street.open_account(), await street.open_account()
    await street.bill(account, (1, JANUARY, 100), (2, JANUARY, 50))
    await street.pay(account, 200, {1: 20})
    await street.bill(other, (1, JANUARY, 100))
    await street.allocate()
    await street.sound()
    await street.pool.execute("alter table ledger.allocation disable trigger user")
    await street.pool.execute(damage)
    async with street.pool.acquire() as link:
        found = await differences(link)
    assert {each.what.split(" ")[0] for each in found} == expected
