"""What peers of this field got wrong, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import asyncpg
import pytest

from server.money import Money
from server.payments.ports import Action, Move, Order, OutcomeUnknown, Posted, Result
from server.sealing import FileSealer
from server.storage.connection import Connection, lent, open_pool
from server.storage.ledger import PostgresLedger
from server.storage.posting import Call, GroupCommit, Waiting, post_batch
from tests.storage.conftest import Pool, proof

PAID_AT = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
DAY = dt.date(2026, 11, 24)
ORDER = Order("osmp", "1", "1000001", Money(152340), PAID_AT, DAY)


@pytest.mark.parametrize("count", [8, 64])
async def test_distinct_payments_at_once_on_many_accounts(
    ledger: PostgresLedger, pool: Pool, count: int
) -> None:
    await pool.execute(
        "insert into billing.accounts (number, holder, address)"
        " select (5000000 + i)::text, 'Иванов Иван', 'ул. Ленина, 5' from generate_series(1, 64) i"
    )
    orders = [
        replace(ORDER, agent_payment_id=str(place), account=str(5000001 + place))
        for place in range(count)
    ]
    results = await asyncio.gather(*map(ledger.post, orders))
    assert {each.result for each in results} == {Result.ACCEPTED}
    for order, posted in zip(orders, results, strict=True):
        assert posted.payment is not None
        assert posted.lane is not None
        assert (posted.payment.account, posted.lane.account) == (order.account, order.account)
        assert posted.lane.advance == 152340
    assert len({each.payment.payment_id for each in results if each.payment}) == count
    assert await proof(pool) == ()


async def test_ids_are_texts_and_each_is_a_payment_of_its_own(
    ledger: PostgresLedger, pool: Pool
) -> None:
    keys = ["1", "01", "0001", "<a&b>\"'", "100000000000000000000", "9" * 100, "Я", "a", "A",
            " 1", "1 ", "%s", "1\x1f2", "é", "e\u0301"]  # fmt: skip
    orders = [replace(ORDER, agent_payment_id=key) for key in keys]
    results = await asyncio.gather(*map(ledger.post, orders))
    assert {each.result for each in results} == {Result.ACCEPTED}
    again = await asyncio.gather(*map(ledger.post, orders))
    assert {each.result for each in again} == {Result.REPEATED}
    assert [each.payment for each in again] == [each.payment for each in results]
    assert [each.payment.agent_payment_id for each in again if each.payment] == keys
    assert await proof(pool) == ()


async def test_a_batch_of_duplicates_with_one_stranger(ledger: PostgresLedger, pool: Pool) -> None:
    stranger = replace(ORDER, amount=Money(1))
    results = await asyncio.gather(*map(ledger.post, [ORDER] * 20 + [stranger] + [ORDER] * 20))
    counts = Counter(each.result for each in results)
    assert counts == {Result.ACCEPTED: 1, Result.REPEATED: 39, Result.CONFLICT: 1}
    assert len({each.payment for each in results}) == 1
    assert await proof(pool) == ()


async def commit_and_lose(
    session: Connection, batch: Sequence[Waiting], *, wait: bool
) -> Sequence[asyncpg.Record]:
    """The connection is gone before anybody hears of the commit."""
    await post_batch(session, batch, wait=wait)
    raise ConnectionResetError


async def test_a_reply_that_is_lost_after_the_commit_is_found_by_the_repeat(pool: Pool) -> None:
    commits = GroupCommit(pool, {}, commit_and_lose)
    orders = [replace(ORDER, agent_payment_id=str(place)) for place in range(8)]
    results = await asyncio.gather(*map(commits.post, orders), return_exceptions=True)
    assert all(isinstance(each, OutcomeUnknown) for each in results)
    assert await pool.fetchval("select count(*) from ledger.payment") == 8
    again = await asyncio.gather(*map(GroupCommit(pool, {}).post, orders))
    assert {each.result for each in again} == {Result.REPEATED}
    assert await pool.fetchval("select count(*) from ledger.payment") == 8
    assert await proof(pool) == ()


async def break_batches(
    session: Connection, batch: Sequence[Waiting], *, wait: bool
) -> Sequence[asyncpg.Record]:
    """Fails in a way that nobody has foreseen whenever a batch has more than one order."""
    if len(batch) > 1:
        raise RuntimeError("unforeseen")
    return await post_batch(session, batch, wait=wait)


async def answer_nonsense(
    session: Connection, batch: Sequence[Waiting], *, wait: bool
) -> Sequence[asyncpg.Record]:
    """Commits, but a batch's rows cannot be understood."""
    rows = await post_batch(session, batch, wait=wait)
    return rows if wait else rows[:1]


@pytest.mark.parametrize(
    ("call", "result"),
    [(break_batches, Result.ACCEPTED), (answer_nonsense, Result.REPEATED)],
)
async def test_a_batch_that_fails_unforeseen_is_posted_one_by_one(
    pool: Pool, call: Call, result: Result
) -> None:
    commits = GroupCommit(pool, {}, call)
    orders = [replace(ORDER, agent_payment_id=str(place)) for place in range(8)]
    results = await asyncio.gather(*map(commits.post, orders))
    assert {each.result for each in results} == {result}
    await commits.finish()
    assert await pool.fetchval("select count(*) from ledger.payment") == 8
    assert await proof(pool) == ()


