"""Accounts whose write to Redis failed: read from PostgreSQL until the feed has brought them.

A write that came too late for its payment may have been done all the same. So a snapshot in Redis
whose paid lane is no older than what was to be written is true, whoever wrote it.
"""

from __future__ import annotations


class Pins:
    """WAL positions by account, and one for all of them. Pure."""

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

    def pin(self, account: str, lsn: int, version: int) -> None:
        """Until everything committed before `lsn` stands in Redis.

        `version`: of the paid lane that was to be written.
        """
        if lsn > self._applied:
            was_until, was_version = self._until.get(account, (0, 0))
            self._until[account] = max(lsn, was_until), max(version, was_version)

    def version(self, account: str) -> int | None:
        """From which version of its paid lane on a snapshot is true; None = nobody knows."""
        if self._everything_until or account not in self._until:
            return None
        return self._until[account][1] or None

    def pin_everything(self, lsn: int) -> None:
        """The same for whatever accounts there may be."""
        if lsn > self._applied:
            self._everything_until = max(lsn, self._everything_until)

    def applied(self, lsn: int) -> None:
        """Redis now holds everything committed before `lsn`."""
        self._applied = lsn
        if lsn >= self._everything_until:
            self._everything_until = 0
        if self._until:
            self._until = {a: until for a, until in self._until.items() if until[0] > lsn}
