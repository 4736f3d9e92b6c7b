"""Payments and checks against several workers at once, every answer of which is judged."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.lookup.accounts import NearCache
from server.refusals import Refused
from tests.lookup.world import FIRST, World

OWED_AT_FIRST = 10000
STRANGERS = [str(9_000_001 + number) for number in range(20)]


class Load:
    """`wrong` must stay empty; `later` counts answers that say "try later"."""

    def __init__(self, world: World, caches: list[NearCache], accounts: int) -> None:
        self._world = world
        self._caches = caches
        self._dice = random.Random(7)
        self._accounts = [str(FIRST + number) for number in range(accounts)]
        self._committed = Counter(dict.fromkeys(self._accounts, OWED_AT_FIRST))
        self._published = Counter(self._committed)
        self.wrong: list[tuple[str, int | None, int, int]] = []
        self.checks = 0
        self.payments = 0
        self.later = 0

    async def pay_on(self) -> None:
        """A payment, the answer to it, and every worker asked at once."""
        while True:
            account = self._dice.choice(self._accounts)
            self._committed[account] -= 1  # from here on it may be seen
            lane = await self._world.pay(account, 1)
            await self._dice.choice(self._caches).publish([lane])
            self._published[account] -= 1
            self.payments += 1
            for cache in self._caches:
                await self._check(cache, account)
            await asyncio.sleep(0.001)

    async def check_on(self, cache: NearCache) -> None:
        """Checks of accounts that there are, and of some that there are not."""
        while True:
            if self._dice.random() < 0.05:
                await self._check_stranger(cache, self._dice.choice(STRANGERS))
            else:
                await self._check(cache, self._dice.choice(self._accounts))
            await asyncio.sleep(0 if self._dice.random() < 0.9 else 0.001)

    async def _check(self, cache: NearCache, account: str) -> None:
        highest = self._published[account]
        try:
            view = await cache.find(account)
        except Refused:
            self.later += 1
            return
        shown = None if view is None else view.debt.kopecks
        self.checks += 1
        if shown is None or not self._committed[account] <= shown <= highest:
            self.wrong.append((account, shown, self._committed[account], highest))

    async def _check_stranger(self, cache: NearCache, number: str) -> None:
        try:
            found = await cache.find(number)
        except Refused:
            self.later += 1
            return
        self.checks += 1
        if found is not None:
            self.wrong.append((number, found.debt.kopecks, 0, 0))


@asynccontextmanager
async def load(world: World, caches: list[NearCache], accounts: int) -> AsyncIterator[Load]:
    """Goes on until the end, when every answer must have been right."""
    load = Load(world, caches, accounts)
    tasks = [asyncio.create_task(load.pay_on())]
    tasks += [asyncio.create_task(load.check_on(cache)) for cache in caches for _ in range(4)]
    try:
        yield load
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [each for each in outcomes if not isinstance(each, asyncio.CancelledError)] == []
    assert load.wrong == [], load.wrong[:5]
    assert load.checks > 100
    assert load.payments > 10
