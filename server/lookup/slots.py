"""Hash slots of Redis Cluster, and who owns them. Pure.

https://valkey.io/topics/cluster-spec/
A server that is no cluster is one primary that owns every slot.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

SLOTS = 16384
_MASK = SLOTS - 1
Address = tuple[str, int]
Range = tuple[int, int]
"""First and last slot."""


def slot_of(key: bytes) -> int:
    """The slot of a key; only what stands between the first braces counts, if anything does."""
    if b"{" in key:
        start = key.index(b"{") + 1
        end = key.find(b"}", start)
        if end > start:
            key = key[start:end]
    return crc_hqx(key, 0) & _MASK


@cache
def _tags() -> tuple[bytes, ...]:
    found: dict[int, bytes] = {}
    number = 0
    while len(found) < SLOTS:
        text = b"%d" % number
        found.setdefault(crc_hqx(text, 0) & _MASK, text)
        number += 1
    return tuple(found[slot] for slot in range(SLOTS))


def tag_of(slot: int) -> bytes:
    """What a key must have between braces to lie in the slot."""
    return _tags()[slot]


def slots_text(ranges: Iterable[Range]) -> str:
    """`0-5460,7000`."""
    return ",".join(f"{a}-{b}" if a < b else str(a) for a, b in ranges)


def read_slots(text: str) -> frozenset[int]:
    """The reverse, as single slots. Raises ValueError."""
    slots: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        slots.update(range(int(first), int(last or first) + 1))
    return frozenset(slots)


def joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The same slots, ascending, in as few ranges as possible."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and found[-1][1] == first - 1:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Primary:
    """A node and the slots that it owns, ascending; there is at least one."""

    address: Address
    ranges: tuple[Range, ...]

    @property
    def slots(self) -> frozenset[int]:
        """Each of them."""
        return frozenset(slot for a, b in self.ranges for slot in range(a, b + 1))

    @property
    def tag(self) -> bytes:
        """What a key that is to lie on this node has between braces."""
        return tag_of(self.ranges[0][0])

    @property
    def digest(self) -> str:
        """Changes when the slots do."""
        return blake2b(slots_text(self.ranges).encode(), digest_size=8).hexdigest()


ALONE = Primary(("", 0), ((0, SLOTS - 1),))
"""The one node of a Redis that is no cluster."""

Topology = Mapping[Address, Primary]


def read_topology(reply: Sequence[Any], asked: Address) -> Topology:
    """The answer to CLUSTER SLOTS of the node `asked`. Raises ValueError."""
    slots: dict[Address, list[Range]] = {}
    try:
        for first, last, primary, *_ in reply:
            host = primary[0].decode() if primary[0] else ""
            # A node that does not know its own name means: the one that you speak with.
            address = (host if host not in ("", "?") else asked[0], int(primary[1]))
            slots.setdefault(address, []).append((int(first), int(last)))
    except (TypeError, IndexError, AttributeError, ValueError) as error:
        raise ValueError(f"CLUSTER SLOTS: {error!r}") from error
    return {address: Primary(address, joined(ranges)) for address, ranges in slots.items()}


def agreed(views: Sequence[Topology]) -> Topology:
    """The primaries that most of the primaries know of alike; a node cut off is outvoted."""
    majority = max((len(view) for view in views), default=0) // 2 + 1
    votes: dict[Primary, int] = {}
    for view in views:
        for primary in view.values():
            votes[primary] = votes.get(primary, 0) + 1
    return {primary.address: primary for primary, count in votes.items() if count >= majority}


def covers(topology: Topology, views: Iterable[Topology]) -> bool:
    """Whether it names an owner for every slot that any of the views does."""
    known = set(topology.values())
    others = {primary for view in views for primary in view.values()} - known
    if not others:
        return True
    owned = frozenset[int]().union(*(primary.slots for primary in known))
    return all(primary.slots <= owned for primary in others)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a node says that a key is now."""

    address: Address
    is_asking: bool
    """For this once only: the slot is on its way there."""


def read_redirect(error: str, asked: Address) -> Redirect | None:
    """`MOVED 3999 127.0.0.1:6381`, `ASK …`; None = another kind of error."""
    kind, _, rest = error.partition(" ")
    if kind not in ("MOVED", "ASK"):
        return None
    host, _, port = rest.rpartition(" ")[2].rpartition(":")
    if not port.isdigit():
        return None
    return Redirect((host if host not in ("", "?") else asked[0], int(port)), kind == "ASK")
