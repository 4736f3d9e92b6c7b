"""What comes in one turn of the loop is done as one, and each who waits hears of it."""

from __future__ import annotations

import asyncio

import pytest

from server.lookup.together import Together
from tests.lookup.test_near_cache import trusted
from tests.lookup.world import FIRST, World, kopecks_owed


class Work:
    """Takes a few turns; remembers what it was given, and in which parts."""

    def __init__(self) -> None:
        self.parts: list[list[int]] = []
        self.done: list[int] = []
        self.fault: Exception | None = None

    async def __call__(self, items: list[int]) -> None:
        self.parts.append(items)
        for _ in range(3):
            await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        self.done += items


async def test_what_comes_in_one_turn_is_one_part() -> None:
    work = Work()
    together = Together(work)
    await asyncio.gather(*(together.hand_in([number]) for number in range(5)))
    assert work.parts == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize("turn", range(8))
async def test_whatever_the_turn_it_is_done_before_its_caller_goes_on(turn: int) -> None:
    work = Work()
    together = Together(work)

    async def late() -> None:
        for _ in range(turn):
            await asyncio.sleep(0)
        await together.hand_in([2])
        assert 2 in work.done

    await asyncio.gather(together.hand_in([1]), late())
    assert sorted(work.done) == [1, 2]


async def test_who_goes_away_stops_nobody_elses() -> None:
    work = Work()
    together = Together(work)
    gone = asyncio.create_task(together.hand_in([1]))
    stays = asyncio.create_task(together.hand_in([2]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert work.done == [1, 2]
    assert gone.cancelled()


async def test_a_failure_is_everybodys_and_over_with_the_next() -> None:
    work = Work()
    together = Together(work)
    work.fault = ValueError()
    calls = (together.hand_in([number]) for number in range(3))
    assert [type(e) for e in await asyncio.gather(*calls, return_exceptions=True)] == [
        ValueError] * 3  # fmt: skip
    work.fault = None
    await together.hand_in([3])
    assert work.done == [3]


async def test_payments_that_are_answered_together_are_one_script_for_redis(world: World) -> None:
    async with world.syncing(), world.near_caches() as (cache,):
        await trusted(cache)
    async with world.near_caches(2) as (one, two):
        lanes = [await world.pay(str(FIRST + place), 7) for place in range(50)]
        before = await _scripts(world)
        await asyncio.gather(*(one.publish([lane]) for lane in lanes))
        assert await _scripts(world) == before + 1
        assert [await kopecks_owed(two, str(FIRST + place)) for place in range(50)] == [9993] * 50
        assert one.counters()["failed_writes"] == 0


async def _scripts(world: World) -> int:
    found = await world.redis.info("commandstats")
    return int(found.get("cmdstat_evalsha", {}).get("calls", 0))
