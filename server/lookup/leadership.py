"""What the holder of the slot does: applies the stream, and sees that nothing is lacking."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import asyncpg
import structlog

from server.lookup.batch import Batch
from server.lookup.completeness import Completeness, flawed, show_services
from server.lookup.feed import Feed, postgres_now
from server.lookup.fleet import NodesChangedError
from server.lookup.lanes import WANTED
from server.lookup.login import Address
from server.lookup.marks import Complete
from server.lookup.mirror import Marks, Mirror
from server.lookup.pgoutput import Decoder
from server.lookup.pulse import Pulse
from server.lookup.slot import REQUESTS, Position, Source, ensure_slot, position

_log = structlog.get_logger("sync")
_SERVICES_SECONDS = 30.0
_SILENCE_MAX_SECONDS = 60.0
_NODES_SECONDS = 10.0
"""How long the feed waits for a node of the cluster that is away; then that one is filled anew."""


class OvertakenError(ConnectionError):
    """Another leader is ahead of this one."""


async def lead(
    dsn: str, slot: str, pulse: Pulse, on_complete: Callable[[], None], *, anew: bool = False
) -> None:
    """Get the slot and serve one term; `anew`: whatever stands in Redis, it is written again.

    Raises SlotBusyError, OSError, asyncpg errors; perhaps in a group.
    """
    await pulse.fleet.wait_whole(_NODES_SECONDS)
    pulse.fleet.changed.clear()
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
        await connection.execute("select ledger.keep_epoch()")
        at = await position(connection, slot)
        source = Source(connection)
        completeness = Completeness(dsn, slot, pulse, source, at.system)
        leadership = Leadership(pulse, feed, source, completeness, wanted)
        await leadership.serve(at, on_complete, anew=anew)


class Leadership:
    """One term: from getting the slot to losing anything that it needs."""

    def __init__(
        self,
        pulse: Pulse,
        feed: Feed,
        source: Source,
        completeness: Completeness,
        rebuild_wanted: asyncio.Event,
    ) -> None:
        self._pulse = pulse
        self._fleet = pulse.fleet
        self._feed = feed
        self._source = source
        self._completeness = completeness
        self._rebuild_wanted = rebuild_wanted
        self._batch = Batch(flawed)
        self._system = ""

    async def serve(self, at: Position, on_complete: Callable[[], None], *, anew: bool) -> None:
        """Work until something fails. Raises OSError, asyncpg errors, in a group."""
        self._system = at.system
        await self._take_over(at, anew)
        self._pulse.watch = self._watch
        self._pulse.tick = self._tick
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._completeness.keep())
            tasks.create_task(self._keep_services())
            tasks.create_task(self._resign_when_overtaken())
            tasks.create_task(self._look_again_when_nodes_change())
            await self._completeness.reached.wait()
            on_complete()

    async def _take_over(self, at: Position, anew: bool) -> None:
        """Go on where each node stands, or begin a new epoch."""
        marks = {mirror: await mirror.marks() for mirror in tuple(self._fleet.mirrors.values())}
        lsns = []
        for mirror, found in marks.items():
            wanted = self._completeness.certificate(mirror, at.epoch)
            reason = why_fill(found, at, wanted)
            if not reason and not (found.complete and found.complete.covers(mirror.primary)):
                reason = "it has got other slots"
            if reason or not found.applied:
                _log.info("a node is to be filled", node=mirror.primary.address, reason=reason)
                mirror.doubted()
                mirror.lsn = _lsn_shown(found, mirror, at.epoch)
                continue
            mirror.is_believed, mirror.missing, mirror.guard = True, set(), b""
            mirror.certificate = found.complete
            mirror.lsn = found.applied.lsn
            lsns.append(mirror.lsn)
        is_lost = anew or any(is_another_history(each, at) for each in marks.values())
        if lsns and not is_lost:
            # Redis may be ahead of the slot: what it was told is confirmed once a second only.
            self._pulse.start(at.epoch, min(lsns))
            return
        above = max([at.epoch, *(found.epoch for found in marks.values())])
        await self._completeness.begin_epoch(above, at.confirmed_lsn)

    async def _follow(self) -> None:
        decoder = Decoder(WANTED, self._batch)
        while True:
            messages = await self._feed.read()
            self._pulse.heard_at = self._feed.heard_at
            for message in messages:
                decoder.read(message)
                if self._batch.is_full:
                    await self._apply()
            if not self._batch.is_inside:  # in the midst of a large transaction nobody waits yet
                await self._apply()

    async def _apply(self) -> None:
        """Send what was gathered; when Redis has it, PostgreSQL may forget it."""
        batch = self._batch
        async with self._completeness.changes:
            epoch = self._pulse.beat.epoch
            if batch.gone:
                gone = list(batch.gone)
                self._completeness.deleted(gone)
                await self._fleet.delete(gone, epoch)
            values = batch.values(epoch, self._completeness.fence, self._fleet.lacks)
            batch.clear()
            if values:
                await self._fleet.merge(values)
        if batch.was_truncated:
            batch.was_truncated = False
            self._completeness.want_epoch()
        if batch.lsn > self._pulse.beat.lsn:
            self._note_applied(batch.lsn, batch.committed_at if values else 0)

    def _note_applied(self, lsn: int, committed_at: int) -> None:
        noted = self._fleet.applied(self._pulse.beat.epoch, lsn, self._system)

        def confirm(done: asyncio.Future[object]) -> None:
            if done.cancelled() or done.exception() is not None:
                return  # so did what stands before it, which ends this term
            self._feed.confirm(lsn)
            lag = max(postgres_now() - committed_at, 0) if committed_at else 0
            beat = self._pulse.beat
            self._pulse.beat = replace(beat, lsn=max(lsn, beat.lsn), lag_ms=lag // 1000)

        noted.add_done_callback(confirm)

    def _tick(self) -> None:
        self._feed.send_status()
        if time.monotonic() - self._feed.heard_at > _SILENCE_MAX_SECONDS:
            self._feed.abort()  # it was asked every second; its host may be gone
        if self._rebuild_wanted.is_set():
            self._rebuild_wanted.clear()
            self._completeness.want_epoch()
        self._completeness.look()

    def _watch(self, mirror: Mirror, complete: Complete | None, guard: bytes | None) -> None:
        """The marks must stand as long as we believe that the node has its accounts."""
        if mirror.certificate is not None:
            stands = complete == mirror.certificate
        else:
            stands = not mirror.guard or guard == mirror.guard
        if not stands:
            _log.warning("the marks of a node are gone", node=mirror.primary.address)
            mirror.doubted()

    async def _keep_services(self) -> None:
        while True:
            await show_services(self._source, self._pulse)
            await asyncio.sleep(_SERVICES_SECONDS)

    async def _resign_when_overtaken(self) -> None:
        await self._pulse.overtaken.wait()
        raise OvertakenError("another sync is ahead of this one in Redis")

    async def _look_again_when_nodes_change(self) -> None:
        await self._fleet.changed.wait()
        raise NodesChangedError("nodes of the cluster came, went or refused something")


def why_fill(marks: Marks, at: Position, wanted: Complete) -> str:
    """Why what stands on a node cannot be gone on with; empty = it can, if the slots are right."""
    applied = marks.applied
    if applied is None or marks.complete is None:
        return "Redis does not say how far it is"
    complete = replace(marks.complete, slots=wanted.slots)
    checks = (
        (applied.run_id != wanted.run_id, "Redis was restarted"),
        (complete.format != wanted.format, "Redis holds another format"),
        (complete != wanted, "Redis holds another epoch"),
        (applied.system != at.system, "another PostgreSQL, or another timeline"),
        (applied.lsn < at.confirmed_lsn, "Redis is behind the slot"),
        (applied.lsn > at.current_lsn, "Redis is ahead of PostgreSQL"),
    )
    return next((reason for is_so, reason in checks if is_so), "")


def _lsn_shown(marks: Marks, mirror: Mirror, epoch: int) -> int:
    """The beat may not go back; what another process was shown counts for nothing."""
    beat = marks.beat
    return beat.lsn if beat and (beat.epoch, beat.run_id) == (epoch, mirror.run_id) else 0


def is_another_history(marks: Marks, at: Position) -> bool:
    """Whether versions that stand there may say nothing about PostgreSQL's."""
    applied = marks.applied
    return marks.epoch > at.epoch or (
        applied is not None and (applied.system != at.system or applied.lsn > at.current_lsn)
    )
