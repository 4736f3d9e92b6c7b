"""Keeps a session with Redis: opens it again when it is lost, gives it up when it hangs."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from server.lookup.link import Node
from server.lookup.session import Owner, Session

TICK_SECONDS = 0.05

_log = structlog.get_logger("lookup")
_STALL_SECONDS = 0.1
_RECONNECT_SECONDS = (0.05, 0.1, 0.2, 0.5)


class Ticked(Owner, Protocol):
    """An owner that also has something to do now and then."""

    def tick(self) -> None:
        """Called every TICK_SECONDS."""
        ...


class SessionKeeper:
    """`session` is the present one, or None."""

    def __init__(self, node: Node, owner: Ticked) -> None:
        self._node = node
        self._owner = owner
        self._tried = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.session: Session | None = None
        self.count = 0
        """Sessions so far."""

    async def start(self) -> None:
        """Returns after the first attempt, whether it worked or not."""
        self._tasks = [
            asyncio.create_task(self._keep_open()),
            asyncio.create_task(self._look_after()),
        ]
        await self._tried.wait()

    async def stop(self) -> None:
        """Close the session and open no other."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._drop()

    def _drop(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            session.link.abort()
            self._owner.lost()

    async def _keep_open(self) -> None:
        failures = 0
        while True:
            try:
                session = await Session.open(self._node, self._owner)
            except OSError as error:
                if not failures:
                    _log.warning("redis is away", error=repr(error))
                self._tried.set()
                await asyncio.sleep(_RECONNECT_SECONDS[min(failures, 3)])
                failures += 1
                continue
            failures = 0
            self.count += 1
            self.session = session
            self._tried.set()
            await session.closed.wait()
            self._drop()

    async def _look_after(self) -> None:
        stalled: Session | None = None
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._owner.tick()
            session = self.session
            hangs = session and session.link.oldest_wait_seconds() > _STALL_SECONDS
            # Twice in a row: after a pause of our own the replies are there, only unread.
            if session and hangs and stalled is session:
                _log.warning("redis does not answer")
                self._drop()
            stalled = session if hangs else None
