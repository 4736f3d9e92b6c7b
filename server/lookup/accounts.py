"""A worker's view of all accounts: near cache, then Redis, then PostgreSQL, then "try later".

An entry is believed while the session it came in lives and beats; it goes when Redis says that
the account changed, or when a worker of this host says so in the ring, whichever is first.
"No such account" is said only on the word of a complete Redis, or of PostgreSQL.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence

import asyncpg
import structlog

from server.accounts import AccountView, masked
from server.lookup.bulkhead import Bulkhead
from server.lookup.catalogue import KnownServices
from server.lookup.claims import Claims
from server.lookup.fetching import Fetching
from server.lookup.generations import Generations
from server.lookup.glance import Render
from server.lookup.keeper import SessionKeeper, Sessions
from server.lookup.link import Reply, packed
from server.lookup.marks import SERVICES, Beat
from server.lookup.members import Members
from server.lookup.packing import SnapshotError
from server.lookup.parts import Parts, snapshots
from server.lookup.pins import Pins, place, place_reached
from server.lookup.place import Place
from server.lookup.publishing import write_through
from server.lookup.questions import Asker, answer_of, can_be_a_number
from server.lookup.ready import Pieces, Shelf
from server.lookup.ring import Overrun, Ring
from server.lookup.slots import Address, Topology
from server.lookup.snapshot import Catalogue, UnknownServiceError
from server.lookup.together import Together
from server.payments.ports import PaidLane
from server.refusals import Refusal, Refused

_log = structlog.get_logger("lookup")
_VIEWS_MAX = 5_000
_POSITION_MARGIN = 1 << 26  # WAL between a payment's statement and the end of its commit
_ABSENT = b""


class NearCache:
    """See the module. The port `Accounts` of the payments layer, and what operators ask."""

    def __init__(
        self,
        redis_url: str,
        pool: asyncpg.Pool[asyncpg.Record],
        services: Catalogue,
        ring: Ring,
        index: int,
        entries_max: int = 1_000_000,
        ready_bytes_max: int = 256 << 20,
    ) -> None:
        place = Place.from_url(redis_url)
        self._entries = snapshots(entries_max, is_cluster=place.is_cluster)
        self.keeps = entries_max > 0
        """Whether anything is ever at hand."""
        self._views: Generations[AccountView] = Generations(min(_VIEWS_MAX, entries_max))
        self._shelf = Shelf(ready_bytes_max if entries_max else 0)
        self._pieces: dict[tuple[str, ...], Pieces] = {}
        self._pins = Pins()
        self._pins.pin_everything(ring.pinned_until())
        self._lane = ring.take_lane(index)
        self._reader = ring.reader()
        self._database = Bulkhead(pool)
        self._services = KnownServices(services, self._database.services)
        self._claims = Claims(pool)
        self._sessions: Sessions = (
            Members(place, self) if place.is_cluster else SessionKeeper(place.seeds[0], self)
        )
        self._payments = Together(self._publish)
        """A batch that comes back from the ledger is one script for Redis, not one each."""
        self._fetching = Fetching(
            self._sessions,
            self._database,
            self._pins,
            self._catch_up,
            self._entries.put if entries_max else None,
        )
        self._trusted_until = 0.0
        self._hits = self._misses = 0
        self._evictions = 0
        self._failed_writes = 0
        self._unreadable = 0
        self._complain_after = 0.0

    async def start(self) -> None:
        """Connect; without Redis it works too, on PostgreSQL."""
        await self._sessions.start()

    async def stop(self) -> None:
        """Disconnect; who still waits is refused."""
        await self._sessions.stop()
        await self._database.stop()

    def tick(self) -> None:
        """Keep the ring from running away from an idle worker; give memory back in small parts."""
        self._catch_up()
        self._entries.bury(2000)
        self._views.bury(200)
        self._shelf.bury(500)

    def evict(self, number: str) -> None:
        """The account changed."""
        self._fetching.crossed(number)
        self._views.drop(number)
        key = number.encode()
        for pieces in self._shelf.pieces:
            pieces.drop(key)
        if self._entries.drop(number):
            self._evictions += 1

    def forget(self) -> None:
        """Anything may have changed."""
        self._fetching.crossed_all()
        self._entries.clear()
        self._renamed()

    def beaten(self, beat: Beat, until: float) -> None:
        """The sync lives."""
        self._trusted_until = until
        self._pins.applied(place_reached(beat.epoch, beat.lsn))
        holder = self._sessions.holder(SERVICES)
        if holder is not None and not self._services.is_current(beat.services):
            holder.link.send(packed("GET", SERVICES), self._take_services)

    def lost(self) -> None:
        """The session is over."""
        self._trusted_until = 0.0
        self.forget()

    def disputed(self) -> None:
        """Redis said nothing that makes sense; the beat will end."""

    def assign(self, topology: Topology) -> None:
        """These nodes of a cluster have the slots now."""
        assert isinstance(self._entries, Parts)
        self._entries.assign(topology)

    def forget_part(self, address: Address) -> None:
        """Anything that came from this node of a cluster may have changed."""
        assert isinstance(self._entries, Parts)
        self._entries.clear_part(address)
        self._fetching.crossed_all()
        self._renamed()

    def _take_services(self, reply: Reply) -> None:
        self._services.take(reply)
        self._renamed()

    def _renamed(self) -> None:
        self._views.clear()
        self._shelf.clear()

    def _catch_up(self) -> None:
        """Evict what workers of this host have changed since we last looked."""
        if not self._reader.changed():
            return
        changes = self._reader.drain()
        if isinstance(changes, Overrun):
            self._pins.pin_everything(changes.lsn)
            self.forget()
            return
        for number, lsn, version in changes:
            if lsn:
                self._pins.pin(number, lsn, version)
            self.evict(number)

    def get(self, number: str) -> AccountView | None:
        """The account if it is at hand and may be believed. The hot path."""
        if self._reader.changed():
            self._catch_up()
        if time.monotonic() > self._trusted_until:
            self._distrust()
            return None
        view = self._views.get(number)
        if view is None:
            value = self._entries.get(number)
            if not value:
                return None
            try:
                view = self._services.decode(value, number)
            except SnapshotError:
                return None
            if view is None:
                return None
            self._views.put(number, view)
        self._hits += 1
        return view

    def is_trusted(self, now: float) -> bool:
        """Whether what is at hand may be believed, as of now (monotonic). Asked by every check."""
        reader = self._reader
        if reader.memory[reader.heads] != reader.seen:
            self._catch_up()
        if now > self._trusted_until:
            self._distrust()
            return False
        return True

    def at_hand(self, number: str) -> bytes | None:
        """The snapshot after `is_trusted`; `b""` = certainly no such account, None = ask."""
        return self._entries.get(number)

    def note_hits(self, count: int) -> None:
        """So many checks were answered by who used `at_hand` or `pieces`."""
        self._hits += count

    def pieces(self, dialect: tuple[str, ...], render: Render, with_meters: bool) -> Pieces:
        """What `render` makes of accounts; the same for equal dialects. After `is_trusted`."""
        if dialect not in self._pieces:
            services = self._services
            self._pieces[dialect] = self._shelf.add(
                lambda snapshot: services.glances.show(snapshot, render, with_meters)
            )
        return self._pieces[dialect]

    def _distrust(self) -> None:
        if self._trusted_until:
            self._trusted_until = self._sessions.lapse()

    async def find(self, number: str) -> AccountView | None:
        """The account; None = certainly no such account. Raises Refused(TRY_LATER)."""
        view = self.get(number)
        if view is not None:
            return view
        try:
            return await self._view(await answer_of(self.ask, number), number)
        except SnapshotError as error:
            self._complain(number, error)
        try:
            return await self._view(await answer_of(self._database.ask, number), number)
        except SnapshotError as error:
            raise Refused(Refusal.TRY_LATER, str(error)) from error

    async def _view(self, value: bytes | None, number: str) -> AccountView | None:
        """A snapshot may name a service that is newer than our catalogue. Raises SnapshotError."""
        if value is None:
            return None
        try:
            return self._services.decode(value, number)
        except UnknownServiceError:
            view = await self._services.decode_or_learn(value, number)
            self._renamed()
            return view

    def ask(self, number: str, asker: Asker) -> None:
        """What `find` does after a miss of `get`, by callback; perhaps before it returns."""
        self._catch_up()
        if not can_be_a_number(number):
            asker(None)
            return
        if self._is_known_absent(number):
            self._hits += 1
            asker(None)
            return
        self.fetch(number, asker)

    def _is_known_absent(self, number: str) -> bool:
        return time.monotonic() <= self._trusted_until and self._entries.get(number) == _ABSENT

    def fetch(self, number: str, asker: Asker) -> None:
        """The same for a number of letters and digits that `at_hand` does not know."""
        self._misses += 1
        self._fetching.fetch(number, asker)

    def _complain(self, number: str, error: SnapshotError) -> None:
        """At most once a second: after an upgrade it may be every account."""
        self._unreadable += 1
        if time.monotonic() > self._complain_after:
            self._complain_after = time.monotonic() + 1
            _log.error("snapshot cannot be read", account=masked(number), error=str(error))

    async def publish(self, lanes: Sequence[PaidLane]) -> None:
        """Make every worker's next check see these lanes. To be called before the answer."""
        await self._payments.hand_in(lanes)

    async def _publish(self, lanes: Sequence[PaidLane]) -> None:
        failed = await write_through(self._sessions, lanes)
        position: int | None = 0
        if failed:
            self._failed_writes += len(failed)
            position = await self._database.position()
        for lane in lanes:
            until = 0
            if lane.account in failed:
                lsn = lane.lsn + _POSITION_MARGIN if position is None else position
                until = place(lane.epoch, lsn)
            self._lane.append(lane.account, until, lane.version)
        self._catch_up()

    async def claim(self, key: str, expires: dt.datetime) -> bool:
        """Claim a replay key until a moment; False when it was claimed before.

        Raises Refused(TRY_LATER) when neither store can tell.
        """
        return await self._claims.claim(self._sessions, key, expires)

    def can_answer(self) -> bool:
        """Whether checks are answered from Redis or memory now."""
        sessions = self._sessions.open()
        return bool(sessions) and all(each and each.floor is not None for each in sessions)

    def lag_seconds(self) -> float | None:
        """How far answers may be behind charges; None = the sync has never been seen."""
        known = [each.lag_seconds() for each in self._sessions.open() if each]
        return max((lag for lag in known if lag is not None), default=None)

    def counters(self) -> dict[str, int]:
        """Totals since the start, and the present size."""
        return {
            "hits": self._hits,
            "misses": self._misses,
            "entries": len(self._entries),
            "evictions": self._evictions + self._entries.evictions,
            "fetches": self._fetching.count,
            "database_lookups": self._database.lookups,
            "database_refused": self._database.refused,
            "failed_writes": self._failed_writes,
            "unreadable": self._unreadable,
            "pins": len(self._pins),
            "sessions": self._sessions.count,
        }
