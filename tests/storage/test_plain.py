"""Batches of plain payments take a short way; what it writes and says is what the long one does."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import asyncpg
import pytest

from server.money import Money
from server.payments.ports import Order, Posted, Result
from server.storage.ledger import PostgresLedger
from server.storage.posting import Waiting, post_batch
from server.storage.records import outcomes
from tests.storage.conftest import Pool, proof

PAID_AT = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
DAY = dt.date(2026, 11, 24)
ORDER = Order("osmp", "1", "1000001", Money(1045), PAID_AT, DAY, terminal="7")
ORDERS = (
    ORDER,
    replace(ORDER, agent_payment_id="2", account="1000002", amount=Money(300)),
    replace(ORDER, agent_payment_id="3", terminal=""),
    replace(ORDER, agent="sber", agent_payment_id="1", business_day=DAY - dt.timedelta(days=1)),
)
_WRITTEN = """
select k.agent, k.agent_payment_id, k.fingerprint, k.refusal, p.account, p.amount_kopecks,
       p.paid_at, p.business_day, p.part_services, p.part_amounts, p.readings, p.terminal,
       p.registry_line, p.valid_until, p.recorded_at = k.recorded_at as is_same_moment,
       e.seq, e.kind, e.amount_kopecks as credited, e.happened_at = p.recorded_at as at_once,
       e.business_day as credited_on, e.actor, e.reason, l.version, l.advance, l.services, l.paid
  from ledger.payment_key k
  join ledger.payment p on p.payment_id = k.payment_id and p.recorded_at = k.recorded_at
  join ledger.payment_event e on e.payment_id = p.payment_id
  join ledger.account_paid l on l.account = p.account
 order by k.agent, k.agent_payment_id
"""


def waiting(order: Order) -> Waiting:
    return Waiting(order, order.fingerprint, None, asyncio.get_running_loop().create_future())


async def post(session: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], orders: Sequence[Order],
               *, wait: bool = False) -> list[Posted]:  # fmt: skip
    rows = await post_batch(session, [waiting(order) for order in orders], wait=wait)
    return outcomes(orders, rows)


@pytest.fixture
async def opened(pool: Pool) -> Pool:
    """The days of ORDERS are open: nobody has to open them any more."""
    await pool.executemany(
        "insert into ledger.business_day (agent, day) values ($1, $2)",
        [("osmp", DAY), ("sber", DAY - dt.timedelta(days=1))],
    )
    return pool


async def _no_long_way(pool: Pool) -> None:
    await pool.execute("alter function ledger.post_payments rename to post_payments_elsewhere")


async def test_both_ways_write_and_say_the_same(opened: Pool) -> None:
    found = []
    async with opened.acquire() as session:
        for wait in (False, True):
            transaction = session.transaction()
            await transaction.start()
            if not wait:
                await session.execute("alter function ledger.post_payments rename to no_way")
            said = await post(session, ORDERS, wait=wait)
            written = [tuple(row) for row in await session.fetch(_WRITTEN)]
            found.append((written, [_without_moment(each) for each in said]))
            await transaction.rollback()
    assert len(found[0][0]) == len(ORDERS)
    assert found[0] == found[1]


def _without_moment(posted: Posted) -> Posted:
    assert posted.payment is not None
    assert posted.lane is not None
    assert posted.lane.lsn > 0
    payment = replace(posted.payment, payment_id=0, recorded_at=PAID_AT, state_at=PAID_AT,
                      credited_at=PAID_AT)  # fmt: skip
    return replace(posted, payment=payment, lane=replace(posted.lane, lsn=0))


async def test_plain_payments_never_go_the_long_way(opened: Pool, ledger: PostgresLedger) -> None:
    await _no_long_way(opened)
    results = await asyncio.gather(*map(ledger.post, ORDERS))
    assert {each.result for each in results} == {Result.ACCEPTED}
    assert await proof(opened) == ()


@pytest.mark.parametrize(
    ("odd", "result"),
    [
        pytest.param(replace(ORDER, agent_payment_id="0"), Result.REPEATED, id="repeated"),
        pytest.param(replace(ORDER, agent_payment_id="0", amount=Money(1)), Result.CONFLICT,
                     id="conflict"),
        pytest.param(replace(ORDER, agent_payment_id="x", account="1000003"), Result.CLOSED,
                     id="closed account"),
        pytest.param(replace(ORDER, agent_payment_id="x", account="nobody"), Result.NOT_FOUND,
                     id="unknown account"),
        pytest.param(replace(ORDER, agent_payment_id="x", business_day=dt.date(2026, 11, 1)),
                     Result.DAY_CLOSED, id="closed day"),
        pytest.param(replace(ORDER, agent_payment_id="x", business_day=dt.date(2026, 12, 1)),
                     Result.ACCEPTED, id="new day"),
        pytest.param(replace(ORDER, agent_payment_id="x", valid_seconds=60), Result.ACCEPTED,
                     id="hold"),
    ],
)  # fmt: skip
async def test_one_that_is_not_plain_changes_nothing_for_the_others(
    opened: Pool, ledger: PostgresLedger, odd: Order, result: Result
) -> None:
    await opened.execute(
        "insert into ledger.business_day (agent, day, closed_at) values ('osmp', '2026-11-01',"
        " now())"
    )
    await ledger.post(replace(ORDER, agent_payment_id="0"))
    async with opened.acquire() as session:
        results = await post(session, [*ORDERS, odd])
    assert [each.result for each in results] == [Result.ACCEPTED] * len(ORDERS) + [result]
    assert await proof(opened) == ()


async def test_a_locked_account_is_busy_and_only_that(opened: Pool) -> None:
    async with opened.acquire() as other, other.transaction():
        await other.execute("select from ledger.account_paid where account = '1000002' for update")
        async with opened.acquire() as session:
            results = await post(session, ORDERS)
    assert [each.result for each in results] == [
        Result.ACCEPTED, Result.BUSY, Result.ACCEPTED, Result.ACCEPTED]  # fmt: skip
    assert await proof(opened) == ()


@pytest.mark.parametrize("ends", ["committed", "given up"])
async def test_a_key_that_is_being_written_elsewhere_costs_the_others_nothing(
    opened: Pool, ledger: PostgresLedger, ends: str
) -> None:
    """Its account is another one, so nothing but the key itself tells of it."""
    async with opened.acquire() as session:
        transaction = session.transaction()
        await transaction.start()
        await post(session, [replace(ORDER, agent_payment_id="2", account="1000002")])
        posting = asyncio.gather(
            *(ledger.post(replace(ORDER, agent_payment_id=str(key))) for key in range(5))
        )
        await _until_somebody_waits(opened)
        await (transaction.commit() if ends == "committed" else transaction.rollback())
    results = Counter(each.result for each in await posting)
    conflicts = {Result.CONFLICT: 1} if ends == "committed" else {}
    assert results == {Result.ACCEPTED: 5 - len(conflicts)} | conflicts
    assert await opened.fetchval("select count(*) from ledger.payment") == 5
    assert await proof(opened) == ()


async def _until_somebody_waits(pool: Pool) -> None:
    async with asyncio.timeout(30):
        while not await pool.fetchval(  # noqa: ASYNC110 - nobody tells us
            "select count(*) from pg_locks l join pg_database d on d.oid = l.database or"
            " l.database is null where not l.granted and d.datname = current_database()"
        ):
            await asyncio.sleep(0.01)
