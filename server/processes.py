"""Which processes a server consists of: workers on one inherited socket, sync and janitor."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from server.config import Settings
from server.logs import configure
from server.lookup.ring import Ring
from server.supervisor import Body, Ready, Supervisor, listen

if TYPE_CHECKING:
    from server.storage.suspicions import Suspicion


def supervise(
    settings: Settings,
    on_ready: Callable[[int], None],
    data: Path | None = None,
    written: int = 0,
) -> int:
    """Serve until a signal; `on_ready` is told the port. Returns the exit code.

    Working files go to `data`, where there is one, and are cleared at every start. Redis is not
    believed until it holds what stands before the WAL position `written`: an earlier server may
    have died with the only word of a payment that Redis did not take.
    """
    directory = _metrics_directory(data)
    # prometheus_client looks for this when it is imported, which the workers do after the fork.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    kept = Path(directory) / "agents.sealed"
    listener = listen(settings.host, settings.port)
    ring = Ring.create(settings.workers)
    ring.pin(0, written)
    bodies: dict[str, Body] = {
        "sync": partial(_sync, settings, listener),
        "janitor": partial(_janitor, settings, listener),
    }
    for index in range(settings.workers):
        bodies[f"worker-{index}"] = partial(_worker, settings, listener, ring, index, kept)
    try:
        return Supervisor(
            bodies,
            on_ready=lambda: on_ready(listener.getsockname()[1]),
            drain_timeout_seconds=settings.drain_timeout_seconds,
        ).run()
    finally:
        listener.close()
        shutil.rmtree(directory, ignore_errors=True)


def _metrics_directory(data: Path | None) -> str:
    if data is None:
        return tempfile.mkdtemp(prefix="kvitok-metrics-")
    directory = data / "metrics"
    # What a killed server left would be counted again.
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    return str(directory)


def _worker(
    settings: Settings, listener: socket.socket, ring: Ring, index: int, kept: Path, ready: Ready
) -> None:
    from server.app import run_worker

    def opened() -> None:
        # The site has a socket of its own and closes it when it begins to drain. With this one
        # open as well, a worker whose supervisor was killed would keep the port to the end.
        listener.close()
        ready()

    configure()
    run_worker(settings, listener, ring, index, kept, opened)


def _sync(settings: Settings, listener: socket.socket, ready: Ready) -> None:
    import uvloop

    from server.lookup.sync import run_sync

    listener.close()  # whoever hangs here must not keep the port from the next server
    configure()
    uvloop.run(run_sync(settings.dsn, settings.redis_url, ready))


def _janitor(settings: Settings, listener: socket.socket, ready: Ready) -> None:
    import asyncio

    from server.storage.connection import open_pool
    from server.storage.janitor import Janitor
    from server.storage.janitor_steps import steps

    async def run() -> None:
        async with open_pool(settings.dsn, 1) as pool:
            ready()
            found = steps(pool, _suspicion(settings))
            await Janitor(settings.dsn, found, settings.janitor_pause_seconds).run()

    listener.close()  # likewise
    configure()
    asyncio.run(run())


def _suspicion(settings: Settings) -> Suspicion:
    from server.storage.suspicions import Suspicion

    return Suspicion(
        twice_within=dt.timedelta(seconds=settings.twice_within_seconds),
        payments_per_minute_max=settings.terminal_payments_per_minute_max,
        unknown_per_minute_max=settings.terminal_unknown_per_minute_max,
    )
