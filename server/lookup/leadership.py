"""What the holder of the slot does: applies the stream, and rebuilds when it must."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import asyncpg
import structlog

from server.lookup.batch import Batch
from server.lookup.feed import Feed, postgres_now
from server.lookup.lanes import WANTED
from server.lookup.login import Address
from server.lookup.marks import Applied, Complete, services_bytes
from server.lookup.mirror import Marks
from server.lookup.pgoutput import Decoder
from server.lookup.pulse import Pulse
from server.lookup.rebuild import copy_accounts, remove_deleted
from server.lookup.slot import (
    REQUESTS,
    Connection,
    Position,
    ensure_slot,
    position,
    raise_epoch,
    services,
)

_log = structlog.get_logger("sync")
_SERVICES_SECONDS = 30.0
_SILENCE_MAX_SECONDS = 60.0


class OvertakenError(ConnectionError):
    """Another leader is ahead of this one."""


async def lead(dsn: str, slot: str, pulse: Pulse, on_complete: Callable[[], None]) -> None:
    """Get the slot and serve one term.

    Raises SlotBusyError, OSError, asyncpg errors; perhaps in a group.
    """
    async with AsyncExitStack() as stack:
        wanted = asyncio.Event()
        connection = await asyncpg.connect(dsn, timeout=10)
        stack.callback(connection.terminate)
        # Before the slot is held: who asks for a rebuild waits until it is, then notifies.
        await connection.add_listener(REQUESTS, lambda *_: wanted.set())
        await ensure_slot(connection, slot)
        feed = await Feed.open(Address.from_dsn(dsn), slot)
        stack.push_async_callback(feed.close)
        stack.callback(pulse.term_ended)
        await Leadership(dsn, slot, pulse, feed, connection, wanted).serve(on_complete)


class Leadership:
    """One term: from getting the slot to losing anything that it needs."""

    def __init__(
        self,
        dsn: str,
        slot: str,
        pulse: Pulse,
        feed: Feed,
        connection: Connection,
        rebuild_wanted: asyncio.Event,
    ) -> None:
        self._dsn = dsn
        self._slot = slot
        self._pulse = pulse
        self._mirror = pulse.mirror
        self._feed = feed
        self._connection = connection
        self._sql = asyncio.Lock()
        self._rebuild_wanted = rebuild_wanted
        self._batch = Batch(_flawed)
        self._system = ""
        self._is_epoch_fresh = False
        self._deleted_meanwhile: set[bytes] | None = None
        self._is_complete = asyncio.Event()

    async def serve(self, on_complete: Callable[[], None]) -> None:
        """Work until something fails. Raises OSError, asyncpg errors, in a group."""
        await self._take_over(await position(self._connection, self._slot))
        self._pulse.watch = self._watch
        self._pulse.tick = self._tick
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._keep_complete())
            tasks.create_task(self._keep_services())
            tasks.create_task(self._resign_when_overtaken())
            await self._is_complete.wait()
            on_complete()

    async def _take_over(self, at: Position) -> None:
        """Go on where Redis stands, or begin a new epoch."""
        marks = await self._mirror.marks()
        self._system = at.system
        reason = why_rebuild(marks, at, self._complete(at.epoch))
        if not reason and marks.applied:
            # Redis may be ahead of the slot: what it was told is confirmed once a second only.
            self._pulse.start(at.epoch, marks.applied.lsn)
            self._is_complete.set()
            return
        _log.info("rebuild", reason=reason)
        await self._begin_epoch(max(marks.epoch, at.epoch), at.confirmed_lsn)
        self._rebuild_wanted.set()

    async def _begin_epoch(self, above: int, lsn: int) -> None:
        self._is_complete.clear()
        async with self._sql:
            epoch = await raise_epoch(self._connection, above)
        await self._mirror.incomplete(epoch)
        self._is_epoch_fresh = True
        self._pulse.start(epoch, lsn)
        await self._pulse.once()

    async def _follow(self) -> None:
        decoder = Decoder(WANTED, self._batch)
        while True:
            messages = await self._feed.read()
            self._pulse.heard_at = self._feed.heard_at
            for message in messages:
                decoder.read(message)
                if self._batch.is_full:
                    await self._apply()
            await self._apply()

    async def _apply(self) -> None:
        """Send what was gathered; when Redis has it, PostgreSQL may forget it."""
        batch = self._batch
        epoch = self._pulse.beat.epoch
        if batch.gone:
            if self._deleted_meanwhile is not None:
                self._deleted_meanwhile.update(batch.gone)
            await self._mirror.delete(tuple(batch.gone), epoch)
        values = batch.values(epoch)
        batch.clear()
        if values:
            await self._mirror.merge(values)
        if batch.was_truncated:
            batch.was_truncated = False
            self._rebuild_wanted.set()
        if batch.lsn > self._pulse.beat.lsn:
            self._note_applied(batch.lsn, batch.committed_at if values else 0)

    def _note_applied(self, lsn: int, committed_at: int) -> None:
        mark = Applied(self._pulse.beat.epoch, lsn, self._mirror.run_id, self._system)
        noted = self._mirror.applied(mark)

        def confirm(done: asyncio.Future[list[object]]) -> None:
            if done.cancelled() or done.exception() is not None:
                return  # the merges before it fail likewise, and end this term
            self._feed.confirm(lsn)
            lag = max(postgres_now() - committed_at, 0) if committed_at else 0
            beat = self._pulse.beat
            self._pulse.beat = replace(beat, lsn=max(lsn, beat.lsn), lag_ms=lag // 1000)

        noted.add_done_callback(confirm)

    def _tick(self) -> None:
        self._feed.send_status()
        if time.monotonic() - self._feed.heard_at > _SILENCE_MAX_SECONDS:
            self._feed.abort()  # it was asked every second; its host may be gone

    def _watch(self, complete: Complete | None) -> None:
        """The marker must stand as long as we believe that Redis is complete."""
        if (
            self._is_complete.is_set()
            and self._mirror.may_be_complete
            and complete != self._complete(self._pulse.beat.epoch)
            and not self._rebuild_wanted.is_set()
        ):
            _log.warning("the completeness marker is gone")
            self._rebuild_wanted.set()

    def _complete(self, epoch: int) -> Complete:
        return Complete(epoch, self._mirror.run_id, self._slot)

    async def _keep_services(self) -> None:
        while True:
            await self._show_services()
            await asyncio.sleep(_SERVICES_SECONDS)

    async def _show_services(self) -> None:
        async with self._sql:
            text = services_bytes(await services(self._connection))
        await self._mirror.services(text)
        self._pulse.beat = replace(self._pulse.beat, services=f"{zlib.crc32(text):08x}")

    async def _resign_when_overtaken(self) -> None:
        await self._pulse.overtaken.wait()
        raise OvertakenError("another sync is ahead of this one in Redis")

    async def _keep_complete(self) -> None:
        while True:
            await self._rebuild_wanted.wait()
            self._rebuild_wanted.clear()
            if not self._is_epoch_fresh:
                await self._begin_epoch(self._pulse.beat.epoch, self._pulse.beat.lsn)
            self._is_epoch_fresh = False
            await self._rebuild()

    async def _rebuild(self) -> None:
        started = time.monotonic()
        epoch = self._pulse.beat.epoch
        deleted: set[bytes] = set()
        self._deleted_meanwhile = deleted
        count = await copy_accounts(self._dsn, self._mirror, epoch, _flawed)
        self._deleted_meanwhile = None
        if deleted:
            await remove_deleted(self._dsn, self._mirror, deleted, epoch)
        await self._show_services()
        lsn = self._pulse.beat.lsn
        await self._mirror.applied(Applied(epoch, lsn, self._mirror.run_id, self._system))
        if not await self._mirror.complete(self._complete(epoch)):
            _log.warning("redis was emptied during the rebuild")
            self._rebuild_wanted.set()
            return
        self._is_complete.set()
        seconds = round(time.monotonic() - started, 3)
        _log.info("rebuilt", accounts=count, epoch=epoch, seconds=seconds)


def why_rebuild(marks: Marks, at: Position, wanted: Complete) -> str:
    """Why what stands in Redis cannot be gone on with; empty = it can."""
    applied = marks.applied
    if applied is None or marks.complete is None:
        return "Redis does not say how far it is"
    checks = (
        (applied.run_id != wanted.run_id, "Redis was restarted"),
        (marks.complete.format != wanted.format, "Redis holds another format"),
        (marks.complete != wanted, "Redis holds another epoch"),
        (applied.system != at.system, "another PostgreSQL, or another timeline"),
        (applied.lsn < at.confirmed_lsn, "Redis is behind the slot"),
        (applied.lsn > at.current_lsn, "Redis is ahead of PostgreSQL"),
    )
    return next((reason for is_so, reason in checks if is_so), "")


def _flawed(account: str, error: ValueError) -> None:
    _log.error("a row cannot be packed", account=account, error=str(error))
