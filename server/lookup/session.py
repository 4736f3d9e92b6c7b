"""A worker's session with a Redis node: one connection for reads and for invalidations.

On one connection a reply that is older than an invalidation always precedes it. So what was read
is true until an invalidation comes, as long as the connection lives; the beat shows that it does.
In a cluster the beat also names the slots that the node owns: what was read there is believed while
the worker sees them likewise.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from server.lookup import merge
from server.lookup.link import Link, Node, Reply, packed
from server.lookup.marks import ACCOUNT, OUR_ACCOUNTS, Beat, Complete, Names
from server.lookup.mirror import info
from server.lookup.slots import ALONE, Primary

BEAT_WITHIN_SECONDS = 0.5
_OPEN_SECONDS = 1.0
_SILENCE_MAX_SECONDS = 120.0
_MEMBER_SILENCE_MAX_SECONDS = 1.5
"""Below any cluster's node timeout: nobody else can have taken a node's slots within this time."""
_SILENCE_SHOWN_SECONDS = 5.0  # an idle PostgreSQL says something every second
_ASKING = packed("ASKING")


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

    def disputed(self) -> None:
        """The node, or the sync, sees its slots otherwise."""
        ...

    def lost(self) -> None:
        """The session is over."""
        ...


class Session:
    """See the module."""

    def __init__(self, owner: Owner, primary: Primary) -> None:
        self._owner = owner
        self._link: Link | None = None
        self._run_id = ""
        self._silent_since = time.monotonic()
        self._is_member = primary != ALONE
        self.primary = primary
        self._take_names()
        self.closed = asyncio.Event()
        self.beat: Beat | None = None
        self.trusted_until = 0.0
        """Until when what was read may be kept."""
        self.floor: bytes | None = None
        """The lowest epoch to be believed, as it stands in a snapshot; None = none."""
        self.is_complete = False
        """Whether a missing key means that there is no such account."""

    @classmethod
    async def open(cls, node: Node, owner: Owner, primary: Primary = ALONE) -> Session:
        """Connect, follow all accounts, read the marks. Raises OSError."""
        session = cls(owner, primary)
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
        if self._is_member:  # a paused node may have lost its slots: a beat must come first
            self._ask_marks()
            return
        self._marked(await link.ask(self._ask), 0.0)
        self._look_back()

    def _take_names(self) -> None:
        names = Names.on(self.primary)
        self._ask = packed("MGET", names.beat, names.complete)

    @property
    def link(self) -> Link:
        """The connection."""
        assert self._link is not None
        return self._link

    def own(self, primary: Primary) -> None:
        """The node owns other slots than before."""
        if primary.ranges != self.primary.ranges:
            self.primary = primary
            self._take_names()
            self.is_complete = False
            self._ask_marks()

    def _look_back(self) -> None:
        """The sync may have been silent long before this session."""
        if self.beat is not None:
            self._silent_since -= max(time.time() - self.beat.at_ms / 1000, 0.0)

    def silence_seconds(self) -> float:
        """Since the sync last moved or heard of PostgreSQL."""
        heard = self.beat.silence_ms / 1000 if self.beat else 0.0
        return time.monotonic() - self._silent_since + heard

    def lag_seconds(self) -> float | None:
        """How far answers may be behind charges; None = the sync has never been seen."""
        if self.beat is None:
            return None
        silence = self.silence_seconds()
        return max(self.beat.lag_ms / 1000, silence if silence > _SILENCE_SHOWN_SECONDS else 0.0)

    @property
    def is_silent(self) -> bool:
        """Whether PostgreSQL should be asked first."""
        if self._is_member and time.monotonic() - self._silent_since > _MEMBER_SILENCE_MAX_SECONDS:
            return True
        return self.silence_seconds() > _SILENCE_MAX_SECONDS

    def read(self, numbers: Collection[str], answer: Callable[[Reply], None]) -> None:
        """Ask for snapshots.

        The reply is a list of bytes or None, in a cluster with errors among them, or an error.
        """
        if self._is_member:
            keys = [b"a:" + number.encode() for number in numbers]
            commands = [b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(key), key) for key in keys]
            self.link.send_many(b"".join(commands), len(commands), answer)
        else:
            self.link.send(mget(numbers), answer)

    def read_stray(self, number: str, asking: bool, answer: Callable[[Reply], None]) -> None:
        """Ask for one snapshot that another node has sent us here for."""
        if asking:
            self.link.send(_ASKING, lambda _: None)
        self.link.send(packed("GET", ACCOUNT + number.encode()), answer)

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
            if key.startswith(OUR_ACCOUNTS):
                asks = True
            else:
                evict(key[2:].decode("utf-8", "replace"))
        if asks:
            self._ask_marks()

    def _ask_marks(self) -> None:
        now = time.monotonic()
        self.link.send(self._ask, lambda reply: self._marked(reply, now))

    def _marked(self, reply: Reply, pushed_at: float) -> None:
        if not isinstance(reply, list):
            self._owner.disputed()
            return
        before, self.beat = self.beat, _beat(reply[0])
        complete = _complete(reply[1])
        beat = self.beat if self.beat is not None and self.beat.run_id == self._run_id else None
        is_live = beat is not None and bool(pushed_at) and beat != before
        if self._is_member and before is None:
            is_live = False  # it may have stood there for long
        if is_live:
            self._silent_since = pushed_at
        floor = beat.epoch.to_bytes(4, "big") if beat is not None else None
        if self._is_member and self.floor is None and not is_live:
            floor = None
        if floor != self.floor:
            self._owner.forget()
        self.floor = floor
        self.is_complete = (
            beat is not None
            and complete is not None
            and (complete.epoch, complete.run_id) == (beat.epoch, beat.run_id)
            and complete.covers(self.primary)
        )
        if beat is not None and is_live:
            if beat.slots == self.primary.digest:
                self.trusted_until = pushed_at + BEAT_WITHIN_SECONDS
                self._owner.beaten(beat, self.trusted_until)
            else:
                self._owner.disputed()

    def _lost(self) -> None:
        self.floor = None
        self.is_complete = False
        self.trusted_until = 0.0
        self.closed.set()
        if self._link is not None:
            self._owner.lost()


def mget(numbers: Collection[str]) -> bytes:
    """The command for these accounts; quick where all have the same length, as they mostly have."""
    text = "".join(numbers)
    size, rest = divmod(len(text), len(numbers))
    before = f"\r\n${size + len(ACCOUNT)}\r\n{ACCOUNT.decode()}"
    if rest or not text.isascii() or max(map(len, numbers)) != size:
        keys = [ACCOUNT + number.encode() for number in numbers]
        return packed("MGET", *keys)
    return f"*{len(numbers) + 1}\r\n$4\r\nMGET{before}{before.join(numbers)}\r\n".encode()


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
