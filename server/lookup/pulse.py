"""The beat, which outlives terms: while PostgreSQL is away, what Redis holds stays true."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from server.lookup.fleet import Fleet
from server.lookup.link import RedisRefusedError
from server.lookup.marks import Beat, Complete
from server.lookup.mirror import Mirror

BEAT_SECONDS = 0.1
_ANSWER_SECONDS = 3.0
Watch = Callable[[Mirror, Complete | None, bytes | None], None]


class Pulse:
    """Beats from `start` to `rest`; the leader keeps `beat` up to date."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.beat = Beat(0, 0, "-", 0, 0, "-", 0)
        self.heard_at = time.monotonic()
        """When PostgreSQL last said anything."""
        self.watch: Watch = _ignore
        """Told at every beat which marks stand on a node: the marker and the guard."""
        self.tick: Callable[[], None] = _nothing
        """Called at every beat."""
        self.overtaken = asyncio.Event()
        self._is_beating = False
        self._under_way: dict[Mirror, asyncio.Task[None]] = {}

    def start(self, epoch: int, lsn: int) -> None:
        """Begin a term, or an epoch within it."""
        self.overtaken.clear()
        self._is_beating = True
        self.beat = replace(self.beat, epoch=epoch, lsn=lsn, lag_ms=0)

    def rest(self) -> None:
        """Somebody else leads."""
        self._is_beating = False

    def term_ended(self) -> None:
        """Beat on, but for nobody."""
        self.watch = _ignore
        self.tick = _nothing

    async def keep(self) -> None:
        """Until Redis is lost. Raises OSError, TimeoutError."""
        while True:
            self.fleet.watch()
            if not self.fleet.is_open:
                raise ConnectionError("Redis closed the connection")
            if self._is_beating:
                await self.once()
            self.tick()
            await asyncio.sleep(BEAT_SECONDS)

    async def once(self) -> None:
        """One beat. Raises OSError, TimeoutError."""
        silence = time.monotonic() - self.heard_at
        now = max(time.time_ns() // 1_000_000, self.beat.at_ms + 1)
        self.beat = replace(self.beat, silence_ms=int(silence * 1000), at_ms=now)
        if self.fleet.alone:
            await self._show(self.fleet.alone)
            return
        for mirror in self.fleet.mirrors.values():
            if mirror.is_believed and mirror.is_agreed and mirror not in self._under_way:
                task = asyncio.create_task(self._show_to_member(mirror))
                self._under_way[mirror] = task
        if self._under_way:  # a node that hangs must not keep the others waiting
            await asyncio.wait(self._under_way.values(), timeout=BEAT_SECONDS)

    async def _show_to_member(self, mirror: Mirror) -> None:
        try:
            await self._show(mirror)
        except RedisRefusedError:
            pass  # its slots are on the move, or the cluster is down: no beat
        except OSError:
            mirror.abort()
        finally:
            del self._under_way[mirror]

    async def _show(self, mirror: Mirror) -> None:
        beat = replace(
            self.beat,
            run_id=mirror.run_id,
            slots=mirror.primary.digest,
            lsn=mirror.lsn if mirror.missing else max(self.beat.lsn, mirror.lsn),
        )
        names = mirror.names
        async with asyncio.timeout(_ANSWER_SECONDS):  # else Redis hangs, or its host is gone
            accepted, complete, guard = await mirror.beat(beat)
        if not accepted:
            self.rest()
            self.overtaken.set()
        elif names == mirror.names:
            self.watch(mirror, complete, guard)


def _ignore(mirror: Mirror, complete: Complete | None, guard: bytes | None) -> None:
    pass


def _nothing() -> None:
    pass
