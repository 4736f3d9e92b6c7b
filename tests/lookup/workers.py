"""Worker processes with near caches on one ring, driven through pipes."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection as Pipe
from typing import Any

import asyncpg
import uvloop

from server.lookup.accounts import NearCache
from server.lookup.ring import Ring
from server.lookup.sync import run_sync
from tests.lookup.world import FIRST, SERVICES

_FORK = multiprocessing.get_context("fork")


class Worker:
    """One process; `ask` sends a request and waits for its reply."""

    def __init__(self, dsn: str, redis_url: str, ring: Ring, index: int, accounts: int) -> None:
        self._pipe, child = _FORK.Pipe()
        self.process = _FORK.Process(
            target=_serve, args=(dsn, redis_url, ring, index, accounts, child), daemon=True
        )
        self.process.start()
        child.close()
        assert self._pipe.recv() == "ready"

    def send(self, name: str, *arguments: Any) -> None:
        """Ask without waiting."""
        self._pipe.send((name, *arguments))

    def receive(self) -> Any:
        """The next reply."""
        assert self._pipe.poll(20), "the worker does not answer"
        return self._pipe.recv()

    def ask(self, name: str, *arguments: Any) -> Any:
        """Ask and wait."""
        self.send(name, *arguments)
        return self.receive()

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process.pid
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
        self._pipe.close()


def _serve(dsn: str, redis_url: str, ring: Ring, index: int, accounts: int, pipe: Pipe) -> None:
    uvloop.run(_work(dsn, redis_url, ring, index, accounts, pipe))


async def _work(
    dsn: str, redis_url: str, ring: Ring, index: int, accounts: int, pipe: Pipe
) -> None:
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=3)
    cache = NearCache(redis_url, pool, SERVICES, ring, index)
    await cache.start()
    asked: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
    asyncio.get_running_loop().add_reader(pipe.fileno(), lambda: asked.put_nowait(pipe.recv()))
    background = [asyncio.create_task(_ask_on(cache, accounts, seed)) for seed in range(3)]
    pipe.send("ready")
    while True:
        name, *arguments = await asked.get()
        if name == "publish":
            await cache.publish(arguments)
            pipe.send(None)
        elif name == "debt":
            view = await cache.find(arguments[0])
            pipe.send(None if view is None else view.debt.kopecks)
        elif name == "counters":
            pipe.send(cache.counters())
        assert not any(task.done() for task in background)


async def _ask_on(cache: NearCache, accounts: int, seed: int) -> None:
    """Other people's checks, mostly of few accounts, so that fetches are under way all the time."""
    dice = random.Random(seed)
    while True:
        number = str(FIRST + min(int(dice.expovariate(0.2)), accounts - 1))
        if dice.random() < 0.2:
            cache.evict(number)
        assert await cache.find(number) is not None
        await asyncio.sleep(0 if dice.random() < 0.9 else 0.001)


def _sync(dsn: str, redis_url: str, told: Callable[[], None]) -> None:
    asyncio.run(run_sync(dsn, redis_url, told))


class SyncProcess:
    """A sync in a process of its own."""

    def __init__(self, dsn: str, redis_url: str) -> None:
        ready = _FORK.Event()
        self.process = _FORK.Process(target=_sync, args=(dsn, redis_url, ready.set), daemon=True)
        self.process.start()
        assert ready.wait(20)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process.pid
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


@contextlib.contextmanager
def working(
    dsn: str, redis_url: str, far_url: str, accounts: int
) -> Iterator[tuple[SyncProcess, list[Worker], Ring]]:
    """A sync and two workers; for the second one Redis is under another URL."""
    sync = SyncProcess(dsn, redis_url)
    urls = (redis_url, far_url)
    ring = Ring.create(len(urls))
    workers = [Worker(dsn, url, ring, index, accounts) for index, url in enumerate(urls)]
    try:
        yield sync, workers, ring
    finally:
        for worker in workers:
            if worker.process.is_alive():
                worker.kill()
        if sync.process.is_alive():
            sync.kill()
