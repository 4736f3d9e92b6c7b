"""Batches made aside, by a thread or by processes, while PostgreSQL takes in those before them."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager

from server.demo.batch import Town, texts_of

_PROCESS_ACCOUNTS = 20_000
"""Below this for each, the start of processes costs more than they save: a thread does it."""
_PROCESSES_MAX = 4


async def all_texts(town: Town) -> AsyncGenerator[tuple[range, list[bytes]], None]:
    """Every batch, in order."""
    loop = asyncio.get_running_loop()
    waiting: deque[tuple[range, asyncio.Future[list[bytes]]]] = deque()
    workers = min(_PROCESSES_MAX, os.cpu_count() or 1, town.accounts // _PROCESS_ACCOUNTS)
    with _executor(workers) as executor:
        for places in town.batches():
            made = loop.run_in_executor(executor, texts_of, town, places)
            waiting.append((places, made))
            # Bounds the memory: a text waits until those before it are in the database.
            if len(waiting) > workers + 1:
                first, future = waiting.popleft()
                yield first, await future
        while waiting:
            first, future = waiting.popleft()
            yield first, await future


@contextmanager
def _executor(workers: int) -> Iterator[Executor]:
    """Processes are spawned, not forked: the caller's loop and connections stay its own."""
    executor: Executor
    if workers < 2:
        executor = ThreadPoolExecutor(1)
    else:
        executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
