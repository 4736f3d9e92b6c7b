"""The sync: a process of its own that keeps Redis equal to PostgreSQL, and two commands on it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TypeAlias

import asyncpg
import structlog

from server.lookup.feed import SlotBusyError
from server.lookup.fleet import Fleet, NodesChangedError
from server.lookup.leadership import OvertakenError, lead
from server.lookup.place import Place
from server.lookup.pulse import Pulse
from server.lookup.slot import REQUESTS, SLOT, is_held
from server.lookup.verify import verify

__all__ = ["rebuild", "run_sync", "verify"]

_log = structlog.get_logger("sync")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_READY_WITHIN_SECONDS = 3.0
_RETRY_SECONDS = 0.3
_RETRY_SECONDS_MAX = 2.0
_QUICK_SECONDS = 10.0
_BUSY_SECONDS = 1.0
_LOOK_SECONDS = 0.1
_ORPHAN_LOOKS = 15


async def run_sync(
    dsn: str, redis_url: str, ready: Callable[[], None] | None = None, *, slot: str = SLOT
) -> None:
    """Lead, or wait to lead, until cancelled. `ready` is called once, when this process works.

    That is when Redis is complete, or somebody else leads, or after three seconds: lookups depend
    on nothing of that.
    """
    tell = _Once(ready)
    asyncio.get_running_loop().call_later(_READY_WITHIN_SECONDS, tell)
    place = Place.from_url(redis_url)
    pause = _Pause()
    while True:
        try:
            async with contextlib.aclosing(await Fleet.open(place)) as fleet:
                pulse = Pulse(fleet)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(pulse.keep())
                    tasks.create_task(_keep_leading(dsn, slot, pulse, tell))
        except* Exception as group:  # a supervisor: whatever it was, begin again
            _complain(group)
        await pause.rest()


async def _keep_leading(dsn: str, slot: str, pulse: Pulse, tell: Callable[[], None]) -> None:
    pause = _Pause()
    while pulse.fleet.is_open:
        try:
            await lead(dsn, slot, pulse, tell)
        except* NodesChangedError as group:
            _complain(group)
        except* (SlotBusyError, OvertakenError):
            pulse.rest()
            tell()
            await asyncio.sleep(_BUSY_SECONDS)
        except* Exception as group:  # likewise
            _complain(group)
        await pause.rest()


class _Pause:
    """Between attempts; longer when they fail quickly, so that a fault does not become a load."""

    def __init__(self) -> None:
        self._seconds = _RETRY_SECONDS
        self._since = time.monotonic()

    async def rest(self) -> None:
        is_quick = time.monotonic() - self._since < _QUICK_SECONDS
        self._seconds = min(self._seconds * 2, _RETRY_SECONDS_MAX) if is_quick else _RETRY_SECONDS
        await asyncio.sleep(self._seconds)
        self._since = time.monotonic()


class _Once:
    """Calls what it was given the first time only."""

    def __init__(self, call: Callable[[], None] | None) -> None:
        self._call = call

    def __call__(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()


def _complain(group: BaseExceptionGroup[BaseException]) -> None:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            _complain(error)
        elif isinstance(error, OSError | EOFError | asyncpg.PostgresError):
            _log.warning("sync interrupted", error=repr(error))
        else:
            _log.error("sync interrupted", exc_info=error)


async def rebuild(dsn: str, redis_url: str, *, slot: str = SLOT) -> None:
    """Write every snapshot anew; returns when Redis is complete. Raises OSError, asyncpg errors.

    The running sync does it, or, when nobody leads, this process.
    """
    place = Place.from_url(redis_url)
    async with contextlib.AsyncExitStack() as stack:
        connection = await asyncpg.connect(dsn, timeout=10)
        stack.callback(connection.terminate)
        fleet = await Fleet.open(place)
        stack.push_async_callback(fleet.aclose)
        before = max([(await mirror.marks()).epoch for mirror in fleet.mirrors.values()])
        request = _Request(dsn, place, slot, connection)
        stack.push_async_callback(request.end)
        while not await _is_complete_above(fleet, before):
            await request.make()
            await asyncio.sleep(_LOOK_SECONDS)


class _Request:
    """Asks whoever leads for a rebuild; when nobody has led for a while, leads itself."""

    def __init__(self, dsn: str, place: Place, slot: str, connection: Connection) -> None:
        self._dsn, self._place, self._slot = dsn, place, slot
        self._connection = connection
        self._was_held = False
        self._orphaned = 0
        self._stand_in: asyncio.Task[None] | None = None

    async def make(self) -> None:
        """To be called again and again: leaders come and go. Raises OSError, asyncpg errors."""
        if self._stand_in is not None and not self._stand_in.done():
            return
        held = await is_held(self._connection, self._slot)
        if held and not self._was_held:
            await self._connection.execute("select pg_notify($1, 'rebuild')", REQUESTS)
        self._was_held, self._orphaned = held, 0 if held else self._orphaned + 1
        if self._orphaned == _ORPHAN_LOOKS:
            self._stand_in = asyncio.create_task(_stand_in(self._dsn, self._place, self._slot))
            self._was_held, self._orphaned = False, 0

    async def end(self) -> None:
        """Lead no longer."""
        if self._stand_in is not None:
            self._stand_in.cancel()
            await asyncio.wait([self._stand_in])


async def _stand_in(dsn: str, place: Place, slot: str) -> None:
    """Lead for one term, which begins with a new epoch, unless somebody else leads by now."""
    try:
        async with contextlib.aclosing(await Fleet.open(place)) as fleet:
            pulse = Pulse(fleet)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(pulse.keep())
                await lead(dsn, slot, pulse, lambda: None, anew=True)
    except* Exception as group:  # likewise: whoever waits for Redis looks again
        _complain(group)


async def _is_complete_above(fleet: Fleet, epoch: int) -> bool:
    for mirror in fleet.mirrors.values():
        complete = (await mirror.marks()).complete
        if complete is None or complete.epoch <= epoch or complete.run_id != mirror.run_id:
            return False
    return True
