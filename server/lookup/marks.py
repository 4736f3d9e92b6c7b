"""What the sync writes into Redis about itself: beat, completeness marker, position applied."""

from __future__ import annotations

import json
from dataclasses import dataclass

from server.lookup.slots import ALONE, Primary, read_slots, slots_text
from server.lookup.snapshot import FORMAT, Catalogue

ACCOUNT = b"a:"
BEAT = b"a:~beat"
COMPLETE = b"a:~complete"
APPLIED = b"meta:applied"
COPYING = b"meta:copying"
SERVICES = b"meta:services"
REPLAY = b"replay:"
OUR_ACCOUNTS = b"a:~"
"""Of keys that look like accounts and are the sync's own."""
OURS = (OUR_ACCOUNTS, b"meta:", REPLAY, b"session:")
"""Prefixes of our keys that are not accounts."""
LSN_MAX = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Names:
    """What the marks are called on one node: in a cluster they must lie in a slot of its own."""

    beat: bytes = BEAT
    complete: bytes = COMPLETE
    applied: bytes = APPLIED
    copying: bytes = COPYING

    @classmethod
    def on(cls, primary: Primary) -> Names:
        """The names on this node, as long as its slots stay the same."""
        if primary == ALONE:
            return cls()
        tag = b"{%b}" % primary.tag
        return cls(BEAT + tag, COMPLETE + tag, APPLIED + tag, COPYING + tag)


def lsn_text(lsn: int) -> str:
    """As PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def lsn_number(text: str) -> int:
    """The reverse. Raises ValueError."""
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


@dataclass(frozen=True, slots=True)
class Beat:
    """Shown every 100 ms while the sync lives."""

    epoch: int
    lsn: int
    """Everything committed before this stands in Redis."""
    run_id: str
    """The Redis process that it was written into."""
    silence_ms: int
    """Since PostgreSQL last said anything."""
    lag_ms: int
    """How long after its commit the last transaction was applied; 0 = nothing waits."""
    services: str
    """Changes when the catalogue of services does."""
    at_ms: int
    """Wall clock; no two beats have the same."""
    slots: str = ALONE.digest
    """Digest of the slots that the node owns, as most nodes see it."""

    def __bytes__(self) -> bytes:
        return (
            f"{self.epoch} {lsn_text(self.lsn)} {self.run_id} {self.silence_ms} {self.lag_ms}"
            f" {self.services} {self.at_ms} {self.slots}"
        ).encode()

    @classmethod
    def parse(cls, text: bytes) -> Beat:
        """Raises ValueError."""
        epoch, lsn, run_id, silence, lag, services, at, slots = text.decode().split(" ")
        return cls(
            int(epoch), lsn_number(lsn), run_id, int(silence), int(lag), services, int(at), slots
        )


@dataclass(frozen=True, slots=True)
class Complete:
    """Every account of this epoch in these slots stands in this Redis process."""

    epoch: int
    run_id: str
    slot: str
    format: int = FORMAT
    """Of the snapshots."""
    slots: str = slots_text(ALONE.ranges)

    def __bytes__(self) -> bytes:
        return f"{self.epoch} {self.run_id} {self.slot} {self.format} {self.slots}".encode()

    @classmethod
    def parse(cls, text: bytes) -> Complete:
        """Raises ValueError."""
        epoch, run_id, slot, snapshot_format, slots = text.decode().split(" ")
        return cls(int(epoch), run_id, slot, int(snapshot_format), slots)

    def covers(self, primary: Primary) -> bool:
        """Whether it speaks of every slot of the node."""
        return self.slots == slots_text(primary.ranges) or primary.slots <= read_slots(self.slots)


@dataclass(frozen=True, slots=True)
class Applied:
    """How far the feed of this PostgreSQL stands in this Redis process."""

    epoch: int
    lsn: int
    run_id: str
    system: str
    """System identifier and timeline of PostgreSQL."""

    def __bytes__(self) -> bytes:
        return f"{self.epoch} {lsn_text(self.lsn)} {self.run_id} {self.system}".encode()

    @classmethod
    def parse(cls, text: bytes) -> Applied:
        """Raises ValueError."""
        epoch, lsn, run_id, system = text.decode().split(" ")
        return cls(int(epoch), lsn_number(lsn), run_id, system)


def services_bytes(catalogue: Catalogue) -> bytes:
    """The catalogue for the workers."""
    return json.dumps({str(k): v for k, v in sorted(catalogue.items())}).encode()


def read_services(text: bytes) -> dict[int, tuple[str, str, str]]:
    """The reverse. Raises ValueError."""
    found = json.loads(text)
    return {int(id_): (code, name, unit) for id_, (code, name, unit) in found.items()}
