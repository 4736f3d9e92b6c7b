"""Nobody hears that there is no such payment while somebody is writing it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import asyncpg
import pytest

from server.messages import PaymentState
from server.payments.ports import Action, Move, OutcomeUnknown, Result
from server.storage.connection import Connection, lent
from server.storage.ledger import PostgresLedger
from server.storage.posting import GroupCommit, Waiting, post_batch
from tests.storage.conftest import Pool, proof
from tests.storage.test_posting import DAY, ORDER

CANCEL = Move(Action.CANCEL, "osmp", DAY, ORDER.agent_payment_id, actor="osmp")


def waiting() -> Waiting:
    outcome = asyncio.get_running_loop().create_future()
    return Waiting(ORDER, ORDER.fingerprint, None, outcome)


async def test_what_is_being_written_is_waited_for(ledger: PostgresLedger, pool: Pool) -> None:
    async with lent(pool) as writer, writer.transaction():
        await post_batch(writer, [waiting()], wait=True)
        asked = asyncio.create_task(ledger.recorded("osmp", ORDER.agent_payment_id))
        cancelled = asyncio.create_task(ledger.move(CANCEL))
        await asyncio.sleep(0.3)
        assert not asked.done()
        assert not cancelled.done()
    found, moved = await asked, await cancelled
    assert found is not None
    assert found.payment is not None
    assert moved.result is Result.ACCEPTED
    assert moved.payment is not None
    assert moved.payment.state is PaymentState.CANCELLED
    assert await proof(pool) == ()


async def test_what_takes_too_long_is_unknown_and_not_absent(
    ledger: PostgresLedger, pool: Pool
) -> None:
    async with lent(pool) as writer, writer.transaction():
        await post_batch(writer, [waiting()], wait=True)
        with pytest.raises(OutcomeUnknown):
            await ledger.recorded("osmp", ORDER.agent_payment_id)
        with pytest.raises(OutcomeUnknown):
            await ledger.move(CANCEL)


async def test_what_was_given_up_is_absent(ledger: PostgresLedger, pool: Pool) -> None:
    async with lent(pool) as writer:
        transaction = writer.transaction()
        await transaction.start()
        await post_batch(writer, [waiting()], wait=True)
        asked = asyncio.create_task(ledger.recorded("osmp", ORDER.agent_payment_id))
        await asyncio.sleep(0.1)
        await transaction.rollback()
    assert await asked is None
    assert (await ledger.move(CANCEL)).result is Result.NOT_FOUND
    assert await ledger.recorded("osmp", "x" * 101) is None
    assert (await ledger.post(ORDER)).result is Result.ACCEPTED
    assert await proof(pool) == ()


async def test_what_waits_to_be_written_is_unknown_too(
    ledger: PostgresLedger, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write = asyncio.Event()

    async def write_later(
        session: Connection, batch: Sequence[Waiting], *, wait: bool
    ) -> Sequence[asyncpg.Record]:
        await may_write.wait()
        return await post_batch(session, batch, wait=wait)

    monkeypatch.setattr(ledger._group_commit, "_call", write_later)
    posting = asyncio.create_task(ledger.post(ORDER))
    await asyncio.sleep(0)
    try:
        with pytest.raises(OutcomeUnknown):
            await ledger.recorded("osmp", ORDER.agent_payment_id)
        with pytest.raises(OutcomeUnknown):
            await ledger.move(CANCEL)
    finally:
        may_write.set()
    assert (await posting).result is Result.ACCEPTED
    assert await ledger.recorded("osmp", ORDER.agent_payment_id) is not None


async def test_an_order_that_waits_in_this_process_is_under_way(pool: Pool) -> None:
    commit = GroupCommit(pool, {})
    numbers = [replace(ORDER, agent_payment_id=number) for number in ("1", "1", "2")]
    posting = [asyncio.create_task(commit.post(order)) for order in numbers]
    await asyncio.sleep(0)
    assert commit.is_under_way("osmp", "1")
    assert commit.is_under_way("osmp", "2")
    assert not commit.is_under_way("sber", "1")
    await asyncio.gather(*posting)
    assert not commit.is_under_way("osmp", "1")
    assert not commit.is_under_way("osmp", "2")
