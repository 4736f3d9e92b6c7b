"""Redis as the sync writes it: one node, or every primary of a cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial

import structlog

from server.lookup.link import LinkLostError, RedisRefusedError, Reply
from server.lookup.mirror import Mirror, Stray
from server.lookup.place import Place, look
from server.lookup.slots import (
    ALONE,
    SLOTS,
    Address,
    Primary,
    Topology,
    agreed,
    covers,
    read_redirect,
    slot_of,
)

_log = structlog.get_logger("sync")
_VIEW_SECONDS = 0.3
_REJOIN_SECONDS = 0.2
_POLL_SECONDS = 0.05


class NodesChangedError(ConnectionError):
    """A node came or went, or refused something: what each of them holds is to be looked at."""


class Fleet:
    """Every method may raise OSError."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._topology: Topology = {}
        self._owners: list[Mirror | None] = [None] * SLOTS
        self._strays: set[asyncio.Future[Reply]] = set()
        self._joining: dict[Address, asyncio.Task[None]] = {}
        self.mirrors: dict[Address, Mirror] = {}
        self.changed = asyncio.Event()
        """Nodes came or went, or refused something."""

    @classmethod
    async def open(cls, place: Place) -> Fleet:
        """Connect; of a cluster, to as many primaries as can be reached."""
        fleet = cls(place)
        if not place.is_cluster:
            fleet.mirrors[ALONE.address] = mirror = await Mirror.open(place.seeds[0])
            mirror.failed = fleet.changed.set
            fleet._topology = {ALONE.address: ALONE}
            fleet._owners = [mirror] * SLOTS
            return fleet
        fleet._apply(await look(place))
        await asyncio.gather(*fleet._joining.values())
        if not fleet.mirrors:
            await fleet.aclose()
            raise LinkLostError("no primary of the cluster can be reached")
        return fleet

    async def aclose(self) -> None:
        """Drop every connection."""
        for task in self._joining.values():
            task.cancel()
        for mirror in self.mirrors.values():
            mirror.abort()

    @property
    def alone(self) -> Mirror | None:
        """The node of a Redis that is no cluster."""
        return None if self._place.is_cluster else self.mirrors[ALONE.address]

    @property
    def is_open(self) -> bool:
        """Whether any connection stands."""
        return any(mirror.is_open for mirror in self.mirrors.values())

    @property
    def is_whole(self) -> bool:
        """Whether every slot can be written."""
        return None not in self._owners and all(m.is_open for m in self.mirrors.values())

    async def wait_whole(self, seconds: float) -> None:
        """Until every slot can be written, but not longer."""
        until = time.monotonic() + seconds
        while True:
            if self.is_whole or time.monotonic() > until:
                return
            await asyncio.sleep(_POLL_SECONDS)

    def owner(self, key: bytes) -> Mirror | None:
        """Who has the key; None = nobody who can be reached."""
        return self.alone or self._owners[slot_of(key)]

    def lacks(self, key: bytes) -> bool:
        """Whether the key may be missing where it belongs, although there is such an account."""
        mirror = self.owner(key)
        return mirror is not None and bool(mirror.missing) and slot_of(key) in mirror.missing

    async def merge(self, values: dict[bytes, bytes]) -> None:
        """Merge snapshots; what belongs to nobody is lost, and made up for when it does."""
        if self.alone:
            await self.alone.merge(values)
            return
        parts: dict[Mirror, dict[bytes, bytes]] = {}
        for key, value in values.items():
            mirror = self._owners[slot_of(key)]
            if mirror is not None:
                parts.setdefault(mirror, {})[key] = value
        for mirror, part in parts.items():
            await mirror.merge(part)

    async def delete(self, keys: Sequence[bytes], epoch: int) -> None:
        """Delete accounts, before anything that is sent later."""
        for mirror, part in self._parted(keys).items():
            await mirror.delete(part, epoch)
        if not self.alone:
            await self.settle()

    def _parted(self, keys: Iterable[bytes]) -> dict[Mirror, list[bytes]]:
        parts: dict[Mirror, list[bytes]] = {}
        for key in keys:
            mirror = self.owner(key)
            if mirror is not None:
                parts.setdefault(mirror, []).append(key)
        return parts

    async def settle(self) -> None:
        """Until everything sent so far is done."""
        for mirror in tuple(self.mirrors.values()):
            await mirror.settle()
        if self._strays:
            await asyncio.wait(tuple(self._strays))
        if self.changed.is_set():
            raise NodesChangedError("something that was sent is not done")

    def applied(self, epoch: int, lsn: int, system: str) -> asyncio.Future[object]:
        """Note on every node how far we are, when everything sent so far is done; fails if not.

        The order of commands is not enough: what refused the data (missing scripts, a full memory)
        may be over when the note arrives, and what strayed is done by another node than this one.
        """
        note = partial(self._note, epoch, lsn, system)
        sent = [each for mirror in self.mirrors.values() for each in mirror.unanswered]
        sent += self._strays
        if sent or self.changed.is_set():
            return asyncio.ensure_future(self._after(sent, note))
        return note()

    def _note(self, epoch: int, lsn: int, system: str) -> asyncio.Future[Reply]:
        if self.alone:
            return self.alone.applied(epoch, lsn, system)
        return asyncio.gather(*(m.applied(epoch, lsn, system) for m in self.mirrors.values()))

    async def _after(
        self, sent: Sequence[asyncio.Future[Reply]], note: Callable[[], Awaitable[object]]
    ) -> None:
        if sent:
            await asyncio.wait(sent)
        if self._strays:  # some of it may only just have begun to look for its node
            await asyncio.wait(tuple(self._strays))
        if self.changed.is_set():
            raise NodesChangedError("something that was sent is not done")
        await note()

    async def note_applied(self, epoch: int, lsn: int, system: str) -> None:
        """The same for what is done, awaited; a node whose marks are on the move is left out."""
        if self.alone:
            await self.alone.applied(epoch, lsn, system)
            return
        noted = (m.applied(epoch, lsn, system) for m in tuple(self.mirrors.values()))
        for outcome in await asyncio.gather(*noted, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, RedisRefusedError):
                raise outcome

    async def put(self, key: bytes, value: bytes) -> None:
        """Set a key that is nobody's account."""
        mirror = self.owner(key)
        if mirror is not None:
            await mirror.put(key, value)

    async def values(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """What stands under the keys; None = nothing, or no string."""
        found: dict[bytes, bytes | None] = {}
        for mirror, part in self._parted(keys).items():
            found.update(zip(part, await mirror.values(part), strict=True))
        return [found.get(key) for key in keys]

    async def scan(self, pattern: bytes) -> AsyncIterator[list[bytes]]:
        """Keys, some perhaps twice."""
        for mirror in tuple(self.mirrors.values()):
            async for keys in mirror.scan(pattern):
                yield keys

    def watch(self) -> None:
        """Follow the cluster's changes; to be called at every beat."""
        if self.alone:
            if not self.alone.is_open:
                raise LinkLostError("Redis closed the connection")
            return
        views = []
        for mirror in self.mirrors.values():
            if time.monotonic() - mirror.viewed_at < _VIEW_SECONDS:
                views.append(mirror.view)
            if mirror.is_hanging():
                mirror.abort()
            mirror.look()
        topology = agreed(views)
        self._apply(topology if topology and covers(topology, views) else self._topology)
        for address, mirror in self.mirrors.items():
            mirror.is_agreed = topology.get(address) == mirror.primary

    def _apply(self, topology: Topology) -> None:
        self._topology = topology
        known = {a: m for a, m in self.mirrors.items() if a in topology and m.is_open}
        gone = [m for a, m in self.mirrors.items() if known.get(a) is not m]
        if any(not mirror.is_open for mirror in gone):
            self.changed.set()
        gained = {
            mirror: topology[address].slots - mirror.primary.slots
            for address, mirror in known.items()
            if topology[address].ranges != mirror.primary.ranges
        }
        for mirror, slots in gained.items():
            self._hand_over(mirror, slots)
        for mirror in gained:
            mirror.own(topology[mirror.primary.address])
        for mirror in gone:
            mirror.abort()
        self.mirrors = known
        if gained or gone:
            self._assign()
        for address, primary in topology.items():
            if address not in known and address not in self._joining:
                task = asyncio.create_task(self._join(primary))
                self._joining[address] = task
                task.add_done_callback(partial(self._joined, address))

    def _hand_over(self, mirror: Mirror, slots: Iterable[int]) -> None:
        """What is known of slots moves with them."""
        for slot in slots:
            before = self._owners[slot]
            if before is None or not before.is_open or not before.is_believed:
                mirror.doubted()
                return
            if slot in before.missing:
                mirror.missing.add(slot)

    def _assign(self) -> None:
        owners: list[Mirror | None] = [None] * SLOTS
        for mirror in self.mirrors.values():
            for slot in mirror.primary.slots:
                owners[slot] = mirror
        self._owners = owners

    async def _join(self, primary: Primary) -> None:
        try:
            mirror = await Mirror.open(self._place.node_at(primary.address), primary)
        except OSError as error:
            _log.warning("a node of the cluster is away", node=primary.address, error=repr(error))
            await asyncio.sleep(_REJOIN_SECONDS)
            return
        wanted = self._topology.get(primary.address)
        if wanted is None:
            mirror.abort()
            return
        mirror.own(wanted)
        mirror.doubted()
        mirror.strayed, mirror.failed = self._strayed, self.changed.set
        self.mirrors[primary.address] = mirror
        self._assign()
        self.changed.set()

    def _joined(self, address: Address, task: asyncio.Task[None]) -> None:
        self._joining.pop(address, None)
        if not task.cancelled() and task.exception() is not None:
            _log.error("joining a node failed", exc_info=task.exception())

    def _strayed(self, stray: Stray) -> None:
        redirect = read_redirect(stray.refusal, stray.mirror.primary.address)
        target = self.mirrors.get(redirect.address) if redirect else None
        if redirect is None or target is None:
            _log.warning("a node refused a write", refusal=stray.refusal)
            self.changed.set()
            return
        future = target.take(stray.command, asking=redirect.is_asking)
        self._strays.add(future)
        future.add_done_callback(self._found)

    def _found(self, future: asyncio.Future[Reply]) -> None:
        self._strays.discard(future)
        if future.cancelled() or future.exception() is not None:
            self.changed.set()
