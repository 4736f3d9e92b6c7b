"""What a worker holds in memory, kept apart by node, so that one node's can be forgotten."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Callable
from typing import Generic, TypeVar

from server.lookup.generations import Generations
from server.lookup.marks import ACCOUNT
from server.lookup.slots import SLOTS, Address, Topology, slot_of

V = TypeVar("V")

_ENTRY_BYTES = 150  # of a dictionary's entry, key and the object around the value
_BYTES_PER_ENTRY = 450  # a bound for unusually large snapshots; usual ones take less
_START = crc_hqx(ACCOUNT, 0)
_MASK = SLOTS - 1


def slot_of_number(number: str) -> int:
    """The slot of an account's key."""
    key = number.encode("utf-8", "replace")
    if b"{" in key:
        return slot_of(ACCOUNT + key)
    return crc_hqx(key, _START) & _MASK


class Parts(Generic[V]):
    """Like Generations; `make` makes one that holds the share given."""

    def __init__(self, make: Callable[[float], Generations[V]]) -> None:
        self._make = make
        self._parts: dict[Address, Generations[V]] = {}
        self._leaving: list[Generations[V]] = []
        self._nowhere = make(0.0)
        self._by_slot = [self._nowhere] * SLOTS

    def assign(self, topology: Topology) -> None:
        """These nodes have the slots now; a node that has lost some is to be cleared first."""
        share = 1 / max(len(topology), 1)
        for address in topology.keys() - self._parts.keys():
            self._parts[address] = self._make(share)
        for address in self._parts.keys() - topology.keys():
            self._parts[address].clear()
            self._leaving.append(self._parts.pop(address))
        self._by_slot = [self._nowhere] * SLOTS
        for address, primary in topology.items():
            for first, last in primary.ranges:
                self._by_slot[first : last + 1] = [self._parts[address]] * (last - first + 1)

    def clear_part(self, address: Address) -> None:
        """Forget what came from the node."""
        part = self._parts.get(address)
        if part is not None:
            part.clear()

    @property
    def evictions(self) -> int:
        """Of all parts that there are."""
        return sum(part.evictions for part in self._parts.values())

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))

    def get(self, key: str) -> V | None:
        """The value, which is now hot; None = not here."""
        return self._by_slot[slot_of_number(key)].get(key)

    def put(self, key: str, value: V) -> None:
        """Hold it; what belongs to no node is not held."""
        part = self._by_slot[slot_of_number(key)]
        if part is not self._nowhere:
            part.put(key, value)

    def drop(self, key: str) -> bool:
        """Forget the key; whether it was here."""
        return self._by_slot[slot_of_number(key)].drop(key)

    def clear(self) -> None:
        """Forget everything."""
        for part in self._parts.values():
            part.clear()

    def bury(self, count: int) -> None:
        """Free up to `count` forgotten entries of each part."""
        for part in (*self._parts.values(), *self._leaving):
            part.bury(count)
        self._leaving = [part for part in self._leaving if part.has_dead]


def snapshots(entries_max: int, *, is_cluster: bool) -> Generations[bytes] | Parts[bytes]:
    """Where a worker holds snapshots."""

    def make(share: float) -> Generations[bytes]:
        entries = int(entries_max * share)
        return Generations(
            entries, entries * _BYTES_PER_ENTRY, lambda value: len(value) + _ENTRY_BYTES
        )

    return Parts(make) if is_cluster else make(1.0)
