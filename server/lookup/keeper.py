"""Keeps a session with Redis: opens it again when it is lost, gives it up when it hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol, TypeVar

import structlog

from server.lookup.link import Node
from server.lookup.session import Owner, Session
from server.lookup.slots import ALONE, Primary

T = TypeVar("T")

TICK_SECONDS = 0.05

_log = structlog.get_logger("lookup")
_STALL_SECONDS = 0.1
_RECONNECT_SECONDS = (0.05, 0.1, 0.2, 0.5)


class Ticked(Owner, Protocol):
    """An owner that also has something to do now and then."""

    def tick(self) -> None:
        """Called every TICK_SECONDS."""
        ...


class Sessions(Protocol):
    """The sessions of a worker: one, or one with each primary of a cluster."""

    is_cluster: bool

    @property
    def count(self) -> int:
        """Sessions so far."""
        ...

    async def start(self) -> None:
        """Returns after the first attempt, whether it worked or not."""
        ...

    async def stop(self) -> None:
        """Close what is open and open nothing more."""
        ...

    def of(self, number: str) -> Session | None:
        """The session that knows the account; None = its node is away."""
        ...

    def parted(self, batch: dict[str, T]) -> Iterable[tuple[Session | None, dict[str, T]]]:
        """Accounts by session."""
        ...

    def holder(self, key: bytes) -> Session | None:
        """Where any key is written; None = its node is away or congested."""
        ...

    def elsewhere(self, session: Session, error: Exception) -> tuple[Session, bool] | None:
        """Where the node sends us for a key, and whether for this once; None = nowhere known."""
        ...

    def lapse(self) -> float:
        """Forget what is believed no longer; until when the rest may be believed, 0 = nothing."""
        ...

    def open(self) -> list[Session | None]:
        """One for every node; None = it is away."""
        ...


class SessionKeeper:
    """`session` is the present one, or None. The Sessions of a Redis that is no cluster."""

    def __init__(self, node: Node, owner: Ticked, primary: Primary = ALONE) -> None:
        self._node = node
        self._owner = owner
        self._tried = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.primary = primary
        self.session: Session | None = None
        self.count = 0
        self.is_cluster = False

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._keep_open()),
            asyncio.create_task(self._look_after()),
        ]
        await self._tried.wait()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._drop()

    def of(self, number: str) -> Session | None:
        return self.session

    def parted(self, batch: dict[str, T]) -> Iterable[tuple[Session | None, dict[str, T]]]:
        return ((self.session, batch),)

    def holder(self, key: bytes) -> Session | None:
        session = self.session
        return None if session is None or session.link.is_congested else session

    def elsewhere(self, session: Session, error: Exception) -> tuple[Session, bool] | None:
        return None

    def lapse(self) -> float:
        self._owner.forget()
        return 0.0

    def open(self) -> list[Session | None]:
        return [self.session]

    def _drop(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            session.link.abort()
            self._owner.lost()

    async def _keep_open(self) -> None:
        failures = 0
        while True:
            try:
                session = await Session.open(self._node, self._owner, self.primary)
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
            session.own(self.primary)  # it may have changed meanwhile
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
