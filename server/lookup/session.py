"""A worker's session with Redis: one connection for reads and for invalidations.

On one connection a reply that is older than an invalidation always precedes it. So what was read
is true until an invalidation comes, as long as the connection lives; the beat shows that it does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from server.lookup import merge
from server.lookup.link import Link, Node, Reply, packed
from server.lookup.marks import ACCOUNT, BEAT, COMPLETE, Beat, Complete
from server.lookup.mirror import info

BEAT_WITHIN_SECONDS = 0.5
_OPEN_SECONDS = 1.0

_ASK_MARKS = packed("MGET", BEAT, COMPLETE)
_CONTROL = ACCOUNT + b"~"


class Owner(Protocol):
    """Who is told what happens in a session."""

    def evict(self, number: str) -> None:
        """The account changed."""
        ...

    def forget(self) -> None:
        """Anything may have changed."""
        ...

    def beaten(self, beat: Beat, until: float) -> None:
        """The sync lives; entries may be believed until the moment given (monotonic)."""
        ...

    def lost(self) -> None:
        """The session is over."""
        ...


class Session:
    """See the module."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._link: Link | None = None
        self._run_id = ""
        self._silent_since = time.monotonic()
        self.closed = asyncio.Event()
        self.beat: Beat | None = None
        self.floor: bytes | None = None
        """The lowest epoch to be believed, as it stands in a snapshot; None = none."""
        self.is_complete = False
        """Whether a missing key means that there is no such account."""

    @classmethod
    async def open(cls, node: Node, owner: Owner) -> Session:
        """Connect, follow all accounts, read the marks. Raises OSError."""
        session = cls(owner)
        link = await Link.connect(node, session._pushed, session._lost)
        session._link = link
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                await session._begin(link)
        except BaseException:
            link.abort()
            raise
        return session

    async def _begin(self, link: Link) -> None:
        self._run_id = info(await link.call("INFO", "server"))["run_id"]
        for script in merge.SCRIPTS:
            await link.call("SCRIPT", "LOAD", script)
        await link.call("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", ACCOUNT)
        self._marked(await link.ask(_ASK_MARKS), 0.0)
        self._look_back()

    @property
    def link(self) -> Link:
        """The connection."""
        assert self._link is not None
        return self._link

    def _look_back(self) -> None:
        """The sync may have been silent long before this session."""
        if self.beat is not None:
            self._silent_since -= max(time.time() - self.beat.at_ms / 1000, 0.0)

    def silence_seconds(self) -> float:
        """Since the sync last moved or heard of PostgreSQL."""
        heard = self.beat.silence_ms / 1000 if self.beat else 0.0
        return time.monotonic() - self._silent_since + heard

    def read(self, numbers: Sequence[str], answer: Callable[[Reply], None]) -> None:
        """Ask for snapshots; the reply is a list of bytes or None, or an exception as a value."""
        parts = [b"*%d\r\n$4\r\nMGET\r\n" % (len(numbers) + 1)]
        for number in numbers:
            key = b"a:" + number.encode()
            parts.append(b"$%d\r\n%b\r\n" % (len(key), key))
        self.link.send(b"".join(parts), answer)

    def _pushed(self, message: Sequence[Reply]) -> None:
        if message[0] != b"invalidate":
            return
        keys = message[1]
        if keys is None:  # FLUSHALL: whatever is missing now may well exist
            self.floor = None
            self.is_complete = False
            self._owner.forget()
            self._ask_marks()
            return
        evict = self._owner.evict
        asks = False
        for key in keys:
            if key.startswith(_CONTROL):
                asks = True
            else:
                evict(key[2:].decode("utf-8", "replace"))
        if asks:
            self._ask_marks()

    def _ask_marks(self) -> None:
        now = time.monotonic()
        self.link.send(_ASK_MARKS, lambda reply: self._marked(reply, now))

    def _marked(self, reply: Reply, pushed_at: float) -> None:
        if not isinstance(reply, list):
            return
        beat, complete = _beat(reply[0]), _complete(reply[1])
        is_ours = beat is not None and beat.run_id == self._run_id
        floor = beat.epoch.to_bytes(4, "big") if beat is not None and is_ours else None
        if floor != self.floor:
            self._owner.forget()
        self.floor = floor
        self.is_complete = (
            beat is not None
            and is_ours
            and complete is not None
            and (complete.epoch, complete.run_id) == (beat.epoch, beat.run_id)
        )
        if beat is not None and is_ours and pushed_at and beat != self.beat:
            self._silent_since = pushed_at
            self._owner.beaten(beat, pushed_at + BEAT_WITHIN_SECONDS)
        self.beat = beat

    def _lost(self) -> None:
        self.floor = None
        self.is_complete = False
        self.closed.set()
        if self._link is not None:
            self._owner.lost()


def _beat(text: bytes | None) -> Beat | None:
    try:
        return Beat.parse(text) if text else None
    except ValueError:
        return None


def _complete(text: bytes | None) -> Complete | None:
    try:
        return Complete.parse(text) if text else None
    except ValueError:
        return None
