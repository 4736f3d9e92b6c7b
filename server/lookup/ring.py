"""Which accounts workers of this host have just changed, told through shared memory.

One lane per worker with a single writer each, and a few more, because a worker that is being
replaced still writes while its successor begins. Who writes a lane holds a lock on it, which the
kernel takes back when the process ends, however it ends. The heads stand side by side in front, so
that "has anything happened?" is one comparison of a few dozen bytes. The memory is an anonymous
mapping made before the fork: it has no name to be unlinked and no counter that two processes
add to. An entry carries its own sequence number, written last: a reader that meets anything
else than it expects (a wrap, a torn or not yet visible entry) reports an overrun. Behind the heads
stands, by lane, the highest position told (server.lookup.pins), for those who missed the entry.
"""

from __future__ import annotations

import fcntl
import mmap
import tempfile
from dataclasses import dataclass
from struct import Struct
from typing import IO

SLOTS = 4096
_SPARE_LANES = 2
_SLOT_BYTES = 64
_ENTRY = Struct("=QIB43s")  # position, version, length of the account, the account in UTF-8
_SEQUENCE_WORD = _SLOT_BYTES // 8 - 1
_ACCOUNT_BYTES_MAX = 43
_EVERYTHING = 255  # in place of a length: an account too long for a slot
_WORD = 8
_LINE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Overrun:
    """More has happened than can be told: forget everything.

    `lsn`: the highest that any account was to be read from PostgreSQL until, or 0.
    """

    lsn: int


Changes = list[tuple[str, int, int]] | Overrun
"""Accounts, each with a position that it must be read from PostgreSQL until, or 0, and the
version that its paid lane had then."""


class Ring:
    """The shared memory; made by the supervisor, inherited by its workers."""

    def __init__(self, memory: mmap.mmap, lanes: int, slots: int, locks: IO[bytes]) -> None:
        self.memory = memory
        self.lanes = lanes
        self.slots = slots
        self.heads_bytes = _heads_bytes(lanes)
        self.words = memoryview(memory).cast("Q")
        self._locks = locks

    @classmethod
    def create(cls, workers: int, slots: int = SLOTS) -> Ring:
        """Room for `workers` processes at a time; a lane holds `slots` entries."""
        lanes = workers + _SPARE_LANES
        size = 2 * _heads_bytes(lanes) + lanes * slots * _SLOT_BYTES
        return cls(mmap.mmap(-1, size), lanes, slots, tempfile.TemporaryFile())

    def take_lane(self, preferred: int) -> Lane:
        """A lane that no other process writes, until this one ends. Raises OSError if none is."""
        others = (index for index in range(self.lanes - 1, -1, -1) if index != preferred)
        for index in (preferred, *others):
            try:
                fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, index)
            except (BlockingIOError, PermissionError):
                continue
            return self.lane(index)
        raise OSError("more processes than lanes in the ring")

    def lane(self, index: int) -> Lane:
        """The lane `index`, which its writer goes on with where the last one ended."""
        return Lane(self, index)

    def reader(self) -> Reader:
        """A position of one's own in every lane, at what has happened so far."""
        return Reader(self)

    def pinned_until(self) -> int:
        """The highest position that was ever told with an account; 0 = none."""
        first = self.heads_bytes // _WORD
        return max(self.words[first : first + self.lanes])

    def pin(self, lane: int, lsn: int) -> None:
        """Raise the lane's highest position."""
        place = self.heads_bytes // _WORD + lane
        self.words[place] = max(self.words[place], lsn)

    def slot_offset(self, lane: int, sequence: int) -> int:
        """Where the entry stands, in bytes."""
        return 2 * self.heads_bytes + (lane * self.slots + sequence % self.slots) * _SLOT_BYTES


def _heads_bytes(lanes: int) -> int:
    """Bytes for a word per lane, in whole cache lines."""
    return -(-lanes * _WORD // _LINE_BYTES) * _LINE_BYTES


class Lane:
    """The writing end of one worker."""

    def __init__(self, ring: Ring, index: int) -> None:
        assert 0 <= index < ring.lanes
        self._ring = ring
        self.index = index

    def append(self, account: str, lsn: int, version: int = 0) -> None:
        """Tell everybody that the account changed; the rest as in `Changes`."""
        ring = self._ring
        sequence = ring.words[self.index]
        offset = ring.slot_offset(self.index, sequence)
        name = account.encode()
        length = len(name) if len(name) <= _ACCOUNT_BYTES_MAX else _EVERYTHING
        if lsn:
            ring.pin(self.index, lsn)
        ring.words[offset // _WORD + _SEQUENCE_WORD] = 0
        _ENTRY.pack_into(ring.memory, offset, lsn, version, length, name)
        # Single words, native order: each store is one instruction, seen whole or not at all.
        ring.words[offset // _WORD + _SEQUENCE_WORD] = sequence + 1
        ring.words[self.index] = sequence + 1


class Reader:
    """The reading end of one worker."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self.memory = ring.memory
        self.heads = slice(0, ring.heads_bytes)
        self.seen = b""
        """`memory[heads]` at the last `drain`."""
        self._positions: list[int] = []
        self._restart()

    def changed(self) -> bool:
        """Whether anything was appended since the last `drain`. The hot path."""
        return self.memory[self.heads] != self.seen

    def drain(self) -> Changes:
        """What was appended since; after an Overrun it starts anew from now."""
        seen = self.memory[self.heads]
        heads = memoryview(seen).cast("Q")
        changes: list[tuple[str, int, int]] = []
        for lane, position in enumerate(self._positions):
            if heads[lane] - position > self._ring.slots // 2:
                return self._overrun()
            for sequence in range(position, heads[lane]):
                entry = self._entry(lane, sequence)
                if entry is None:
                    return self._overrun()
                changes.append(entry)
            self._positions[lane] = heads[lane]
        self.seen = seen
        return changes

    def _entry(self, lane: int, sequence: int) -> tuple[str, int, int] | None:
        ring = self._ring
        offset = ring.slot_offset(lane, sequence)
        lsn, version, length, name = _ENTRY.unpack_from(ring.memory, offset)
        if length > _ACCOUNT_BYTES_MAX:
            return None
        if ring.words[offset // _WORD + _SEQUENCE_WORD] != sequence + 1:
            return None
        try:
            return name[:length].decode(), lsn, version
        except UnicodeDecodeError:
            return None

    def _overrun(self) -> Overrun:
        self._restart()
        return Overrun(self._ring.pinned_until())

    def _restart(self) -> None:
        # Heads first: what is appended between here and the caller's forgetting is told again.
        self.seen = self.memory[self.heads]
        self._positions = list(memoryview(self.seen).cast("Q"))[: self._ring.lanes]
