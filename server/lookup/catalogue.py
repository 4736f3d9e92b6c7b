"""The services that a worker knows by name, kept up with billing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from server.accounts import AccountView
from server.lookup.glance import Glances
from server.lookup.link import Reply
from server.lookup.marks import read_services
from server.lookup.snapshot import Catalogue, UnknownServiceError, decode


class KnownServices:
    """Decodes snapshots; `read` gets the catalogue as billing has it now."""

    def __init__(self, catalogue: Catalogue, read: Callable[[], Awaitable[Catalogue]]) -> None:
        self._catalogue = catalogue
        self.glances = Glances(catalogue)
        self._read = read
        self._digest = ""
        self._reading: asyncio.Task[None] | None = None

    def is_current(self, digest: str) -> bool:
        """Whether the sync shows the same catalogue; asked once for each digest."""
        same = digest == self._digest
        self._digest = digest
        return same

    def take(self, reply: Reply) -> None:
        """The catalogue as the sync put it into Redis; anything else is ignored."""
        try:
            catalogue = read_services(reply) if isinstance(reply, bytes) else {}
        except (ValueError, TypeError, AttributeError):
            return
        if catalogue:
            self._know(catalogue)

    def _know(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.glances = Glances(catalogue)

    def decode(self, value: bytes, number: str) -> AccountView | None:
        """None when a half is missing. Raises SnapshotError (UnknownServiceError among them)."""
        return decode(value, number, self._catalogue)

    async def decode_or_learn(self, value: bytes, number: str) -> AccountView | None:
        """The same; an unknown service is asked of billing. Raises SnapshotError."""
        try:
            return self.decode(value, number)
        except UnknownServiceError:
            if self._reading is None:
                self._reading = asyncio.create_task(self._learn())
            await asyncio.wait([self._reading])
            return self.decode(value, number)

    async def _learn(self) -> None:
        try:
            self._know(await self._read())
        except ConnectionError:
            return  # the snapshot stays unreadable for now
        finally:
            self._reading = None
