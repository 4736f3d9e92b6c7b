"""The beat, which outlives terms: while PostgreSQL is away, what Redis holds stays true."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from server.lookup.marks import Beat, Complete
from server.lookup.mirror import Mirror

BEAT_SECONDS = 0.1
_ANSWER_SECONDS = 3.0


class Pulse:
    """Beats from `start` to `rest`; the leader keeps `beat` up to date."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        self.beat = Beat(0, 0, mirror.run_id, 0, 0, "-", 0)
        self.heard_at = time.monotonic()
        """When PostgreSQL last said anything."""
        self.watch: Callable[[Complete | None], None] = _ignore
        """Told at every beat which completeness marker stands in Redis."""
        self.tick: Callable[[], None] = _nothing
        """Called at every beat."""
        self.overtaken = asyncio.Event()
        self._is_beating = False

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
            if self._is_beating:
                await self.once()
            elif not self.mirror.is_open:
                raise ConnectionError("Redis closed the connection")
            self.tick()
            await asyncio.sleep(BEAT_SECONDS)

    async def once(self) -> None:
        """One beat. Raises OSError, TimeoutError."""
        silence = time.monotonic() - self.heard_at
        now = max(time.time_ns() // 1_000_000, self.beat.at_ms + 1)
        self.beat = replace(self.beat, silence_ms=int(silence * 1000), at_ms=now)
        async with asyncio.timeout(_ANSWER_SECONDS):  # else Redis hangs, or its host is gone
            accepted, complete = await self.mirror.beat(self.beat)
        if accepted:
            self.watch(complete)
        else:
            self.rest()
            self.overtaken.set()


def _ignore(complete: Complete | None) -> None:
    pass


def _nothing() -> None:
    pass
