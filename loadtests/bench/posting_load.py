"""Payers without HTTP, a process of its own: `posting_load HOW PAYERS SECONDS SEED ACCOUNTS DSN`.

`core`: our group commit. `one`: one transaction per payment. Each payer pays again when its
payment is on disk. Prints a JSON line.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable

import asyncpg
import uvloop

from loadtests.bench.figures import quantile
from loadtests.bench.keys import account_number
from loadtests.bench.peers.one_transaction import AGENT, pay
from server.money import Money
from server.payments.ports import Order, Result
from server.storage.posting import GroupCommit

_CORE_CONNECTIONS = 4
_BASELINE_CONNECTIONS = 32
_KOPECKS = 10_45
_SETTLING_SECONDS = 0.5
"""Statements are prepared and the first pages read before anything counts."""

Payer = Callable[[str, str], Awaitable[None]]
"""Pays under a number of the agent's, for an account; raises unless that was accepted."""


def main(how: str, payers: str, seconds: str, seed: str, accounts: str, dsn: str) -> None:
    """Run and print."""
    measured = {"core": _core, "one": _one}[how]
    load = _Payers(int(payers), int(seconds), int(seed), int(accounts))
    print(json.dumps(uvloop.run(measured(load, dsn))))


async def _core(load: _Payers, dsn: str) -> dict[str, float]:
    async with asyncpg.create_pool(
        dsn, min_size=_CORE_CONNECTIONS, max_size=_CORE_CONNECTIONS
    ) as pool:
        commit = GroupCommit(pool, {})

        async def payer(number: str, account: str) -> None:
            now = dt.datetime.now(dt.UTC)
            order = Order(AGENT, number, account, Money(_KOPECKS), now, now.date())
            posted = await commit.post(order)
            assert posted.result is Result.ACCEPTED, posted

        found = await load.run(payer)
        await commit.finish()
        return found


async def _one(load: _Payers, dsn: str) -> dict[str, float]:
    count = min(_BASELINE_CONNECTIONS, load.payers)
    idle = [await asyncpg.connect(dsn) for _ in range(count)]
    # In the order of asking: who has just paid does not overtake those who wait.
    turnstile = asyncio.Semaphore(count)

    async def payer(number: str, account: str) -> None:
        async with turnstile:
            connection = idle.pop()
            try:
                assert await pay(connection, number, account, _KOPECKS) is not None
            finally:
                idle.append(connection)

    found = await load.run(payer)
    for connection in idle:
        await connection.close()
    return found


class _Payers:
    def __init__(self, payers: int, seconds: int, seed: int, accounts: int) -> None:
        self.payers = payers
        self._seconds = seconds
        self._accounts = accounts
        self._generator = random.Random(seed)
        self._series = f"{time.time_ns()}-{seed}"
        self._latencies_ms: list[float] = []
        self._since = self._until = 0.0

    async def run(self, payer: Payer) -> dict[str, float]:
        self._since = time.perf_counter() + _SETTLING_SECONDS
        self._until = self._since + self._seconds
        await asyncio.gather(*(self._pay_on(payer, place) for place in range(self.payers)))
        return {
            "per_second": len(self._latencies_ms) / self._seconds,
            "p50_ms": quantile(self._latencies_ms, 0.5),
            "p99_ms": quantile(self._latencies_ms, 0.99),
        }

    async def _pay_on(self, payer: Payer, place: int) -> None:
        turn = 0
        while (started := time.perf_counter()) < self._until:
            turn += 1
            account = account_number(self._generator.randrange(self._accounts))
            await payer(f"{self._series}-{place}-{turn}", account)
            ended = time.perf_counter()
            if self._since <= ended < self._until:
                self._latencies_ms.append((ended - started) * 1000)


if __name__ == "__main__":
    main(*sys.argv[1:])
