"""A signed request is taken once, whichever store remembers it."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from server.embedded import EmbeddedPostgres, EmbeddedValkey
from server.refusals import Refused
from tests.lookup.world import World

SOON = dt.timedelta(seconds=30)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


async def test_a_key_is_claimed_once_for_all_workers(world: World) -> None:
    async with world.near_caches(2) as (one, two):
        assert await one.claim("osmp:1", now() + SOON)
        assert not await two.claim("osmp:1", now() + SOON)
        assert not await one.claim("osmp:1", now() + SOON)
        assert await two.claim("osmp:2", now() + SOON)
        assert 0 < await world.redis.pttl("replay:osmp:1") <= SOON.total_seconds() * 1000


async def test_a_claim_ends(world: World) -> None:
    async with world.near_caches() as (cache,):
        assert await cache.claim("osmp:1", now() + dt.timedelta(milliseconds=100))
        await asyncio.sleep(0.2)
        assert await cache.claim("osmp:1", now() + SOON)


async def test_without_redis_postgresql_remembers(
    own_world: World, own_valkey: EmbeddedValkey
) -> None:
    async with own_world.near_caches(2) as (one, two):
        await asyncio.to_thread(own_valkey.kill)
        assert await one.claim("osmp:1", now() + SOON)
        assert not await two.claim("osmp:1", now() + SOON)
        assert await one.claim("osmp:2", now() - SOON)
        assert await two.claim("osmp:2", now() + SOON), "the first claim has ended"


async def test_what_redis_has_forgotten_is_remembered(world: World) -> None:
    """It was restarted, flushed, or a replica that was behind has taken over."""
    async with world.near_caches(2) as (one, two):
        assert await one.claim("osmp:1", now() + SOON)
        assert await world.redis.delete("replay:osmp:1") == 1
        assert not await two.claim("osmp:1", now() + SOON)
        assert not await one.claim("osmp:1", now() + SOON)


async def test_what_was_claimed_without_redis_is_remembered_when_it_is_back(
    own_world: World, own_valkey: EmbeddedValkey
) -> None:
    async with own_world.near_caches() as (cache,):
        await asyncio.to_thread(own_valkey.kill)
        assert await cache.claim("osmp:1", now() + SOON)
        own_valkey.start()
        async with asyncio.timeout(30):
            while not await own_world.redis.exists("replay:osmp:last"):
                await cache.claim("osmp:last", now() + SOON)  # Redis is told whenever it is there
        assert not await cache.claim("osmp:1", now() + SOON)


async def test_without_postgresql_redis_remembers(
    own_world: World, own_postgres: EmbeddedPostgres
) -> None:
    async with own_world.near_caches(2) as (one, two):
        await asyncio.to_thread(own_postgres.kill)
        assert await one.claim("osmp:1", now() + SOON)
        assert not await two.claim("osmp:1", now() + SOON)


async def test_without_either_nobody_can_tell(
    own_world: World, own_valkey: EmbeddedValkey, own_postgres: EmbeddedPostgres
) -> None:
    async with own_world.near_caches() as (cache,):
        await asyncio.to_thread(own_valkey.kill)
        await asyncio.to_thread(own_postgres.kill)
        with pytest.raises(Refused, match="TRY_LATER"):
            await cache.claim("osmp:1", now() + SOON)
