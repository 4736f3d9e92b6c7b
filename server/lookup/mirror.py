"""The sync's side of Redis: merges in order, marks, the beat."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from server.lookup import merge
from server.lookup.link import Link, Node, RedisRefusedError, Reply, packed
from server.lookup.marks import (
    ACCOUNT,
    APPLIED,
    BEAT,
    COMPLETE,
    COPYING,
    SERVICES,
    Applied,
    Beat,
    Complete,
)

M = TypeVar("M", Beat, Complete, Applied)

_log = structlog.get_logger("sync")
_OPEN_SECONDS = 5.0
_IN_FLIGHT_MAX = 8
_SCAN_COUNT = 1000


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


class Mirror:
    """One Redis node as the sync writes it. Every method may raise OSError."""

    def __init__(self, link: Link, run_id: str, is_complete_allowed: bool) -> None:
        self._link = link
        self.run_id = run_id
        self.may_be_complete = is_complete_allowed
        self._in_flight: deque[asyncio.Future[Reply]] = deque()

    @classmethod
    async def open(cls, node: Node) -> Mirror:
        """Connect, and see what kind of server it is."""
        link = await Link.connect(node)
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                facts = info(await link.call("INFO"))
                for script in merge.SCRIPTS:
                    await link.call("SCRIPT", "LOAD", script)
        except BaseException:
            link.abort()
            raise
        policy = facts.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            _log.error("redis may evict; misses will be asked of PostgreSQL", policy=policy)
        return cls(link, facts["run_id"], policy == "noeviction")

    async def aclose(self) -> None:
        """Drop the connection."""
        self._link.abort()
        for future in self._in_flight:
            future.add_done_callback(_forget)

    @property
    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self._link.is_open

    async def marks(self) -> Marks:
        """What stands there now."""
        beat, complete, applied = await self._link.call("MGET", BEAT, COMPLETE, APPLIED)
        return Marks(_parsed(Beat, beat), _parsed(Complete, complete), _parsed(Applied, applied))

    async def merge(self, values: dict[bytes, bytes]) -> None:
        """Merge snapshots; returns when sent, and not too much is unanswered."""
        await self._send(merge.merge(values))

    async def delete(self, keys: Sequence[bytes], epoch: int) -> None:
        """Delete accounts."""
        await self._send(merge.delete(keys, epoch))

    async def _send(self, command: bytes) -> None:
        self._in_flight.append(self._link.ask(command))
        while len(self._in_flight) > _IN_FLIGHT_MAX or (
            self._in_flight and self._in_flight[0].done()
        ):
            await self._in_flight.popleft()

    async def settle(self) -> None:
        """Until everything sent so far is done."""
        while self._in_flight:
            await self._in_flight.popleft()

    def applied(self, mark: Applied) -> asyncio.Future[Reply]:
        """Note how far we are, after the data sent so far."""
        return self._link.ask(merge.advance(APPLIED, bytes(mark)))

    async def beat(self, beat: Beat) -> tuple[bool, Complete | None]:
        """Show a sign of life. False = another leader is ahead. And the marker that stands."""
        accepted, complete = await self._link.ask(merge.advance(BEAT, bytes(beat), COMPLETE))
        return bool(accepted), _parsed(Complete, complete)

    async def incomplete(self, epoch: int) -> None:
        """A copy begins: a missing key means nothing until `complete`."""
        await self._link.call("DEL", COMPLETE)
        await self._link.call("SET", COPYING, epoch)

    async def complete(self, mark: Complete) -> bool:
        """From now on a missing key means that there is no such account.

        False when Redis was emptied since `incomplete`.
        """
        if not self.may_be_complete:
            return True
        command = merge.certify(COPYING, COMPLETE, b"%d" % mark.epoch, bytes(mark))
        return bool(await self._link.ask(command))

    async def services(self, text: bytes) -> None:
        """The catalogue for the workers."""
        await self._link.call("SET", SERVICES, text)

    async def sweep(self, epoch: int) -> None:
        """Delete accounts that an earlier epoch left and this one did not write again."""
        async for keys in self.scan(ACCOUNT + b"*"):
            accounts = [key for key in keys if not key.startswith(ACCOUNT + b"~")]
            if accounts:
                await self._send(merge.sweep(accounts, epoch))
        await self.settle()

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
        found: list[bytes | None] = await self._link.call("MGET", *keys)
        return found


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


def _forget(future: asyncio.Future[Reply]) -> None:
    if not future.cancelled():
        future.exception()
