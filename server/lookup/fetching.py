"""How an account that is not at hand is found: in Redis, else in PostgreSQL, else "try later".

"No such account" is said only on the word of a complete Redis, or of PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial

from server.lookup.bulkhead import Bulkhead
from server.lookup.fetches import Batch, Fetches
from server.lookup.keeper import Sessions
from server.lookup.link import LinkLostError, Reply
from server.lookup.pins import Pins
from server.lookup.questions import Asker, Found
from server.lookup.session import Session
from server.lookup.snapshot import is_whole, paid_version_of
from server.refusals import Refusal, Refused

_WAITING_MAX = 20_000
_ABSENT = b""


class Fetching:
    """See the module.

    `catch_up` is called before what has arrived is judged, `keep` with what may be kept: an
    account and its snapshot, or `b""` for "certainly no such account".
    """

    def __init__(
        self,
        sessions: Sessions,
        database: Bulkhead,
        pins: Pins,
        catch_up: Callable[[], None],
        keep: Callable[[str, bytes], None] | None,
    ) -> None:
        self._sessions = sessions
        self._database = database
        self._pins = pins
        self._catch_up = catch_up
        self._keep = keep
        self._fetches: Fetches[Asker] = Fetches(self._send)
        self._again: Fetches[Asker] = Fetches(self._read_whatever_it_is)

    @property
    def count(self) -> int:
        """Accounts that Redis was asked for."""
        return self._fetches.sent_count + self._again.sent_count

    def fetch(self, number: str, asker: Asker) -> None:
        """Tell `asker` the account as it is now or later; perhaps before this returns."""
        if len(self._fetches) >= _WAITING_MAX:
            asker(Refused(Refusal.TRY_LATER, "too many lookups wait"))
        else:
            self._fetches.join(number, asker)

    def crossed(self, number: str) -> None:
        """The account has changed."""
        self._fetches.crossed(number)
        self._again.crossed(number)

    def crossed_all(self) -> None:
        """Anything may have changed."""
        self._fetches.crossed_all()
        self._again.crossed_all()

    def _send(self, batch: Batch[Asker]) -> None:
        if self._pins:
            batch = self._without_pinned(batch)
            if not batch:
                return
        for session, part in self._sessions.parted(batch):
            if session is None or session.floor is None or session.link.is_congested:
                self._ask_database(part.items())
            elif session.is_silent:
                self._ask_database_first(part)
            else:
                self._read(self._fetches, session, part)

    def _without_pinned(self, batch: Batch[Asker]) -> Batch[Asker]:
        """Accounts whose write to Redis failed are asked of PostgreSQL."""
        for number, askers in batch.items():
            if number in self._pins:
                self._ask_about_pinned(number, askers)
        return Batch(item for item in batch.items() if item[0] not in self._pins)

    def _ask_about_pinned(self, number: str, askers: list[Asker]) -> None:
        version = self._pins.version(number)
        for asker in askers:
            known = asker if version is None else self._or_written(number, version, asker)
            self._database.ask(number, known)

    def _or_written(self, number: str, version: int, asker: Asker) -> Asker:
        """PostgreSQL is away: perhaps Redis has taken the write after all, too late to be told."""

        def tell(found: Found) -> None:
            def judge(later: Found) -> None:
                is_written = isinstance(later, bytes) and paid_version_of(later) >= version
                asker(later if is_written else found)

            if isinstance(found, Refused):
                self._or_redis(number, judge)(found)
            else:
                asker(found)

        return tell

    def _ask_database_first(self, part: dict[str, list[Asker]]) -> None:
        for number, askers in part.items():
            for asker in askers:
                self._database.ask(number, self._or_redis(number, asker))

    def _or_redis(self, number: str, asker: Asker) -> Asker:
        """PostgreSQL is away: nothing can be committed either, so Redis is as new as it gets."""

        def tell(found: Found) -> None:
            if isinstance(found, Refused) and self._sessions.of(number) is not None:
                self._again.join(number, asker)
            else:
                asker(found)

        return tell

    def _read_whatever_it_is(self, batch: Batch[Asker]) -> None:
        for session, part in self._sessions.parted(batch):
            self._read(self._again, session, part)

    def _read(
        self, fetches: Fetches[Asker], session: Session | None, part: dict[str, list[Asker]]
    ) -> None:
        batch = part if isinstance(part, Batch) else Batch(part)
        fetches.under_way(batch)
        if session is None or session.link.is_congested:
            self._arrived(fetches, None, batch, LinkLostError("redis is away or congested"))
        else:
            session.read(batch, partial(self._arrived, fetches, session, batch))

    def _arrived(
        self,
        fetches: Fetches[Asker],
        session: Session | None,
        batch: Batch[Asker],
        reply: Reply,
    ) -> None:
        self._catch_up()
        fetches.arrived(batch)
        if session is None or session.floor is None or not isinstance(reply, list):
            self._ask_database(batch.items())
            return
        keep = self._keep
        if time.monotonic() > session.trusted_until or batch.is_crossed:
            keep = None
        crossed, pins = batch.crossed, self._pins
        floor = int.from_bytes(session.floor, "big")
        for (number, askers), value in zip(batch.items(), reply, strict=True):
            if value.__class__ is bytes and is_whole(value, floor):
                if keep is not None and number not in crossed and not (pins and number in pins):
                    keep(number, value)
                for asker in askers:
                    asker(value)
            elif isinstance(value, Exception):
                self._look_elsewhere(session, number, askers, value)
            elif value is None and session.is_complete:
                if keep is not None and number not in crossed and not (pins and number in pins):
                    keep(number, _ABSENT)
                for asker in askers:
                    asker(None)
            else:
                self._ask_database(((number, askers),))

    def _look_elsewhere(
        self, session: Session, number: str, askers: list[Asker], error: Exception
    ) -> None:
        """The slot is on its way to another node; what is found there is not kept yet."""
        found = self._sessions.elsewhere(session, error)
        if found is None:
            self._ask_database(((number, askers),))
            return
        other, is_asking = found

        def answered(reply: Reply) -> None:
            floor = other.floor
            if (
                isinstance(reply, bytes)
                and floor is not None
                and is_whole(reply, int.from_bytes(floor, "big"))
            ):
                for asker in askers:
                    asker(reply)
            else:
                self._ask_database(((number, askers),))

        other.read_stray(number, is_asking, answered)

    def _ask_database(self, questions: Iterable[tuple[str, list[Asker]]]) -> None:
        for number, askers in questions:
            for asker in askers:
                self._database.ask(number, asker)