async def test_a_payer_that_goes_away_does_not_cancel_the_payment(
    ledger: PostgresLedger, pool: Pool
) -> None:
    gone = asyncio.create_task(ledger.post(ORDER))
    stays = asyncio.create_task(ledger.post(replace(ORDER, agent_payment_id="2")))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).result is Result.ACCEPTED
    await ledger.finish()
    assert (await ledger.post(ORDER)).result is Result.REPEATED
    assert await proof(pool) == ()


async def test_more_than_ten_thousand_waiting_are_sent_away_and_nothing_is_lost(
    ledger: PostgresLedger, pool: Pool
) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table ledger.business_day in access exclusive mode")
        first = asyncio.create_task(ledger.post(replace(ORDER, agent_payment_id="first")))
        await asyncio.sleep(0.05)
        waiting = [
            asyncio.create_task(ledger.post(replace(ORDER, agent_payment_id=str(place))))
            for place in range(10_000)
        ]
        await asyncio.sleep(0)
        with pytest.raises(OutcomeUnknown):
            await ledger.post(replace(ORDER, agent_payment_id="one too many"))
    assert (await first).result is Result.ACCEPTED
    results = await asyncio.gather(*waiting)
    assert {each.result for each in results} == {Result.ACCEPTED}
    assert await pool.fetchval("select count(*) from ledger.payment") == 10_001
    assert (await ledger.recorded("osmp", "one too many")) is None
    assert await proof(pool) == ()


async def test_an_account_that_stays_locked_is_busy_and_holds_up_nobody(
    ledger: PostgresLedger, pool: Pool
) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "select from ledger.account_paid where account = '1000001' for update"
        )
        stuck = [
            asyncio.create_task(ledger.post(replace(ORDER, agent_payment_id=f"s{place}")))
            for place in range(30)
        ]
        await asyncio.sleep(0.05)
        for place in range(30):
            free = replace(ORDER, agent_payment_id=f"f{place}", account="1000002")
            assert (await ledger.post(free)).result is Result.ACCEPTED
            assert not any(each.done() for each in stuck)
        assert {each.result for each in await asyncio.gather(*stuck)} == {Result.BUSY}
    assert (await ledger.post(replace(ORDER, agent_payment_id="s0"))).result is Result.ACCEPTED


async def test_a_day_that_is_being_closed_holds_up_its_own_payments_only(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await ledger.post(ORDER)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("update ledger.business_day set closed_at = now()")
        waits = asyncio.create_task(ledger.post(replace(ORDER, agent_payment_id="2")))
        await asyncio.sleep(0.05)
        other = replace(ORDER, agent="sber", account="1000002")
        assert (await ledger.post(other)).result is Result.ACCEPTED
        assert not waits.done()
    assert (await waits).result is Result.DAY_CLOSED


async def test_an_answer_means_that_it_is_on_disk_whatever_the_server_prefers(
    database_dsn: str,
) -> None:
    admin = await asyncpg.connect(database_dsn)
    name = await admin.fetchval("select current_database()")
    await admin.execute(f"alter database {name} set synchronous_commit = off")
    await admin.close()
    async with open_pool(database_dsn, 1) as pool:
        assert await pool.fetchval("show synchronous_commit") == "on"


async def test_a_session_that_hangs_is_thrown_away_in_time(database_dsn: str) -> None:
    async with open_pool(database_dsn, 1) as pool:
        with pytest.raises(TimeoutError):
            async with lent(pool, 0.1) as connection:
                await connection.execute("select pg_sleep(60)")
        async with lent(pool, 10) as connection:
            assert await connection.fetchval("select true")
        with pytest.raises(TimeoutError):
            async with lent(pool, 10), lent(pool, 0.1):
                raise AssertionError("there is only one connection")


@pytest.mark.parametrize("moves", [True, False])
async def test_a_primary_that_was_demoted_is_left_for_whoever_is_primary_now(
    ledger: PostgresLedger, pool: Pool, database_dsn: str, moves: bool
) -> None:
    await ledger.post(ORDER)
    name = await pool.fetchval("select current_database()")
    await pool.execute(f"alter database {name} set default_transaction_read_only = on")
    async with open_pool(database_dsn, 1) as other_pool:
        other = PostgresLedger(other_pool, {}, FileSealer(bytes(32)))

        async def work() -> Posted:
            if moves:
                return await other.move(Move(Action.CANCEL, "osmp", DAY, "1"))
            return await other.post(replace(ORDER, agent_payment_id="2"))

        with pytest.raises(OutcomeUnknown):
            await work()
        await pool.execute(f"alter database {name} reset default_transaction_read_only")
        assert (await work()).result is Result.ACCEPTED


async def test_a_pool_can_be_made_while_postgres_is_away() -> None:
    async with open_pool("postgresql://nobody@127.0.0.1:9/nothing", 2) as pool:
        ledger = PostgresLedger(pool, {}, FileSealer(bytes(32)))
        with pytest.raises(OutcomeUnknown):
            await ledger.post(ORDER)
        with pytest.raises(OutcomeUnknown):
            await ledger.recorded("osmp", "1")
