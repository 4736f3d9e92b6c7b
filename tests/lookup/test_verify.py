"""`cache verify` counts what differs, and nothing that is only on its way."""

from __future__ import annotations

import asyncio

from server.lookup import sync
from tests.lookup.world import FIRST, World, eventually


async def test_one_missing_one_stale_one_extra(world: World) -> None:
    async with world.syncing():
        old = await world.redis.get("a:1000002")
        await world.charge("1000002", 5)

        async def moved() -> bool:
            return bool(await world.redis.get("a:1000002") != old)

        await eventually(moved)
        await world.redis.delete("a:1000001")
        await world.redis.set("a:1000002", old)
        await world.redis.set("a:7777777", old)
        counts = await sync.verify(world.dsn, world.redis_url)
    assert counts == {"accounts": 1000, "missing": 1, "stale": 1, "extra": 1}


async def test_keys_that_are_not_ours_are_extra(world: World) -> None:
    async with world.syncing():
        await world.redis.set("somebody:else", "x")
        await world.redis.set("a:", "x")
        await world.redis.set(b"a:\xff\xfe", "x")
        await world.redis.set("replay:osmp:1", "x")
        await world.redis.set("session:1", "x")
        counts = await sync.verify(world.dsn, world.redis_url)
    assert counts == {"accounts": 1000, "missing": 0, "stale": 0, "extra": 3}


async def test_a_value_of_an_older_epoch_is_stale(world: World) -> None:
    async with world.syncing():
        old = await world.redis.get("a:1000001")
        await sync.rebuild(world.dsn, world.redis_url)
        await world.redis.set("a:1000001", old)
        counts = await sync.verify(world.dsn, world.redis_url)
    assert counts["stale"] == 1


async def test_a_version_ahead_of_postgresql_is_stale(world: World) -> None:
    async with world.syncing():
        value = await world.redis.get("a:1000001")
        await world.redis.set("a:1000001", value[:7] + b"\x09" + value[8:])
        counts = await sync.verify(world.dsn, world.redis_url)
    assert counts["stale"] == 1


async def test_an_empty_redis_misses_everything(world: World) -> None:
    counts = await sync.verify(world.dsn, world.redis_url)
    assert counts == {"accounts": 1000, "missing": 1000, "stale": 0, "extra": 0}


async def test_changes_on_their_way_are_not_counted(world: World) -> None:
    async with world.syncing():
        charging = asyncio.create_task(_charge_on(world))
        try:
            for _ in range(3):
                counts = await sync.verify(world.dsn, world.redis_url)
                assert counts == {"accounts": 1000, "missing": 0, "stale": 0, "extra": 0}
        finally:
            charging.cancel()
            await asyncio.gather(charging, return_exceptions=True)


async def _charge_on(world: World) -> None:
    number = 0
    while True:
        number = (number + 1) % 1000
        await world.charge(str(FIRST + number))
