"""A worker's sessions with a cluster: one per primary, and who owns which slots.

The worker asks the nodes themselves how they see the cluster; a session's beat says how the sync
does. Only while both agree is anything kept. When a session is lost, lapses or loses slots, what
came from it is forgotten, and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol, TypeVar

import structlog

from server.lookup.keeper import TICK_SECONDS, SessionKeeper, Ticked
from server.lookup.link import Reply, packed
from server.lookup.marks import Beat
from server.lookup.parts import slot_of_number
from server.lookup.place import Place, ask_topology
from server.lookup.session import Session
from server.lookup.slots import (
    SLOTS,
    Address,
    Primary,
    Topology,
    agreed,
    covers,
    read_redirect,
    read_topology,
    slot_of,
)

T = TypeVar("T")

_log = structlog.get_logger("lookup")
_LOOK = packed("CLUSTER", "SLOTS")
_LOOK_SECONDS = 0.2
_AGAIN_SECONDS = 0.05
_RESTLESS_SECONDS = 0.25
_CALM_SECONDS = 1.0
_START_SECONDS = 2.0


class Divided(Ticked, Protocol):
    """An owner whose memory is kept apart by node."""

    def assign(self, topology: Topology) -> None:
        """These nodes have the slots now."""
        ...

    def forget_part(self, address: Address) -> None:
        """Anything that came from the node may have changed."""
        ...


class Member:
    """The owner of one session: passes on what concerns everybody, and keeps the rest."""

    def __init__(self, place: Place, primary: Primary, members: Members, owner: Divided) -> None:
        self._members = members
        self._owner = owner
        self._address = primary.address
        self.evict = owner.evict
        self.keeper = SessionKeeper(place.node_at(primary.address), self, primary)
        self.beat: Beat | None = None
        self.trusted_until = 0.0

    def tick(self) -> None:
        """There is one tick for all."""

    def forget(self) -> None:
        self.trusted_until = 0.0
        self._owner.forget_part(self._address)

    def beaten(self, beat: Beat, until: float) -> None:
        self.beat = beat
        self.trusted_until = until
        self._members.beaten(beat)

    def disputed(self) -> None:
        self._members.look_soon()

    def lost(self) -> None:
        self.forget()
        self._members.look_soon()

    def own(self, primary: Primary) -> None:
        """The node owns other slots than before."""
        if self.keeper.primary.slots - primary.slots:
            self.forget()
        self.keeper.primary = primary
        if self.keeper.session is not None:
            self.keeper.session.own(primary)


class Members:
    """The Sessions of a cluster."""

    def __init__(self, place: Place, owner: Divided) -> None:
        self.is_cluster = True
        self._place = place
        self._owner = owner
        self._members: dict[Address, Member] = {}
        self._by_slot: list[Member | None] = [None] * SLOTS
        self._ended: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._look_wanted = asyncio.Event()
        self._count = 0

    @property
    def count(self) -> int:
        """Sessions so far."""
        return self._count + sum(member.keeper.count for member in self._members.values())

    async def start(self) -> None:
        await self._look()
        self._tasks = [
            asyncio.create_task(self._keep_looking()),
            asyncio.create_task(self._keep_ticking()),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._ended, return_exceptions=True)
        await asyncio.gather(*(member.keeper.stop() for member in self._members.values()))

    def of(self, number: str) -> Session | None:
        member = self._by_slot[slot_of_number(number)]
        return None if member is None else member.keeper.session

    def parted(self, batch: dict[str, T]) -> Iterable[tuple[Session | None, dict[str, T]]]:
        parts: dict[Session | None, dict[str, T]] = {}
        for number, value in batch.items():
            parts.setdefault(self.of(number), {})[number] = value
        return parts.items()

    def holder(self, key: bytes) -> Session | None:
        member = self._by_slot[slot_of(key)]
        session = None if member is None else member.keeper.session
        return None if session is None or session.link.is_congested else session

    def elsewhere(self, session: Session, error: Exception) -> tuple[Session, bool] | None:
        redirect = read_redirect(str(error), session.primary.address)
        if redirect is None:
            return None
        if not redirect.is_asking:
            self.look_soon()
        member = self._members.get(redirect.address)
        found = None if member is None else member.keeper.session
        return None if found is None else (found, redirect.is_asking)

    def lapse(self) -> float:
        now = time.monotonic()
        for member in self._members.values():
            if member.trusted_until and member.trusted_until < now:
                member.forget()
        return self._trusted_until()

    def _trusted_until(self) -> float:
        """Until when everything that is held may be believed; 0 = nothing is held."""
        trusted = (member.trusted_until for member in self._members.values())
        return min(filter(None, trusted), default=0.0)

    def open(self) -> list[Session | None]:
        return [member.keeper.session for member in self._members.values()]

    def beaten(self, beat: Beat) -> None:
        """One of the nodes was shown a beat: what holds for all of them goes to the owner."""
        beats = [member.beat for member in self._members.values()]
        lsn = min(each.lsn if each is not None else 0 for each in beats)
        self._owner.beaten(replace(beat, lsn=lsn), self._trusted_until())

    def look_soon(self) -> None:
        """Something does not fit."""
        self._look_wanted.set()

    async def _keep_ticking(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.lapse()
            self._owner.tick()

    async def _keep_looking(self) -> None:
        while True:
            is_calm = self._members and None not in self.open()
            wait = _CALM_SECONDS if is_calm else _RESTLESS_SECONDS
            try:
                async with asyncio.timeout(wait):
                    await self._look_wanted.wait()
            except TimeoutError:
                pass
            self._look_wanted.clear()
            await self._look()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _look(self) -> None:
        views = await self._views()
        topology = agreed(views)
        if topology and covers(topology, views):
            await self._apply(topology)
        elif views:
            self._look_wanted.set()

    async def _views(self) -> list[Topology]:
        sessions = [session for session in self.open() if session is not None]
        asked = [(session.primary.address, session.link.ask(_LOOK)) for session in sessions]
        if asked:
            await asyncio.wait([future for _, future in asked], timeout=_LOOK_SECONDS)
        views = [view for address, future in asked if (view := _view(future, address))]
        return views or await self._view_of_a_seed()

    async def _view_of_a_seed(self) -> list[Topology]:
        """The nodes that it names are then asked for themselves."""
        for seed in self._place.seeds:
            try:
                view = await ask_topology(seed)
            except OSError as error:
                _log.warning("a node of the cluster is away", node=seed.host, error=repr(error))
            else:
                return [view] * len(view)
        return []

    async def _apply(self, topology: Topology) -> None:
        if {a: m.keeper.primary for a, m in self._members.items()} == topology:
            return
        for address in self._members.keys() - topology.keys():
            member = self._members.pop(address)
            self._count += member.keeper.count
            task = asyncio.create_task(member.keeper.stop())
            self._ended.add(task)
            task.add_done_callback(self._ended.discard)
        started = []
        for address, primary in topology.items():
            if address in self._members:
                self._members[address].own(primary)
                continue
            member = Member(self._place, primary, self, self._owner)
            self._members[address] = member
            started.append(asyncio.create_task(member.keeper.start()))
        self._owner.assign(topology)
        self._by_slot = [None] * SLOTS
        for address, primary in topology.items():
            for first, last in primary.ranges:
                self._by_slot[first : last + 1] = [self._members[address]] * (last - first + 1)
        if started:
            await asyncio.wait(started, timeout=_START_SECONDS)


def _view(future: asyncio.Future[Reply], address: Address) -> Topology | None:
    if not future.done() or future.exception() is not None:
        future.add_done_callback(_forget)
        return None
    try:
        return read_topology(future.result(), address)
    except ValueError:
        return None


def _forget(future: asyncio.Future[Reply]) -> None:
    if not future.cancelled():
        future.exception()
