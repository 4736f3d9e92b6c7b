"""Accounts whose write to Redis failed: read from PostgreSQL until the feed has brought them.

A write that came too late for its payment may have been done all the same. So a snapshot in Redis
whose paid lane is no older than what was to be written is true, whoever wrote it.
"""

from __future__ import annotations

_LSN_BITS = 48
_LSN_UNIT_BITS = 8
_EPOCH_MAX = (1 << 16) - 1


def place(epoch: int, lsn: int) -> int:
    """A position in one word of 64 bits, to be compared with others: a later epoch is later.

    Every timeline of PostgreSQL has an epoch of its own, so positions of a primary that is gone
    are never compared with those of its successor. Rounded up to 256 bytes of WAL.
    """
    units = lsn + (1 << _LSN_UNIT_BITS) - 1 >> _LSN_UNIT_BITS
    return min(epoch, _EPOCH_MAX) << _LSN_BITS | min(units, (1 << _LSN_BITS) - 1)


def place_reached(epoch: int, lsn: int) -> int:
    """The same of what is applied, rounded down."""
    return min(epoch, _EPOCH_MAX) << _LSN_BITS | min(lsn >> _LSN_UNIT_BITS, (1 << _LSN_BITS) - 1)


class Pins:
    """Positions by account, and one for all of them, as `place` makes them. Pure."""

    def __init__(self) -> None:
        self._until: dict[str, tuple[int, int]] = {}
        """Position and version."""
        self._everything_until = 0
        self._applied = 0

    def __len__(self) -> int:
        return len(self._until)

    def __bool__(self) -> bool:
        return bool(self._until or self._everything_until)

    def __contains__(self, account: str) -> bool:
        return bool(self._everything_until) or account in self._until

    def pin(self, account: str, until: int, version: int) -> None:
        """Until everything committed before that place stands in Redis.

        `version`: of the paid lane that was to be written.
        """
        if until > self._applied:
            was_until, was_version = self._until.get(account, (0, 0))
            self._until[account] = max(until, was_until), max(version, was_version)

    def version(self, account: str) -> int | None:
        """From which version of its paid lane on a snapshot is true; None = nobody knows."""
        if self._everything_until or account not in self._until:
            return None
        return self._until[account][1] or None

    def pin_everything(self, until: int) -> None:
        """The same for whatever accounts there may be."""
        if until > self._applied:
            self._everything_until = max(until, self._everything_until)

    def applied(self, reached: int) -> None:
        """Redis now holds everything committed before that place."""
        self._applied = reached
        if reached >= self._everything_until:
            self._everything_until = 0
        if self._until:
            self._until = {a: until for a, until in self._until.items() if until[0] > reached}
