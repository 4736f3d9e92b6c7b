"""Brings every account into the nodes that lack some, and certifies those that lack none.

A node about which nobody knows anything (restarted, promoted, behind the slot) is not believed:
no beat is shown there, so no worker trusts it. It is emptied first; from then on what stands there
is true, and misses are asked of PostgreSQL until the copy is done. When all nodes lack everything,
or what stands there belongs to another history, a new epoch makes the old values worthless
instead, and they are swept away behind the copy.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from dataclasses import replace

import structlog

from server.accounts import masked
from server.lookup.link import RedisRefusedError
from server.lookup.marks import SERVICES, Complete, services_bytes
from server.lookup.mirror import Mirror
from server.lookup.pulse import Pulse
from server.lookup.rebuild import copy_accounts, remove_deleted
from server.lookup.slot import Source
from server.lookup.slots import slots_text

_log = structlog.get_logger("sync")
_AGAIN_SECONDS = 0.1


class Completeness:
    """See the module; one per term."""

    def __init__(self, dsn: str, slot: str, pulse: Pulse, source: Source, system: str) -> None:
        self._dsn = dsn
        self._slot = slot
        self._pulse = pulse
        self._fleet = pulse.fleet
        self._source = source
        self._system = system
        self._work = asyncio.Event()
        self._is_epoch_wanted = False
        self._is_epoch_fresh = False
        self._deleted: set[bytes] | None = None
        self._holds_back = False
        self.changes = asyncio.Lock()
        """Held by who applies changes, and while it is not known which of them the next copy holds.

        The stream lags behind what was shown. An account that is lacking must not be put together
        from its past: who paid since would see the debt again.
        """
        self.fence = 0
        """What was committed before this is in the copy under way; 0 = none is, or nobody knows."""
        self.reached = asyncio.Event()
        """No node lacks anything."""

    def certificate(self, mirror: Mirror, epoch: int) -> Complete:
        """The marker that a node without gaps has."""
        slots = slots_text(mirror.primary.ranges)
        return Complete(epoch, mirror.run_id, self._slot, slots=slots)

    def want_epoch(self) -> None:
        """Everything is to be copied anew."""
        self._is_epoch_wanted = True
        self._work.set()

    def look(self) -> None:
        """Something may have to be done."""
        if self._is_lacking():
            self._work.set()

    def deleted(self, keys: list[bytes]) -> None:
        """These accounts are gone; a copy under way may bring them back."""
        if self._deleted is not None:
            self._deleted.update(keys)

    async def begin_epoch(self, above: int, lsn: int) -> None:
        """From now on only what is written under a new epoch counts. Raises OSError."""
        self.reached.clear()
        await self._hold_back()
        epoch = await self._source.raise_epoch(above)
        for mirror in tuple(self._fleet.mirrors.values()):
            mirror.emptied()
            mirror.lsn = lsn
            mirror.is_believed = True
            await self._unmark(mirror, epoch)
        self._is_epoch_fresh = True
        self._pulse.start(epoch, lsn)
        for mirror in self._fleet.mirrors.values():
            mirror.has_beat = False
        await self._pulse.once()
        self._work.set()

    async def keep(self) -> None:
        """Until something fails. Raises OSError, asyncpg errors."""
        while True:
            self._work.clear()
            if self._is_epoch_wanted or self._is_lacking():
                await self._bring()
            if self._is_lacking():
                await asyncio.sleep(_AGAIN_SECONDS)
            elif not self._is_epoch_wanted:
                self._let_go()
                self.reached.set()
                await self._work.wait()

    async def _bring(self) -> None:
        try:
            await self._begin_and_fill()
        except RedisRefusedError as error:
            if self._fleet.alone:
                raise
            # Where a node's marks lie is on the move, or its cluster is down.
            _log.info("a node is to be filled later", refusal=str(error))

    async def _begin_and_fill(self) -> None:
        if not self._is_epoch_fresh and (self._is_epoch_wanted or self._is_everything_missing()):
            await self.begin_epoch(self._pulse.beat.epoch, self._pulse.beat.lsn)
        self._is_epoch_wanted = False
        await self._fill(self._is_epoch_fresh)
        self._is_epoch_fresh = False

    async def _hold_back(self) -> None:
        """No change is applied until `_copy` knows the fence."""
        if not self._holds_back:
            await self.changes.acquire()
            self._holds_back = True

    def _let_go(self) -> None:
        if self._holds_back:
            self._holds_back = False
            self.changes.release()

    async def _unmark(self, mirror: Mirror, epoch: int) -> None:
        """An old marker says nothing under a new epoch, so a refusal does no harm."""
        try:
            await mirror.incomplete(epoch)
        except RedisRefusedError:
            if self._fleet.alone:
                raise

    def _is_lacking(self) -> bool:
        return any(map(_lacks, self._fleet.mirrors.values()))

    def _is_everything_missing(self) -> bool:
        mirrors = self._fleet.mirrors.values()
        return all(len(mirror.missing) == len(mirror.primary.slots) for mirror in mirrors)

    async def _fill(self, is_new_epoch: bool) -> None:
        mirrors = tuple(self._fleet.mirrors.values())
        lacking = [mirror for mirror in mirrors if mirror.missing or not mirror.is_believed]
        if lacking:
            self.reached.clear()
            await self._copy(lacking, is_new_epoch)
        for mirror in mirrors:
            if _lacks(mirror) and not mirror.missing:
                await self._certify(mirror)

    async def _copy(self, mirrors: list[Mirror], is_new_epoch: bool) -> None:
        started = time.monotonic()
        await self._hold_back()
        epoch = self._pulse.beat.epoch
        for mirror in mirrors:
            await _prepare(mirror, epoch)
        before = {mirror: (mirror.losses, frozenset(mirror.missing)) for mirror in mirrors}
        slots = frozenset[int]().union(*(missing for _, missing in before.values()))
        self.fence = await self._source.fence()
        self._deleted = deleted = set[bytes]()
        for mirror in mirrors:
            mirror.has_beat = False
        self._let_go()
        count = await copy_accounts(self._dsn, self._fleet, epoch, slots, flawed)
        if is_new_epoch:
            for mirror in mirrors:
                await mirror.sweep(epoch)
        self._deleted = None
        if deleted:
            await remove_deleted(self._dsn, self._fleet, deleted, epoch)
        await show_services(self._source, self._pulse)
        await self._fleet.note_applied(epoch, self._pulse.beat.lsn, self._system)
        for mirror, (losses, missing) in before.items():
            if mirror.losses == losses:
                mirror.missing -= missing
        self.fence = 0
        seconds = round(time.monotonic() - started, 3)
        _log.info("rebuilt", accounts=count, epoch=epoch, nodes=len(mirrors), seconds=seconds)

    async def _certify(self, mirror: Mirror) -> None:
        epoch = self._pulse.beat.epoch
        if not mirror.guard:  # the old one has moved away, with the slot that it lay in
            await mirror.incomplete(epoch)
        if mirror.missing:
            return
        if not await mirror.complete(self.certificate(mirror, epoch)):
            _log.warning("redis was emptied during the rebuild")
            mirror.emptied()


async def show_services(source: Source, pulse: Pulse) -> None:
    """Put the catalogue where the workers find it. Raises OSError, asyncpg errors."""
    text = services_bytes(await source.services())
    await pulse.fleet.put(SERVICES, text)
    pulse.beat = replace(pulse.beat, services=f"{zlib.crc32(text):08x}")


async def _prepare(mirror: Mirror, epoch: int) -> None:
    """From now on what stands there is true."""
    if not mirror.guard:
        await mirror.incomplete(epoch)
    if not mirror.is_believed:
        losses = mirror.losses
        await mirror.sweep(epoch, itself=True)
        mirror.is_believed = mirror.losses == losses


def _lacks(mirror: Mirror) -> bool:
    if mirror.missing or not mirror.is_believed:
        return True
    return mirror.may_be_complete and mirror.certificate is None


def flawed(account: str, error: ValueError) -> None:
    """A row that cannot be packed; one bad row must not stop everybody's."""
    _log.error("a row cannot be packed", account=masked(account), error=str(error))
