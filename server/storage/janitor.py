"""The janitor: settles on a schedule what requests leave open; one at a time among all servers.

To add a step: write `async def settle_something(connection: Connection) -> int` beside its SQL; it
settles one bounded portion in a transaction of its own and returns how many things it settled
(0 = nothing left). Then add `Step("something", seconds, settle_something)` to `steps` in
server/storage/janitor_steps.py and a row to docs/janitor.md. A step is called again at once
until it returns 0, and may be cut off at any moment; the next run goes on. Steps never post
payments. Each portion is recorded in ledger.janitor_step, failures too.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg
import structlog
from prometheus_client import Counter, Gauge

from server.payments.ports import OutcomeUnknown
from server.storage.connection import SESSION, Connection, throw_away
from server.storage.lost import LOST

_LOCK = 0x6B766A616E  # any constant: whoever holds it is the janitor
_PORTIONS_MAX = 100
_PORTION_SECONDS_MAX = 60.0
_CONNECT_SECONDS_MAX = 10.0

_SETTLED = Counter("kvitok_janitor_settled_total", "Things that the janitor settled", ["step"])
_FAILURES = Counter("kvitok_janitor_failures_total", "Portions that failed", ["step"])
_RUN = Gauge(
    "kvitok_janitor_run_timestamp_seconds",
    "When a step was last carried through",
    ["step"],
    multiprocess_mode="mostrecent",
)
_log = structlog.get_logger("janitor")


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of thing to settle."""

    name: str
    every_seconds: float
    """0 = in every round."""
    run: Callable[[Connection], Awaitable[int]]
    """Settles one portion; how many things, 0 = nothing left."""


class Janitor:
    """Waits until it is the only one, then runs rounds with `pause_seconds` between them."""

    def __init__(self, dsn: str, steps: Sequence[Step], pause_seconds: float) -> None:
        self._dsn = dsn
        self._steps = steps
        self._pause_seconds = pause_seconds
        self._due: dict[str, float] = {}

    async def run(self) -> None:
        """Until cancelled; PostgreSQL may come and go."""
        while True:
            try:
                await self._serve()
            except (*LOST, OutcomeUnknown) as error:
                _log.warning("the store was lost", error=repr(error))
            await asyncio.sleep(self._pause_seconds)

    async def _serve(self) -> None:
        connection = await asyncpg.connect(
            self._dsn, timeout=_CONNECT_SECONDS_MAX, server_settings=dict(SESSION)
        )
        try:
            is_alone = False
            while True:
                # Tried, not waited for: a session that waits keeps old rows from being removed.
                # Once it is ours the lock stays until the session ends, which this call notices.
                is_alone = await connection.fetchval(
                    "select $1 or pg_try_advisory_lock($2)", is_alone, _LOCK,
                    timeout=_CONNECT_SECONDS_MAX,
                )  # fmt: skip
                if is_alone:
                    await self.round(connection)
                await asyncio.sleep(self._pause_seconds)
        finally:
            connection.terminate()

    async def round(self, connection: Connection) -> None:
        """Every step that is due. Raises LOST when the connection is no longer good."""
        for step in self._steps:
            if self._due.get(step.name, 0.0) <= time.monotonic():
                await self._carry_through(connection, step)
                self._due[step.name] = time.monotonic() + step.every_seconds

    async def _carry_through(self, connection: Connection, step: Step) -> None:
        for _ in range(_PORTIONS_MAX):
            started_at, started = dt.datetime.now(dt.UTC), time.monotonic()
            settled, fault = 0, ""
            try:
                with _bounded(connection):
                    settled = await step.run(connection)
            except Exception as error:
                _FAILURES.labels(step.name).inc()
                _log.exception("a step failed", step=step.name)
                if connection.is_closed():
                    raise
                fault = repr(error)
            if settled or fault:
                _SETTLED.labels(step.name).inc(settled)
                seconds = time.monotonic() - started
                said = (step.name, socket.gethostname(), started_at, seconds, settled, fault)
                with _bounded(connection):
                    await connection.execute(_RECORD, *said)
            if not settled:
                break
        _RUN.labels(step.name).set_to_current_time()


@contextmanager
def _bounded(connection: Connection) -> Iterator[None]:
    """Ends the session when it takes too long: to ask it to cancel might take for ever."""
    timer = asyncio.get_running_loop().call_later(_PORTION_SECONDS_MAX, throw_away, connection)
    try:
        yield
    finally:
        timer.cancel()


_RECORD = """
insert into ledger.janitor_step (step, host, started_at, seconds, settled, error)
values ($1, $2, $3, $4, $5, $6)
"""
