"""Group commit without a database: an order may come in every turn of the loop."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import asyncpg
import pytest

from server.money import Money
from server.payments.ports import Order, OutcomeUnknown, Result
from server.storage.connection import Connection
from server.storage.posting import GroupCommit, Waiting
from tests.storage.conftest import Pool

AT = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
ORDER = Order("osmp", "1", "1000001", Money(5000), AT, AT.date())


class Session:
    """Can be thrown away, and nothing else."""

    def terminate(self) -> None:
        return


class Sessions:
    """A pool whose sessions take a few turns to get and to give back."""

    def __init__(self) -> None:
        self.fault: Exception | None = None

    @asynccontextmanager
    async def acquire(self, *, timeout: float) -> AsyncIterator[Session]:
        await turns(2)
        if self.fault is not None:
            raise self.fault
        yield Session()
        await turns(3)


class Database:
    """Accepts everything after a few turns; remembers the sizes of the batches it was given."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.in_flight = 0
        self.in_flight_most = 0
        self.fault: Exception | None = None

    async def __call__(
        self, session: Connection, batch: Sequence[Waiting], *, wait: bool
    ) -> Sequence[asyncpg.Record]:
        self.batches.append(len(batch))
        self.in_flight += 1
        self.in_flight_most = max(self.in_flight, self.in_flight_most)
        await turns(5)
        self.in_flight -= 1
        if self.fault is not None:
            raise self.fault
        accounts = {item.order.account for item in batch}
        rows: list[Mapping[str, Any]] = [lane(account) for account in sorted(accounts)]
        numbers = list(range(1, len(batch) + 1))
        rows.append({"place": None, "numbers": numbers, "recorded_at": AT})
        return cast("Sequence[asyncpg.Record]", rows)


def lane(account: str) -> Mapping[str, Any]:
    return {"place": None, "numbers": None, "account": account, "epoch": 1, "version": 2,
            "services": [], "paid": [], "advance": 5000, "lsn": 1}  # fmt: skip


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def committing() -> tuple[GroupCommit, Database, Sessions]:
    database, sessions = Database(), Sessions()
    return GroupCommit(cast("Pool", sessions), {}, database), database, sessions


@pytest.mark.parametrize("turn", range(30))
async def test_an_order_that_comes_in_any_turn_is_posted(turn: int) -> None:
    commits, _, _ = committing()
    first = asyncio.create_task(commits.post(ORDER))
    await turns(turn)
    second = asyncio.create_task(commits.post(replace(ORDER, agent_payment_id="2")))
    await turns(60)
    assert first.done()
    assert second.done()
    assert second.result().result is Result.ACCEPTED


async def test_one_batch_is_in_flight_and_the_next_one_gathers() -> None:
    commits, database, _ = committing()
    payers = []
    for place in range(100):
        order = replace(ORDER, agent_payment_id=str(place))
        payers.append(asyncio.create_task(commits.post(order)))
        await turns(1)
    await asyncio.gather(*payers)
    await commits.finish()
    assert database.in_flight_most == 1
    assert sum(database.batches) == 100
    assert len(database.batches) < 40


async def test_a_batch_has_at_most_512_orders() -> None:
    commits, database, _ = committing()
    orders = [replace(ORDER, agent_payment_id=str(place)) for place in range(3000)]
    results = await asyncio.gather(*map(commits.post, orders))
    assert {each.result for each in results} == {Result.ACCEPTED}
    assert max(database.batches) == 512


async def test_each_order_gets_its_own_payment_back() -> None:
    commits, _, _ = committing()
    orders = [replace(ORDER, agent_payment_id=str(place)) for place in range(300)]
    results = await asyncio.gather(*map(commits.post, orders))
    found = [each.payment.agent_payment_id for each in results if each.payment]
    assert found == [order.agent_payment_id for order in orders]


@pytest.mark.parametrize(
    "fault",
    [ConnectionRefusedError(), asyncpg.InvalidPasswordError(), asyncpg.InvalidCatalogNameError()],
    ids=["away", "another password", "another database"],
)
async def test_a_store_that_lets_nobody_in_is_unknown_to_all_and_forgotten_afterwards(
    fault: Exception,
) -> None:
    commits, _, sessions = committing()
    sessions.fault = fault
    orders = [replace(ORDER, agent_payment_id=str(place)) for place in range(600)]
    results = await asyncio.gather(*map(commits.post, orders), return_exceptions=True)
    assert all(isinstance(each, OutcomeUnknown) for each in results)
    sessions.fault = None
    assert (await commits.post(ORDER)).result is Result.ACCEPTED


async def test_a_connection_that_is_lost_in_flight_is_unknown_to_its_batch() -> None:
    commits, database, _ = committing()
    database.fault = ConnectionResetError()
    with pytest.raises(OutcomeUnknown):
        await commits.post(ORDER)
    database.fault = None
    assert (await commits.post(ORDER)).result is Result.ACCEPTED


async def test_a_payer_that_goes_away_leaves_its_order() -> None:
    commits, database, _ = committing()
    payers = [
        asyncio.create_task(commits.post(replace(ORDER, agent_payment_id=str(place))))
        for place in range(10)
    ]
    await turns(1)
    for payer in payers[::2]:
        payer.cancel()
    await commits.finish()
    assert sum(database.batches) == 10
    assert all(payer.result().result is Result.ACCEPTED for payer in payers[1::2])
