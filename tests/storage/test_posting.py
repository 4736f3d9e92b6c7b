"""Posting on a real PostgreSQL: once, whatever comes together, repeats or fails beside it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from server.messages import Part, PaymentState, Reading, ReadingResult
from server.money import Money
from server.payments.ports import (
    Action,
    AfterClose,
    Move,
    Order,
    OutcomeUnknown,
    Posted,
    Result,
)
from server.sealing import FileSealer
from server.storage.ledger import PostgresLedger
from server.storage.posting import Waiting, post_batch
from tests.storage.conftest import Pool, proof
from tests.storage.town import settle

PAID_AT = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
DAY = dt.date(2026, 11, 24)
ORDER = Order("osmp", "1", "1000001", Money(152340), PAID_AT, DAY)


def cancellation(key: str, *, after_close: AfterClose = AfterClose.NO) -> Move:
    return Move(Action.CANCEL, "osmp", DAY, key, after_close=after_close, actor="osmp")


async def test_a_payment_is_recorded_with_its_lane(ledger: PostgresLedger, pool: Pool) -> None:
    posted = await ledger.post(ORDER)
    assert posted.result is Result.ACCEPTED
    assert posted.payment is not None
    assert posted.payment.state is PaymentState.CREDITED
    assert posted.payment.amount == Money(152340)
    assert posted.lane is not None
    assert (posted.lane.version, posted.lane.advance) == (2, 152340)
    assert posted.lane.lsn > 0
    again = await ledger.recorded("osmp", "1")
    lane = replace(posted.lane, lsn=_lane_lsn(again))
    repeated = replace(posted, result=Result.REPEATED, lane=lane, fingerprint=ORDER.fingerprint)
    assert again == repeated
    assert await proof(pool) == ()


def _lane_lsn(posted: Posted | None) -> int:
    assert posted is not None
    assert posted.lane is not None
    return posted.lane.lsn


async def test_sixty_four_ids_on_one_account_are_sixty_four_payments(
    ledger: PostgresLedger, pool: Pool
) -> None:
    orders = [replace(ORDER, agent_payment_id=str(place)) for place in range(64)]
    results = await asyncio.gather(*map(ledger.post, orders))
    assert {each.result for each in results} == {Result.ACCEPTED}
    assert await pool.fetchval("select count(*) from ledger.payment") == 64
    assert await pool.fetchval("select advance from ledger.account_paid where account='1000001'") \
        == 64 * 152340  # fmt: skip
    assert await proof(pool) == ()


async def test_sixty_four_times_one_id_is_one_payment(ledger: PostgresLedger, pool: Pool) -> None:
    results = await asyncio.gather(*(ledger.post(ORDER) for _ in range(64)))
    assert Counter(each.result for each in results) == {Result.ACCEPTED: 1, Result.REPEATED: 63}
    assert len({each.payment for each in results}) == 1
    assert await pool.fetchval("select count(*) from ledger.payment") == 1
    assert await proof(pool) == ()


async def test_two_servers_race_for_one_id_and_one_wins(pool: Pool, database_dsn: str) -> None:
    async with asyncpg.create_pool(database_dsn, min_size=2, max_size=4) as other_pool:
        sealer = FileSealer(bytes(32))
        one = PostgresLedger(pool, {}, sealer)
        two = PostgresLedger(other_pool, {}, sealer)
        for round_number in range(20):
            order = replace(ORDER, agent_payment_id=f"r{round_number}")
            results = await asyncio.gather(*(each.post(order) for each in (one, two) * 4))
            counts = Counter(each.result for each in results)
            assert counts == {Result.ACCEPTED: 1, Result.REPEATED: 7}
    assert await pool.fetchval("select count(*) from ledger.payment") == 20
    assert await proof(pool) == ()


async def test_a_repeat_that_meets_its_first_and_a_closing_is_no_refusal(
    ledger: PostgresLedger, pool: Pool
) -> None:
    """The account is closed while the first one is being written: the repeat must wait for it."""
    await ledger.post(replace(ORDER, agent_payment_id="0"))  # the day exists
    outcome: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()
    first = Waiting(ORDER, ORDER.fingerprint, None, outcome)
    async with pool.acquire() as session:
        transaction = session.transaction()
        await transaction.start()
        await post_batch(session, [first], wait=False)
        await pool.execute("update billing.accounts set state = 'closed' where number = '1000001'")
        repeat = asyncio.create_task(ledger.post(ORDER))
        await asyncio.sleep(0.1)
        await transaction.commit()
    assert (await repeat).result is Result.REPEATED
    assert (await ledger.post(replace(ORDER, agent_payment_id="2"))).result is Result.CLOSED
    assert await proof(pool) == ()


async def test_a_mixed_batch_gives_each_order_its_own_outcome(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await ledger.post(ORDER)
    orders = [
        replace(ORDER, agent_payment_id="2"),
        ORDER,
        replace(ORDER, amount=Money(100)),
        replace(ORDER, account="1000002"),
        replace(ORDER, agent_payment_id="3", account="1000003"),
        replace(ORDER, agent_payment_id="4", account="nobody"),
        replace(ORDER, agent="sber"),
    ]
    results = await asyncio.gather(*map(ledger.post, orders))
    assert [each.result for each in results] == [
        Result.ACCEPTED,
        Result.REPEATED,
        Result.CONFLICT,
        Result.CONFLICT,
        Result.CLOSED,
        Result.NOT_FOUND,
        Result.ACCEPTED,
    ]
    assert await proof(pool) == ()


@pytest.mark.parametrize(
    "poison",
    [
        pytest.param({"terminal": "\x00"}, id="which PostgreSQL refuses"),
        pytest.param({"amount": Money(2**63)}, id="which cannot be sent"),
    ],
)
async def test_a_poisoned_order_fails_alone(
    ledger: PostgresLedger, pool: Pool, poison: dict[str, Any]
) -> None:
    poisoned = replace(ORDER, agent_payment_id="bad", **poison)
    orders = [replace(ORDER, agent_payment_id=str(place)) for place in range(10)]
    results = await asyncio.gather(*map(ledger.post, [*orders, poisoned]), return_exceptions=True)
    assert isinstance(results[-1], asyncpg.PostgresError | asyncpg.DataError)
    assert all(isinstance(each, Posted) and each.result is Result.ACCEPTED for each in results[:-1])
    assert await proof(pool) == ()


async def test_an_account_that_is_locked_elsewhere_does_not_stop_the_others(
    ledger: PostgresLedger, pool: Pool
) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "select from ledger.account_paid where account = '1000001' for update"
        )
        blocked = asyncio.create_task(ledger.post(ORDER))
        free = await ledger.post(replace(ORDER, agent_payment_id="2", account="1000002"))
        assert free.result is Result.ACCEPTED
        assert not blocked.done()
    assert (await blocked).result is Result.ACCEPTED


async def test_nothing_is_posted_into_a_closed_day(ledger: PostgresLedger, pool: Pool) -> None:
    await pool.execute(
        "insert into ledger.business_day (agent, day, closed_at) values ('osmp', $1, now())", DAY
    )
    assert (await ledger.post(ORDER)).result is Result.DAY_CLOSED
    assert await ledger.next_open_day("osmp", DAY) == DAY + dt.timedelta(days=1)
    assert await pool.fetchval("select count(*) from ledger.payment_key") == 0


async def test_a_repeat_across_a_month_and_after_a_year_is_the_same_payment(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await pool.execute(
        """
        with at as (select timestamptz '2025-10-31 20:59:59+00' as t), k as (
          insert into ledger.payment_key (agent, agent_payment_id, payment_id, recorded_at,
                                          fingerprint)
          select 'osmp', '1', 5, t, $1 from at)
        , p as (insert into ledger.payment (payment_id, recorded_at, agent, agent_payment_id,
            account, amount_kopecks, paid_at, business_day)
          select 5, t, 'osmp', '1', '1000001', 152340, t, '2025-10-31' from at)
        insert into ledger.payment_event (payment_id, payment_recorded_at, seq, kind,
            amount_kopecks, happened_at, business_day)
        select 5, t, 1, 'credited', 152340, t, '2025-10-31' from at
        """,
        ORDER.fingerprint,
    )
    for _ in range(2):
        posted = await ledger.post(ORDER)
        assert posted.result is Result.REPEATED
        assert posted.payment is not None
        assert posted.payment.payment_id == 5
    assert (await ledger.post(replace(ORDER, amount=Money(1)))).result is Result.CONFLICT
    assert await pool.fetchval("select count(*) from ledger.payment") == 1


async def test_parts_go_to_their_services_and_the_rest_to_the_advance(
    ledger: PostgresLedger, pool: Pool
) -> None:
    parts = (Part("heating", Money(100)), Part("water", Money(50)), Part("unknown", Money(7)))
    posted = await ledger.post(replace(ORDER, amount=Money(200), parts=parts))
    assert posted.lane is not None
    assert posted.lane.services == (1, 2)
    assert posted.lane.paid == (50, 100)
    assert posted.lane.advance == 50
    assert await proof(pool) == ()
    cancelled = await ledger.move(cancellation("1"))
    assert cancelled.lane is not None
    assert (cancelled.lane.paid, cancelled.lane.advance) == ((0, 0), 0)
    assert await proof(pool) == ()


async def test_a_cancellation_is_an_opposite_entry_and_keeps_both(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await ledger.post(ORDER)
    first = await ledger.move(cancellation("1"))
    assert first.result is Result.ACCEPTED
    assert first.payment is not None
    assert first.payment.state is PaymentState.CANCELLED
    again = await ledger.move(cancellation("1"))
    assert (again.result, again.payment) == (Result.REPEATED, first.payment)
    entries = await pool.fetch("select kind, amount_kopecks from ledger.payment_event order by seq")
    assert [tuple(row) for row in entries] == [("credited", 152340), ("cancelled", -152340)]
    assert (await ledger.move(cancellation("other"))).result is Result.NOT_FOUND
    assert await proof(pool) == ()


async def test_sixteen_cancellations_at_once_take_the_money_off_once(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await ledger.post(ORDER)
    results = await asyncio.gather(*(ledger.move(cancellation("1")) for _ in range(16)))
    assert Counter(each.result for each in results) == {Result.ACCEPTED: 1, Result.REPEATED: 15}
    assert await proof(pool) == ()


async def test_a_cancellation_after_the_day_closed_is_forbidden(
    ledger: PostgresLedger, pool: Pool
) -> None:
    yesterday = DAY - dt.timedelta(days=1)
    posted = await ledger.post(replace(ORDER, business_day=yesterday))
    assert posted.payment is not None
    number = posted.payment.payment_id
    assert not await ledger.is_settled("osmp", number)
    await pool.execute("update ledger.business_day set closed_at = now() where day = $1", yesterday)
    assert await ledger.is_settled("osmp", number)
    assert not await ledger.is_settled("sber", number)
    assert not await ledger.is_settled("osmp", number + 1)
    assert (await ledger.move(cancellation("1"))).result is Result.FORBIDDEN
    allowed = await ledger.move(cancellation("1", after_close=AfterClose.YES))
    assert allowed.result is Result.ACCEPTED


async def test_readings_of_a_payment_reach_the_billed_lane_afterwards(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await pool.execute("insert into billing.meters (account, number, service)"
                       " values ('1000001', '77', 1)")  # fmt: skip
    readings = (Reading("77", 123_456), Reading("78", 1))
    results = (ReadingResult("77"), ReadingResult("78"))
    order = replace(ORDER, readings=readings, reading_results=results, read_on=DAY)
    posted = await ledger.post(order)
    assert posted.payment is not None
    assert posted.payment.readings == results
    await ledger.finish()
    lane = await pool.fetchval("select meters from ledger.account_billed where account = '1000001'")
    assert lane == "77\t1\t123456\t2026-11-24"
    (meter,) = await ledger.meters("1000001")
    assert (meter.last_reading, meter.last_date, meter.month_mean) == (123_456, DAY, None)


async def test_a_statement_lists_credited_payments_of_the_interval(ledger: PostgresLedger) -> None:
    for key, hours in (("1", 0), ("2", 1), ("3", 2), ("4", 3)):
        paid_at = PAID_AT + dt.timedelta(hours=hours)
        await ledger.post(replace(ORDER, agent_payment_id=key, paid_at=paid_at))
    await ledger.move(cancellation("2"))
    found = await ledger.statement("osmp", PAID_AT, PAID_AT + dt.timedelta(hours=2))
    assert [each.agent_payment_id for each in found] == ["1", "3"]
    assert await ledger.statement("sber", PAID_AT, PAID_AT + dt.timedelta(hours=2)) == ()


async def test_a_lost_connection_is_an_unknown_outcome(database_dsn: str) -> None:
    async with asyncpg.create_pool(database_dsn, min_size=1, max_size=1) as pool:
        async with pool.acquire() as connection:
            await settle(connection)
        ledger = PostgresLedger(pool, {}, FileSealer(bytes(32)))
        blocker = await asyncpg.connect(database_dsn)
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("lock table ledger.payment_key in access exclusive mode")
        waiting = asyncio.create_task(ledger.post(ORDER))
        await asyncio.sleep(0.2)
        await blocker.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        with pytest.raises(OutcomeUnknown):
            await waiting
        await transaction.rollback()
        await blocker.close()
        assert (await ledger.post(ORDER)).result is Result.ACCEPTED


async def test_a_payment_enqueued_while_a_batch_ends_is_never_left_waiting(
    ledger: PostgresLedger,
) -> None:
    for place in range(200):
        order = replace(ORDER, agent_payment_id=f"a{place}")
        first = asyncio.create_task(ledger.post(order))
        for _ in range(place % 17):
            await asyncio.sleep(0)
        second = ledger.post(replace(order, agent_payment_id=f"b{place}"))
        async with asyncio.timeout(5):
            await asyncio.gather(first, second)


@pytest.mark.parametrize(
    "change",
    [
        "update ledger.payment set amount_kopecks = 1",
        "delete from ledger.payment",
        "truncate ledger.payment cascade",
        "update ledger.payment_key set payment_id = 1",
        "delete from ledger.payment_event",
        "delete from billing.charges",
        "update billing.charges set amount_kopecks = 0",
    ],
)
async def test_money_is_append_only(ledger: PostgresLedger, pool: Pool, change: str) -> None:
    await ledger.post(ORDER)
    await pool.execute(
        "insert into billing.charges (account, service, period, amount_kopecks)"
        " values ('1000001', 'water', '2026-11-01', 5)"
    )
    with pytest.raises(asyncpg.RestrictViolationError):
        await pool.execute(change)
