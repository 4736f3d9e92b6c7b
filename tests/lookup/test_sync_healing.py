"""The sync heals by itself whatever is done to PostgreSQL, to Redis or to the slot."""

from __future__ import annotations

import asyncio
import os
import signal

import asyncpg
import pytest

from server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.lookup.world import (
    FIRST,
    World,
    add_accounts,
    charged,
    eventually,
    is_slot_free,
    kopecks_owed,
)

ACCOUNT = str(FIRST)
_LAPS = 30
_A_KOPECK_EACH = (
    "insert into billing.charges (account, service, period, amount_kopecks)"
    " select number, 'water', '2026-11-01', 1 from billing.accounts"
)


async def test_a_flushed_redis_is_filled_again_under_a_new_epoch(world: World) -> None:
    async with world.syncing():
        before = await world.beat()
        await world.redis.flushall()
        await eventually(world.is_complete)
        after = await world.beat()
        assert before is not None
        assert after is not None
        assert after.epoch > before.epoch
        assert await world.is_equal()


async def test_a_redis_flushed_during_the_copy_does_not_count_as_complete(world: World) -> None:
    await add_accounts(world.connection, 5000001, 30000)
    async with world.syncing():
        await eventually(world.is_complete)
        before = await world.beat()
        assert before is not None
        await world.redis.delete("a:~complete")

        async def copying() -> bool:
            beat = await world.beat()
            return beat is not None and beat.epoch > before.epoch

        await eventually(copying)
        await world.redis.flushall()
        await eventually(world.is_complete)
        assert await world.is_equal()


async def test_what_was_paid_is_not_owed_again_while_redis_is_filled(world: World) -> None:
    """What the stream tells first is older than what everybody has seen."""
    shown: set[int | None] = set()
    await add_accounts(world.connection, 5000001, 600)
    async with world.near_caches() as (cache,):
        async with world.syncing():
            assert await kopecks_owed(cache, ACCOUNT) == 10000
        for _ in range(_LAPS):
            await world.connection.execute(_A_KOPECK_EACH)
            await world.connection.execute("update ledger.account_paid set version = version + 1")
            lane = await world.pay(ACCOUNT, 1000)
        await world.redis.flushall()
        await cache.publish([lane])
        owed = 10000 + _LAPS - 1000 * _LAPS
        assert await kopecks_owed(cache, ACCOUNT) == owed
        is_filled = asyncio.Event()

        async def look() -> None:
            while not is_filled.is_set():
                shown.add(await kopecks_owed(cache, ACCOUNT))
                await asyncio.sleep(0)

        looking = asyncio.create_task(look())
        async with world.syncing():
            await eventually(world.is_complete)
            assert await world.is_equal()
            is_filled.set()
            await looking
    assert shown == {owed}


async def test_a_flush_while_postgresql_is_away_leaves_nothing_to_believe(world: World) -> None:
    """A sign of life that outlived what it spoke of would vouch for whatever is written then."""
    async with world.syncing():
        beat = await world.beat()
        assert beat is not None
        await world.connection.execute(
            "select pg_terminate_backend(active_pid) from pg_replication_slots where active"
        )
        await world.redis.flushall()
        await eventually(world.is_complete)
        after = await world.beat()
        assert after is not None
        assert after.epoch > beat.epoch
        assert await world.is_equal()


async def test_a_lost_slot_is_made_again_and_everything_copied(world: World) -> None:
    async with world.syncing():
        pass
    await eventually(lambda: is_slot_free(world))
    await world.connection.execute("select pg_drop_replication_slot('kvitok_sync')")
    await world.charge(ACCOUNT, 5)
    async with world.syncing():
        assert await charged(world) == 10005


async def test_a_slot_that_postgresql_gave_up_is_made_again(own_world: World) -> None:
    async with own_world.syncing():
        pass
    await own_world.connection.execute("alter system set max_slot_wal_keep_size = '1MB'")
    await own_world.connection.execute("select pg_reload_conf()")
    for _ in range(5):
        await own_world.connection.execute("select pg_switch_wal()")
        await own_world.charge(ACCOUNT, 1)
    await own_world.connection.execute("checkpoint")
    async with own_world.syncing():
        await eventually(own_world.is_complete)
        assert await charged(own_world) == 10005
        await own_world.charge(ACCOUNT, 1)

        async def followed() -> bool:
            return await charged(own_world) == 10006

        await eventually(followed)


async def test_a_redis_that_hangs_is_left_and_found_again(
    own_world: World, own_valkey: EmbeddedValkey
) -> None:
    async with own_world.syncing():
        pid = int((await own_world.redis.info("server"))["process_id"])
        os.kill(pid, signal.SIGSTOP)
        await own_world.charge(ACCOUNT, 5)
        await asyncio.sleep(4)
        os.kill(pid, signal.SIGCONT)

        async def shown() -> bool:
            return await charged(own_world) == 10005

        await eventually(shown)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_restarted_valkey_is_filled(
    own_world: World, own_valkey: EmbeddedValkey, how: str
) -> None:
    async with own_world.syncing():
        await asyncio.to_thread(getattr(own_valkey, how))
        await own_world.charge(ACCOUNT, 5)
        await asyncio.sleep(0.5)
        own_valkey.start()
        await eventually(own_world.is_complete)
        assert await charged(own_world) == 10005


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_restarted_postgresql_is_followed_again(
    own_world: World, own_postgres: EmbeddedPostgres, how: str
) -> None:
    async with own_world.syncing():
        before = await own_world.beat()
        await asyncio.to_thread(getattr(own_postgres, how))
        await asyncio.sleep(0.5)
        while_away = await own_world.beat()
        await asyncio.sleep(0.3)
        later = await own_world.beat()
        assert while_away is not None
        assert later is not None
        assert later.at_ms > while_away.at_ms, "the beat goes on while PostgreSQL is away"
        own_postgres.start()
        connection = await asyncpg.connect(own_world.dsn)
        await connection.execute(
            "insert into billing.charges (account, service, period, amount_kopecks)"
            " values ($1, 'water', '2026-11-01', 5)",
            ACCOUNT,
        )

        async def shown() -> bool:
            return await charged(own_world) == 10005

        await eventually(shown)
        after = await own_world.beat()
        assert before is not None
        assert after is not None
        assert after.epoch == before.epoch
        await connection.close()
