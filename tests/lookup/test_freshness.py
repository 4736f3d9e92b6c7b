"""After a payment's answer no worker of the host shows the settled debt: across processes."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator

import asyncpg
import pytest
import redis

from server.lookup.accounts import NearCache
from server.lookup.fetches import Fetches
from server.lookup.pins import Pins
from server.payments.ports import PaidLane
from tests.lookup.slow_proxy import far_away
from tests.lookup.workers import SyncProcess, Worker, working
from tests.lookup.world import FIRST, World, settle

ACCOUNTS = 50
PAIRS = 500


class Payer:
    """Posts as the ledger does, and remembers what everybody owes."""

    def __init__(self, dsn: str, redis_url: str) -> None:
        self._runner = asyncio.Runner()
        self._connection = self._run(asyncpg.connect(dsn))
        self._run(settle(self._connection, ACCOUNTS))
        self._world = World(dsn, redis_url, self._connection, None)
        self._dice = random.Random(5)
        self.owed = Counter({str(FIRST + number): 10000 for number in range(ACCOUNTS)})

    def _run(self, work):  # type: ignore[no-untyped-def]
        return self._runner.run(work)

    def pay(self) -> PaidLane:
        """A payment on one of a few accounts, committed."""
        account = str(FIRST + min(int(self._dice.expovariate(0.3)), ACCOUNTS - 1))
        self.owed[account] -= 1
        lane: PaidLane = self._run(self._world.pay(account, 1))
        return lane

    def close(self) -> None:
        self._connection.terminate()
        self._runner.close()


@pytest.fixture
def payer(database_dsn: str, valkey_url: str) -> Iterator[Payer]:
    payer = Payer(database_dsn, valkey_url)
    yield payer
    payer.close()


@pytest.fixture
def far_url(valkey_url: str) -> Iterator[str]:
    """The second worker's Redis: what it says takes a while, so that races become likely."""
    with far_away(valkey_url, 0.004) as url:
        yield url


def pay_and_check(payer: Payer, workers: list[Worker], dice: random.Random) -> None:
    """One payment through one worker; then every worker is asked at once."""
    lane = payer.pay()
    dice.choice(workers).ask("publish", lane)
    for worker in workers:
        worker.send("debt", lane.account)
    owed = [worker.receive() for worker in workers]
    assert owed == [payer.owed[lane.account]] * len(workers)


def test_no_worker_shows_a_settled_debt(
    database_dsn: str, valkey_url: str, far_url: str, payer: Payer
) -> None:
    dice = random.Random(1)
    with working(database_dsn, valkey_url, far_url, ACCOUNTS) as (_, workers, _):
        for _ in range(PAIRS):
            pay_and_check(payer, workers, dice)
        counters = workers[0].ask("counters")
        assert counters["hits"] > PAIRS
        assert counters["database_lookups"] < counters["fetches"]


def test_nor_when_redis_does_not_take_the_writes(
    database_dsn: str, valkey_url: str, far_url: str, payer: Payer
) -> None:
    """The scripts are gone at times, so that writes fail; readers must know it."""
    dice = random.Random(2)
    failed = 0
    with (
        working(database_dsn, valkey_url, far_url, ACCOUNTS) as (_, workers, _),
        redis.Redis.from_url(valkey_url) as client,
    ):
        for number in range(PAIRS // 2):
            if number % 10 == 0:
                client.script_flush()
            pay_and_check(payer, workers, dice)
        failed = sum(worker.ask("counters")["failed_writes"] for worker in workers)
    assert failed > 5


def test_nor_while_workers_the_sync_and_connections_die(
    database_dsn: str, valkey_url: str, far_url: str, payer: Payer
) -> None:
    dice = random.Random(3)
    with (
        working(database_dsn, valkey_url, far_url, ACCOUNTS) as (sync, workers, ring),
        redis.Redis.from_url(valkey_url) as client,
    ):
        syncs = [sync]
        for number in range(PAIRS // 2):
            match number % 40:
                case 10:
                    workers[1].kill()
                    workers[1] = Worker(database_dsn, far_url, ring, 1, ACCOUNTS)
                case 20:
                    client.client_kill_filter(_type="normal", skipme=True)
                case 30:
                    syncs[-1].kill()
                    syncs.append(SyncProcess(database_dsn, valkey_url))
                case 39:
                    client.flushall()
            pay_and_check(payer, workers, dice)
        syncs[-1].kill()


def ignore(*_: object) -> None:
    """What a mutant does instead."""


MUTANTS = {
    "no eviction": (NearCache, "_catch_up", ignore),
    "join an older fetch": (Fetches, "crossed", ignore),
    "a failed write-through is ignored": (Pins, "pin", ignore),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_these_tests_catch(
    mutant: str,
    database_dsn: str,
    valkey_url: str,
    far_url: str,
    payer: Payer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(*MUTANTS[mutant])
    dice = random.Random(4)
    with (
        working(database_dsn, valkey_url, far_url, ACCOUNTS) as (_, workers, _),
        redis.Redis.from_url(valkey_url) as client,
    ):
        caught = False
        for number in range(20 * PAIRS):
            if number % 10 == 0 and "write-through" in mutant:
                client.script_flush()
            try:
                pay_and_check(payer, workers, dice)
            except AssertionError:
                caught = True
                break
        assert caught


def test_what_a_paused_worker_missed_it_does_not_show(
    database_dsn: str, valkey_url: str, far_url: str, payer: Payer
) -> None:
    """Ten seconds of SIGSTOP in small: what it held in memory is not believed afterwards."""
    with working(database_dsn, valkey_url, far_url, ACCOUNTS) as (_, workers, _):
        account = str(FIRST)
        for worker in workers:
            worker.ask("debt", account)
        paused = workers[1].process.pid
        assert paused
        os.kill(paused, signal.SIGSTOP)
        for _ in range(20):
            lane = payer.pay()
            workers[0].ask("publish", lane)
        time.sleep(0.6)
        workers[1].send("debt", lane.account)
        os.kill(paused, signal.SIGCONT)
        assert workers[1].receive() == payer.owed[lane.account]
