"""Payments and checks against several workers at once, every answer of which is judged."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

import asyncpg

from server.lookup.accounts import NearCache
from server.refusals import Refused
from tests.lookup.world import FIRST, World, eventually, kopecks_owed

OWED_AT_FIRST = 10000
STRANGERS = [str(9_000_001 + number) for number in range(20)]
_CHECKERS = 4


class Load:
    """Payers pay the first half of the accounts, billing charges the second.

    `wrong` must stay empty; `later` counts answers that say "try later".
    """

    def __init__(self, world: World, caches: list[NearCache], accounts: int) -> None:
        self._world = world
        self._caches = caches
        self._dice = random.Random(7)
        self._accounts = [str(FIRST + number) for number in range(accounts)]
        self._paid = self._accounts[: accounts // 2]
        self._charged = self._accounts[accounts // 2 :]
        self._lowest = Counter(dict.fromkeys(self._accounts, OWED_AT_FIRST))
        self._highest = Counter(self._lowest)
        self.wrong: list[tuple[str, int | None, int, int]] = []
        self.checks = 0
        self.payments = 0
        self.later = 0

    def work(self) -> list[Coroutine[None, None, None]]:
        """Everybody; each goes on until it is cancelled."""
        checkers = [self._check_on(cache) for cache in self._caches for _ in range(_CHECKERS)]
        return [self._pay_on(), self._charge_on(), *checkers]

    async def _pay_on(self) -> None:
        """A payment, the answer to it, and every worker asked at once."""
        while True:
            account = self._dice.choice(self._paid)
            self._lowest[account] -= 1  # from here on it may be seen, from its answer on it must
            lane = await self._world.pay(account, 1)
            await self._dice.choice(self._caches).publish([lane])
            self._highest[account] -= 1
            self.payments += 1
            for cache in self._caches:
                await self._check(cache, account)
            await asyncio.sleep(0.001)

    async def _charge_on(self) -> None:
        """A charge may be seen later, but at the end it must."""
        billing = await asyncpg.connect(self._world.dsn)
        try:
            while True:
                account = self._dice.choice(self._charged)
                self._highest[account] += 1
                await billing.execute(
                    "insert into billing.charges (account, service, period, amount_kopecks)"
                    " values ($1, 'water', '2026-11-01', 1)",
                    account,
                )
                await asyncio.sleep(0.01)
        finally:
            billing.terminate()

    async def _check_on(self, cache: NearCache) -> None:
        """Checks of accounts that there are, and of some that there are not."""
        while True:
            if self._dice.random() < 0.05:
                await self._check_stranger(cache, self._dice.choice(STRANGERS))
            else:
                await self._check(cache, self._dice.choice(self._accounts))
            await asyncio.sleep(0 if self._dice.random() < 0.9 else 0.001)

    async def _check(self, cache: NearCache, account: str) -> None:
        highest = self._highest[account]
        try:
            shown = await kopecks_owed(cache, account)
        except Refused:
            self.later += 1
            return
        self.checks += 1
        if account in self._charged:
            highest = self._highest[account]
        if shown is None or not self._lowest[account] <= shown <= highest:
            self.wrong.append((account, shown, self._lowest[account], highest))

    async def _check_stranger(self, cache: NearCache, number: str) -> None:
        try:
            found = await kopecks_owed(cache, number)
        except Refused:
            self.later += 1
            return
        self.checks += 1
        if found is not None:
            self.wrong.append((number, found, 0, 0))

    async def everything_shows(self) -> bool:
        """Whether every worker shows every account as PostgreSQL has it."""
        rows = await self._world.connection.fetch(
            "select b.account, (select sum(c) from unnest(b.charged) c) - p.advance as owed"
            " from ledger.account_billed b join ledger.account_paid p using (account)"
        )
        owed = {row["account"]: row["owed"] for row in rows}
        for cache in self._caches:
            if {account: await kopecks_owed(cache, account) for account in owed} != owed:
                return False
        return True


@asynccontextmanager
async def load(world: World, caches: list[NearCache], accounts: int) -> AsyncIterator[Load]:
    """Goes on until the end, when every answer must have been right."""
    load = Load(world, caches, accounts)
    tasks = [asyncio.create_task(each) for each in load.work()]
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
    await eventually(load.everything_shows, 5)
