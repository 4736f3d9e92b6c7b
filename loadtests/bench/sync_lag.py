"""From a commit to everybody's answers, while payments go on; processes of their own.

`sync_lag payers RATE ACCOUNTS DSN`: payments at a steady rate through group commit, as another
server would make them whose word Redis did not take: only the feed tells of them. Ends with stdin.
`sync_lag reader SLOT DSN`: reads a slot of its own and does nothing with it; at the end of stdin it
tells when which account's billed lane came by.
`sync_lag probes PORT SUPERVISOR WORKERS SECONDS FIRST DSN`: charges one account after the other and
asks every worker until it shows the charge.
Each prints a JSON line.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
import time
from collections.abc import Callable

import asyncpg
import uvloop

from loadtests.bench import shapes
from loadtests.bench.connection import Connection
from loadtests.bench.keys import account_number
from loadtests.bench.peers.one_transaction import AGENT
from loadtests.bench.sockets import asked, one_to_each_worker
from loadtests.bench.sync_checks import debt_in
from server.lookup.feed import Feed
from server.lookup.lanes import BILLED, WANTED
from server.lookup.login import Address
from server.lookup.pgoutput import Decoder, Fields
from server.money import Money
from server.payments.ports import Order, Result
from server.storage.posting import GroupCommit

PROBES = 500
"""Accounts, the last ones of the town, that nobody pays for."""
CHARGED_KOPECKS = 100
_PAID_KOPECKS = 10_45
_TICK_SECONDS = 0.005
_WAITING_MAX = 2_000
_STRIDE = 7_368_787
_POLL_SECONDS = 0.0002
_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.002


async def _payers(rate: str, accounts: str, dsn: str) -> dict[str, float]:
    stopped = _end_of_stdin()
    async with asyncpg.create_pool(dsn, min_size=4, max_size=4) as pool:
        payers = _Payers(GroupCommit(pool, {}), int(accounts) - PROBES)
        started = time.perf_counter()
        while not stopped.is_set():
            payers.pay_until(int((time.perf_counter() - started) * float(rate)))
            await asyncio.sleep(_TICK_SECONDS)
        seconds = time.perf_counter() - started
        await payers.finish()
    return {"per_second": payers.paid / seconds}


class _Payers:
    """Payment by payment, each to its own account; a machine that lags behind does what it can."""

    def __init__(self, commit: GroupCommit, accounts: int) -> None:
        self._commit = commit
        self._accounts = accounts
        self._series = time.time_ns()
        self._turn = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.paid = 0

    def pay_until(self, turn: int) -> None:
        """What is due by now, unless too many wait already."""
        for each in range(self._turn, turn):
            if len(self._tasks) < _WAITING_MAX:
                task = asyncio.create_task(self._pay(each))
                self._tasks.add(task)
                task.add_done_callback(self._ended)
        self._turn = turn

    async def _pay(self, turn: int) -> None:
        now = dt.datetime.now(dt.UTC)
        account = account_number(turn * _STRIDE % self._accounts)
        number = f"{self._series}-{turn}"
        order = Order(AGENT, number, account, Money(_PAID_KOPECKS), now, now.date())
        posted = await self._commit.post(order)
        assert posted.result is Result.ACCEPTED, posted
        self.paid += 1

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            sys.exit(f"a payment failed: {task.exception()!r}")

    async def finish(self) -> None:
        """Until everything is answered."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))
        await self._commit.finish()


class _Passing:
    """A Sink that notes when which account's billed lane came by."""

    def __init__(self) -> None:
        self.now = 0.0
        self.seen: dict[str, list[float]] = {}

    def changed(self, table: str, fields: Fields) -> None:
        if table == BILLED:
            self.seen.setdefault(fields[0].decode(), []).append(self.now)

    def began(self, lsn: int) -> None: ...

    def deleted(self, table: str, key: bytes) -> None: ...

    def truncated(self) -> None: ...

    def committed(self, end_lsn: int, committed_at: int) -> None: ...

    def kept_alive(self, lsn: int) -> None: ...


async def _reader(slot: str, dsn: str) -> dict[str, list[float]]:
    stopped = _end_of_stdin()
    passing = _Passing()
    decoder = Decoder(WANTED, passing)
    feed = await Feed.open(Address.from_dsn(dsn), slot)
    print("ready", flush=True)

    async def read_on() -> None:
        while True:
            messages = await feed.read()
            passing.now = time.perf_counter()
            for message in messages:
                decoder.read(message)

    reading = asyncio.create_task(read_on())
    while not stopped.is_set():
        assert not reading.done(), reading
        feed.send_status()
        await asyncio.sleep(0.5)
    reading.cancel()
    await feed.close()
    return passing.seen


async def _probes(
    port: str, supervisor: str, workers: str, seconds: str, first: str, dsn: str
) -> dict[str, list[tuple[str, float, float]]]:
    """A probe: the account, when its commit was known, and when every worker showed it."""
    connection = await asyncpg.connect(dsn)
    place = int(first)
    number = account_number(place)
    links = one_to_each_worker(int(port), int(supervisor), int(workers), number)
    found: list[tuple[str, float, float]] = []
    until = time.perf_counter() + float(seconds)
    turn = 0
    while time.perf_counter() < until:
        number = account_number(place + turn % PROBES)
        request = shapes.filled(shapes.check("/pay/osmp"), turn, number)
        wanted = (_shown(links[0], request) or 0) + CHARGED_KOPECKS
        for link in links:
            assert _shown(link, request) == wanted - CHARGED_KOPECKS
        await connection.execute(
            "insert into billing.charges (account, service, period, amount_kopecks)"
            " values ($1, 'cold_water', date_trunc('month', now()), $2)",
            number,
            CHARGED_KOPECKS,
        )
        committed = time.perf_counter()
        found.append((number, committed, _seen_by_all(links, request, wanted)))
        turn += 1
        await asyncio.sleep(_PAUSE_SECONDS)
    await connection.close()
    return {"probes": found}


def _shown(link: Connection, request: bytes) -> int | None:
    return debt_in(asked(link, request))


def _seen_by_all(links: list[Connection], request: bytes, wanted: int) -> float:
    """Until each worker shows it. The pause leaves the core to those who work."""
    until = time.perf_counter() + _PATIENCE_SECONDS
    for link in links:
        while _shown(link, request) != wanted:
            assert time.perf_counter() < until, "a worker never shows a charge"
            time.sleep(_POLL_SECONDS)
    return time.perf_counter()


def _end_of_stdin() -> asyncio.Event:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    return ended


_PARTS: dict[str, Callable[..., object]] = {
    "payers": _payers, "reader": _reader, "probes": _probes
}  # fmt: skip

if __name__ == "__main__":
    print(json.dumps(uvloop.run(_PARTS[sys.argv[1]](*sys.argv[2:]))))  # type: ignore[arg-type]
