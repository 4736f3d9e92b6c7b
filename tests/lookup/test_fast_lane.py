"""The fast lane on real stores: emptied under load, scanned for numbers, asked for too much."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from server.lookup import bulkhead, fetching
from server.lookup.accounts import NearCache
from tests.lookup.world import FIRST, World, add_accounts, eventually
from tests.transport.doors import Door, Line, check, opened
from tests.transport.town import Town

ACCOUNTS = [str(FIRST + place) for place in range(1000)]
FOUND, LATER, NOT_FOUND = "0", "1", "5"
AT_ONCE = 50
_RESULT = re.compile(rb"<result>(\d+)</result>")


@asynccontextmanager
async def door(cache: NearCache) -> AsyncIterator[Door]:
    """A worker's door over its near cache."""
    async with opened(is_fast=True, town=cast(Town, cache)) as door:
        yield door


async def connected(door: Door) -> Line:
    """Once aiohttp has begun to read."""
    line = door.connect()
    await asyncio.sleep(0)
    return line


async def results(line: Line, numbers: Sequence[str]) -> list[str]:
    """Ask for all of them at once; the code of each answer, in order."""
    line.sent.clear()
    line.feed(b"".join(check(number, amount="0.00") for number in numbers))

    async def answered() -> bool:
        return line.sent.count(b"</response>") >= len(numbers)

    await eventually(answered)
    return [code.decode() for code in _RESULT.findall(bytes(line.sent))]


async def until_known(cache: NearCache, line: Line) -> None:
    """Until answers are taken from memory."""

    async def known() -> bool:
        await results(line, ACCOUNTS[:1])
        fetches = cache.counters()["fetches"]
        await results(line, ACCOUNTS[:1])
        return cache.counters()["fetches"] == fetches

    await eventually(known)


async def test_a_flush_under_load_gives_not_one_final_not_found(world: World) -> None:
    async with world.syncing(), world.near_caches(2) as caches:
        told: Counter[str] = Counter()
        flushed: Counter[str] = Counter()
        is_flushing = False

        async def ask_on(place: Door, offset: int) -> None:
            line = await connected(place)
            mine = ACCOUNTS[offset::5]
            while True:
                for start in range(0, len(mine), AT_ONCE):
                    codes = await results(line, mine[start : start + AT_ONCE])
                    (flushed if is_flushing else told).update(codes)

        async with door(caches[0]) as first, door(caches[1]) as second:
            for place, cache in ((first, caches[0]), (second, caches[1])):
                await until_known(cache, await connected(place))
            asking = [
                asyncio.create_task(ask_on(place, offset))
                for place in (first, second)
                for offset in range(5)
            ]
            is_flushing = True
            for _ in range(3):
                await world.redis.flushall()
                await eventually(world.is_complete)
                await asyncio.sleep(0.02)
            is_flushing = False
            await asyncio.sleep(0.02)
            for task in asking:
                task.cancel()
            ends = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends
        assert NOT_FOUND not in told + flushed
        assert flushed[FOUND] > len(ACCOUNTS)


async def test_a_scan_of_numbers_does_not_reach_postgresql(world: World) -> None:
    unknown = [str(5000001 + place) for place in range(1000)]
    async with world.syncing(), world.near_caches() as (cache,), door(cache) as place:
        line = await connected(place)
        await until_known(cache, line)
        before = cache.counters()
        for _ in range(3):
            for start in range(0, len(unknown), AT_ONCE):
                codes = await results(line, unknown[start : start + AT_ONCE])
                assert codes == [NOT_FOUND] * AT_ONCE
        after = cache.counters()
        assert after["database_lookups"] - before["database_lookups"] <= len(unknown)
        await add_accounts(world.connection, int(unknown[7]), 1)

        async def opened_since() -> bool:
            return await results(line, unknown[6:9]) == [NOT_FOUND, FOUND, NOT_FOUND]

        await eventually(opened_since)


@pytest.mark.parametrize("has_redis", [True, False], ids=["redis", "postgresql"])
async def test_more_than_can_wait_is_tried_later_and_nothing_else_happens(
    has_redis: bool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting_max = 100
    queue: Any = fetching if has_redis else bulkhead
    monkeypatch.setattr(queue, "_WAITING_MAX", waiting_max)
    async with world.near_caches() as (cache,), door(cache) as place:
        if has_redis:
            async with world.syncing():
                await flooded(cache, place, waiting_max)
        else:
            await flooded(cache, place, waiting_max)


async def flooded(cache: NearCache, place: Door, waiting_max: int) -> None:
    """Ask for far more accounts in one turn of the loop than may wait; then one by one."""
    lines = [await connected(place) for _ in range(10)]

    async def answering() -> bool:
        return await results(lines[0], ACCOUNTS[-1:]) == [FOUND]

    await eventually(answering)
    parts = [ACCOUNTS[start : start + AT_ONCE] for start in range(0, 500, AT_ONCE)]
    told = Counter[str]()
    for codes in await asyncio.gather(*map(results, lines, parts)):
        told.update(codes)
    assert set(told) == {FOUND, LATER}
    assert told[FOUND] >= waiting_max
    assert told.total() == 500
    for part in parts:
        assert await results(lines[0], part) == [FOUND] * AT_ONCE
