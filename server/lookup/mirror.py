"""The sync's side of one Redis node: merges in order, marks, the beat."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import hiredis
import structlog

from server.lookup import merge
from server.lookup.link import Link, LinkLostError, Node, RedisRefusedError, Reply, packed
from server.lookup.marks import ACCOUNT, OUR_ACCOUNTS, Applied, Beat, Complete, Names
from server.lookup.slots import ALONE, Primary, Topology, read_topology

M = TypeVar("M", Beat, Complete, Applied)

_log = structlog.get_logger("sync")
_OPEN_SECONDS = 5.0
_IN_FLIGHT_MAX = 8
_SCAN_COUNT = 1000
_HANGS_SECONDS = 2.0
_GONE = -1
_ASKING = packed("ASKING")
_LOOK = packed("CLUSTER", "SLOTS")


@dataclass(frozen=True, slots=True)
class Marks:
    """What an earlier leader left; None = nothing, or nothing readable."""

    beat: Beat | None
    complete: Complete | None
    applied: Applied | None

    @property
    def epoch(self) -> int:
        """The highest that Redis has seen."""
        return max(
            (mark.epoch for mark in (self.beat, self.complete, self.applied) if mark), default=0
        )


@dataclass(frozen=True, slots=True)
class Stray:
    """A command that the node refused, because its key lies elsewhere now."""

    mirror: Mirror
    command: bytes
    refusal: str


class Mirror:
    """Every method may raise OSError.

    `strayed` is told what a node of a cluster refused; who has no cluster never hears of any.
    `failed` is told that something else that was sent is not done, or nobody knows.
    """

    def __init__(self, link: Link, facts: dict[str, str], primary: Primary) -> None:
        self._link = link
        self._unanswered: dict[asyncio.Future[Reply], None] = {}
        self.run_id = facts["run_id"]
        self.may_be_complete = facts.get("maxmemory_policy", "noeviction") == "noeviction"
        self.primary = primary
        self.names = Names.on(primary)
        self.is_agreed = True
        """Whether most of the cluster sees this node's slots as it was last told."""
        self.is_believed = False
        """Whether what stands there is true, as far as it goes."""
        self.missing: set[int] = set(primary.slots)
        """Slots that may lack accounts."""
        self.certificate: Complete | None = None
        """The marker that must stand."""
        self.guard = b""
        """What must stand under `names.copying` while there is no certificate."""
        self.has_beat = False
        """Whether a beat must stand there: it went with everything else if it does not."""
        self.losses = 0
        """How often everything was lost under our hands."""
        self.lsn = 0
        """Everything committed before this stands there, except what is missing."""
        self.strayed: Callable[[Stray], None] = _unexpected
        self.failed: Callable[[], None] = _nothing
        self.view: Topology = {}
        """How it sees the cluster, and since when."""
        self.viewed_at = 0.0
        self._is_looking = False

    @classmethod
    async def open(cls, node: Node, primary: Primary = ALONE) -> Mirror:
        """Connect, and see what kind of server it is."""
        opened: list[Mirror] = []

        def pushed(message: Sequence[Reply]) -> None:
            if message[0] == b"invalidate" and message[1] is None and opened:
                opened[0].doubted()

        link = await Link.connect(node, pushed)
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                facts = info(await link.call("INFO"))
                for script in merge.SCRIPTS:
                    await link.call("SCRIPT", "LOAD", script)
                if primary != ALONE:  # the marks may move away, so their absence says nothing
                    await link.call(
                        *("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", OUR_ACCOUNTS, "NOLOOP")
                    )
        except BaseException as error:
            link.abort()
            if isinstance(error, TimeoutError):
                raise LinkLostError(f"no answer from {node}") from error
            raise
        mirror = cls(link, facts, primary)
        opened.append(mirror)
        if not mirror.may_be_complete:
            policy = facts["maxmemory_policy"]
            _log.error("redis may evict; misses will be asked of PostgreSQL", policy=policy)
        return mirror

    def abort(self) -> None:
        """Drop the connection."""
        self._link.abort()

    @property
    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self._link.is_open

    @property
    def unanswered(self) -> tuple[asyncio.Future[Reply], ...]:
        """Of what was sent, in that order."""
        return tuple(self._unanswered)

    @property
    def is_alone(self) -> bool:
        """Whether this is no cluster, so that one command may name many keys."""
        return self.primary is ALONE

    def own(self, primary: Primary) -> None:
        """The node owns other slots than before; what is certified stays so."""
        if primary.ranges == self.primary.ranges:
            return
        self.primary = primary
        self.missing &= primary.slots
        names = Names.on(primary)
        if names != self.names:
            self.names, self.guard, self.has_beat = names, b"", False
            self.certificate = None
        elif self.certificate is not None and not self.certificate.covers(primary):
            self.certificate = None

    def emptied(self) -> None:
        """Whatever stood there is gone; what stands there now is true."""
        self.missing = set(self.primary.slots)
        self.certificate = None
        self.guard = b""
        self.losses += 1

    def doubted(self) -> None:
        """Nobody knows what stands there; after a loss it may be put together from the past."""
        self.emptied()
        self.is_believed = False

    async def marks(self) -> Marks:
        """What stands there now."""
        names = self.names
        reply = await self._link.call("MGET", names.beat, names.complete, names.applied)
        beat, complete, applied = reply
        return Marks(_parsed(Beat, beat), _parsed(Complete, complete), _parsed(Applied, applied))

    async def merge(self, values: dict[bytes, bytes]) -> None:
        """Merge snapshots; returns when sent, and not too much is unanswered."""
        if self.is_alone:
            await self._send(self._link.ask(merge.merge(values)))
        else:
            await self._send_each([merge.merge({key: values[key]}) for key in values])

    async def delete(self, keys: Sequence[bytes], epoch: int) -> None:
        """Delete accounts."""
        if self.is_alone:
            await self._send(self._link.ask(merge.delete(keys, epoch)))
        else:
            await self._send_each([merge.delete((key,), epoch) for key in keys])

    async def _send_each(self, commands: list[bytes]) -> None:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def gathered(replies: list[Reply]) -> None:
            for command, reply in zip(commands, replies, strict=True):
                if isinstance(reply, hiredis.ReplyError):
                    self.strayed(Stray(self, command, str(reply)))
            lost = next((reply for reply in replies if isinstance(reply, LinkLostError)), None)
            if future.done():
                return
            if lost is not None:
                future.set_exception(lost)
            else:
                future.set_result(None)

        self._link.send_many(b"".join(commands), len(commands), gathered)
        await self._send(future)

    async def _send(self, sent: asyncio.Future[Reply]) -> None:
        self._unanswered[sent] = None
        sent.add_done_callback(self._answered)
        while len(self._unanswered) > _IN_FLIGHT_MAX:
            await asyncio.wait((next(iter(self._unanswered)),))

    def _answered(self, sent: asyncio.Future[Reply]) -> None:
        del self._unanswered[sent]
        if sent.cancelled() or sent.exception() is not None:
            self.failed()

    def take(self, command: bytes, *, asking: bool) -> asyncio.Future[Reply]:
        """Do what strayed from another node."""
        if asking:
            self._link.send(_ASKING, lambda _: None)
        return self._link.ask(command)

    async def settle(self) -> None:
        """Until everything sent so far is answered."""
        if self._unanswered:
            await asyncio.wait(self.unanswered)

    def applied(self, epoch: int, lsn: int, system: str) -> asyncio.Future[Reply]:
        """Note how far we are."""
        mark = Applied(epoch, lsn, self.run_id, system)
        return self._link.ask(merge.advance(self.names.applied, bytes(mark)))

    async def beat(self, beat: Beat) -> tuple[bool, Complete | None, bytes | None]:
        """Show a sign of life. False = another leader is ahead. And the marks that stand.

        Where the last one is gone, everything is; then there is none until somebody who knows what
        stands there says so by `has_beat`. A Redis that may evict keys may have evicted it.
        """
        names, is_standing = self.names, self.has_beat and self.may_be_complete
        marks = names.complete, names.copying
        command = merge.advance(names.beat, bytes(beat), *marks, standing=is_standing)
        accepted, complete, guard = await self._link.ask(command)
        if names == self.names:
            if accepted == _GONE:
                self.doubted()
            elif accepted and not is_standing:
                self.has_beat = True
        return bool(accepted), _parsed(Complete, complete), guard

    async def incomplete(self, epoch: int) -> None:
        """A missing key means nothing until `complete`."""
        names, guard = self.names, b"%d" % epoch
        self.certificate, self.guard = None, b""
        await self._link.call("DEL", names.complete)
        await self._link.call("SET", names.copying, guard)
        if names == self.names:
            self.guard = guard

    async def complete(self, mark: Complete) -> bool:
        """From now on a missing key means that there is no such account.

        False when Redis was emptied since `incomplete`.
        """
        if not self.may_be_complete:
            return True
        names = self.names
        command = merge.certify(names.copying, names.complete, self.guard, bytes(mark))
        if not await self._link.ask(command):
            return False
        if names == self.names and mark.covers(self.primary):
            self.certificate, self.guard = mark, b""
        return True

    async def put(self, key: bytes, value: bytes) -> None:
        """Set a key that is nobody's account."""
        await self._link.call("SET", key, value)

    async def sweep(self, epoch: int, *, itself: bool = False) -> None:
        """Delete accounts of earlier epochs than this, or also of this one itself."""
        command = merge.delete if itself else merge.sweep
        async for keys in self.scan(ACCOUNT + b"*"):
            accounts = [key for key in keys if not key.startswith(OUR_ACCOUNTS)]
            if accounts and self.is_alone:
                await self._send(self._link.ask(command(accounts, epoch)))
            elif accounts:
                await self._send(self._all([command((key,), epoch) for key in accounts]))
        await self.settle()

    def _all(self, commands: list[bytes]) -> asyncio.Future[list[Reply]]:
        """Send them; what is refused, because its key has moved away, is of no interest."""
        future: asyncio.Future[list[Reply]] = asyncio.get_running_loop().create_future()
        self._link.send_many(b"".join(commands), len(commands), lambda got: _settle(future, got))
        return future

    async def scan(self, pattern: bytes) -> AsyncIterator[list[bytes]]:
        """Keys, some perhaps twice."""
        cursor = b"0"
        while True:
            command = packed("SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_COUNT)
            cursor, keys = await self._link.ask(command)
            if keys:
                yield keys
            if cursor == b"0":
                return

    async def values(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """What stands under the keys; None = nothing, or no string."""
        if self.is_alone:
            found: list[bytes | None] = await self._link.call("MGET", *keys)
            return found
        replies = await self._all([packed("GET", key) for key in keys])
        return [reply if isinstance(reply, bytes) else None for reply in replies]

    def look(self) -> None:
        """Ask how the node sees the cluster; `view` has it later."""

        def seen(reply: Reply) -> None:
            self._is_looking = False
            with contextlib.suppress(ValueError):
                self.view = read_topology(reply, self.primary.address)
                self.viewed_at = time.monotonic()

        if not self._is_looking:
            self._is_looking = True
            self._link.send(_LOOK, seen)

    def is_hanging(self) -> bool:
        """Whether it owes an answer for too long."""
        return self._link.oldest_wait_seconds() > _HANGS_SECONDS


def info(reply: bytes | str) -> dict[str, str]:
    """INFO's lines by name. Raises RedisRefusedError when the node does not say who it is."""
    text = reply.decode() if isinstance(reply, bytes) else reply
    facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    if "run_id" not in facts:
        raise RedisRefusedError("INFO does not show a run_id")
    return facts


def _parsed(kind: type[M], text: bytes | None) -> M | None:
    try:
        return kind.parse(text) if text else None
    except ValueError:
        return None


def _settle(future: asyncio.Future[list[Reply]], replies: list[Reply]) -> None:
    lost = next((reply for reply in replies if isinstance(reply, LinkLostError)), None)
    if future.done():
        return
    if lost is not None:
        future.set_exception(lost)
    else:
        future.set_result(replies)


def _unexpected(stray: Stray) -> None:
    _log.error("a command was refused", refusal=stray.refusal)


def _nothing() -> None:
    pass
