"""A town in PostgreSQL, a Redis, a sync and near caches, for tests against real servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg

from server.lookup import sync
from server.lookup.accounts import NearCache
from server.lookup.marks import SERVICES as SERVICES_KEY
from server.lookup.marks import Beat, Complete, read_services
from server.lookup.packing import SnapshotError
from server.lookup.ring import Ring
from server.lookup.snapshot import decode
from server.payments.ports import PaidLane

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
PATIENCE_SECONDS = 20.0
FIRST = 1000001
SERVICES = {
    1: ("water", "Холодная вода", "м³"),
    2: ("heating", "Отопление", "Гкал"),
    3: ("waste", "Обращение с ТКО", ""),
}


async def settle(connection: Connection, count: int) -> None:
    """Three services and `count` accounts from 1000001, each charged 100.00 for water."""
    await connection.execute(
        """
        insert into billing.management_companies (name, inn) values ('УК', '7700000000');
        insert into billing.suppliers (name, inn) values ('РСО', '7700000001');
        insert into billing.services (code, name, supplier, unit)
          values ('water', 'Холодная вода', 1, 'м³'), ('heating', 'Отопление', 1, 'Гкал'),
                 ('waste', 'Обращение с ТКО', 1, '');
        """
    )
    await add_accounts(connection, FIRST, count)
    await connection.execute(
        "insert into billing.charges (account, service, period, amount_kopecks)"
        " select number, 'water', '2026-11-01', 10000 from billing.accounts"
    )


async def add_accounts(connection: Connection, first: int, count: int) -> None:
    """Accounts with the numbers `first`, `first` + 1 and so on."""
    await connection.execute(
        "insert into billing.accounts (number, holder, address)"
        " select n::text, 'Иванов Иван Иванович', 'ул. Садовая, д. ' || n % 90 || ', кв. 5'"
        " from generate_series($1::int, $2::int) n",
        first,
        first + count - 1,
    )


async def eventually(
    what: Callable[[], Awaitable[bool]], seconds: float = PATIENCE_SECONDS
) -> float:
    """Wait until it is so; returns how many seconds that took."""
    started = time.monotonic()
    while not await what():
        assert time.monotonic() - started < seconds, "it did not happen in time"
        await asyncio.sleep(0.005)
    return time.monotonic() - started


@dataclass(frozen=True, slots=True)
class World:
    """The servers of one test; `connection` and `redis` look at them from outside."""

    dsn: str
    redis_url: str
    connection: Connection
    redis: Any  # redis.asyncio.Redis, whose types know neither this mode's bytes nor awaitables

    @asynccontextmanager
    async def syncing(self) -> AsyncIterator[asyncio.Task[None]]:
        """A sync runs and Redis is complete."""
        ready = asyncio.Event()
        task = asyncio.create_task(sync.run_sync(self.dsn, self.redis_url, ready.set))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await ready.wait()
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @asynccontextmanager
    async def near_caches(self, count: int = 1, **options: int) -> AsyncIterator[list[NearCache]]:
        """Near caches of `count` workers on one ring, with trusted sessions if a sync runs."""
        async with AsyncExitStack() as stack:
            pool = await stack.enter_async_context(
                asyncpg.create_pool(self.dsn, min_size=1, max_size=4)
            )
            ring = Ring.create(count)
            caches = []
            for index in range(count):
                cache = NearCache(self.redis_url, pool, SERVICES, ring, index, **options)
                await cache.start()
                stack.push_async_callback(cache.stop)
                caches.append(cache)
            yield caches

    async def charge(self, account: str, kopecks: int = 1, service: str = "water") -> None:
        """As a billing system does it."""
        await self.connection.execute(
            "insert into billing.charges (account, service, period, amount_kopecks)"
            " values ($1, $2, '2026-11-01', $3)",
            account,
            service,
            kopecks,
        )

    async def pay(self, account: str, kopecks: int) -> PaidLane:
        """What posting does to the paid lane, and what it then has to publish."""
        row = await self.connection.fetchrow(
            "update ledger.account_paid set version = version + 1, advance = advance + $2"
            " where account = $1 returning *, (select epoch from ledger.epoch)",
            account,
            kopecks,
        )
        assert row is not None
        lsn = await self.connection.fetchval("select pg_current_wal_insert_lsn() - '0/0'")
        return PaidLane(
            account,
            row["epoch"],
            row["version"],
            tuple(row["services"]),
            tuple(row["paid"]),
            row["advance"],
            int(lsn),
        )

    async def beat(self) -> Beat | None:
        """The beat that stands in Redis."""
        text = await self.redis.get("a:~beat")
        return Beat.parse(text) if text else None

    async def is_complete(self) -> bool:
        """Whether the marker stands and is of the beat's epoch."""
        text, beat = await self.redis.get("a:~complete"), await self.beat()
        return bool(text and beat and Complete.parse(text).epoch == beat.epoch)

    async def is_equal(self) -> bool:
        """Whether Redis is what PostgreSQL says."""
        counts = await sync.verify(self.dsn, self.redis_url)
        return not (counts["missing"] or counts["stale"] or counts["extra"])


async def kopecks_owed(cache: NearCache, account: str) -> int | None:
    """The debt that a check would show; None = no such account."""
    view = await cache.find(account)
    return None if view is None else view.debt.kopecks


async def charged(world: World, account: str = str(FIRST)) -> int | None:
    """Kopecks, as Redis has them; None = no such key, or nothing readable."""
    value = await world.redis.get(f"a:{account}")
    services = await world.redis.get(SERVICES_KEY)
    try:
        view = decode(value, account, read_services(services)) if value else None
    except SnapshotError:
        return None
    return view.charged.kopecks if view else None


async def is_slot_free(world: World) -> bool:
    """Whether no sync holds the slot."""
    held = "select active from pg_replication_slots where slot_name = 'kvitok_sync'"
    return not await world.connection.fetchval(held)
