"""What the desk needs from the outside, as protocols; storage and lookup implement them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from server.accounts import AccountView
from server.messages import Part, Payment, Reading, ReadingResult
from server.money import Money


@dataclass(frozen=True, slots=True)
class PaidLane:
    """The posting lane of an account right after a commit, for the write-through to Redis."""

    account: str
    epoch: int
    version: int
    services: tuple[int, ...]
    paid: tuple[int, ...]
    """Kopecks, one for each of `services`."""
    advance: int
    lsn: int
    """A WAL position shortly before the commit: whoever needs one after it must ask again."""


class Accounts(Protocol):
    """Where checks are answered from."""

    async def find(self, number: str) -> AccountView | None:
        """The account; None = certainly no such account. Raises Refused(TRY_LATER)."""
        ...

    async def publish(self, lanes: Sequence[PaidLane]) -> None:
        """Make every worker's next check see these lanes. Must be called before the answer."""
        ...


@dataclass(frozen=True, slots=True)
class MeterRecord:
    """A meter with what plausibility needs; values in thousandths of the unit."""

    meter: str
    last_reading: int | None
    last_date: dt.date | None
    month_mean: int | None
    """Mean use of a month over the last twelve; None when unknown."""


@dataclass(frozen=True, slots=True)
class Order:
    """A payment to be posted, completely decided: nothing depends on the moment."""

    agent: str
    agent_payment_id: str
    account: str
    amount: Money
    paid_at: dt.datetime
    business_day: dt.date
    parts: tuple[Part, ...] = ()
    readings: tuple[Reading, ...] = ()
    reading_results: tuple[ReadingResult, ...] = ()
    """One for each of `readings`."""
    read_on: dt.date | None = None
    terminal: str = ""
    actor: str = ""
    registry_line: int | None = None

    @property
    def fingerprint(self) -> str:
        """What must be equal in a repeat: the account, the sum and how it was divided."""
        parts = ",".join(f"{part.service}:{part.amount.kopecks}" for part in self.parts)
        return f"{self.account}\x1f{self.amount.kopecks}\x1f{parts}"


class Result(Enum):
    """What became of an order or a cancellation."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"
    CLOSED = "closed"
    SUSPENDED = "suspended"
    BUSY = "busy"
    DAY_CLOSED = "day_closed"
    CANCELLED = "cancelled"
    PAYMENT_CANCELLED = "payment_cancelled"
    """It is cancelled, reversed or expired: nothing more can become of it."""
    FORBIDDEN = "forbidden"
    """The payment's state or its closed day does not allow it."""


@dataclass(frozen=True, slots=True)
class Posted:
    """The outcome of an order; `payment` is the recorded one (the earlier one on a conflict)."""

    result: Result
    payment: Payment | None = None
    lane: PaidLane | None = None


class OutcomeUnknown(Exception):
    """The store was lost while it worked: nobody can tell now whether it was recorded."""


class Ledger(Protocol):
    """The record of payments. Every method may raise OutcomeUnknown."""

    async def post(self, order: Order) -> Posted:
        """Record and credit once; on disk when this returns."""
        ...

    async def recorded(self, agent: str, agent_payment_id: str) -> Posted | None:
        """The earlier payment under this key, result REPEATED."""
        ...

    async def recorded_by_id(self, agent: str, payment_id: int) -> Posted | None:
        """The agent's payment with our number."""
        ...

    async def cancel(self, cancellation: Cancellation) -> Posted:
        """Undo a credited payment: CANCELLED, REPEATED, NOT_FOUND or FORBIDDEN."""
        ...

    async def statement(
        self, agent: str, since: dt.datetime, until: dt.datetime
    ) -> tuple[Payment, ...]:
        """The agent's payments that are credited now, paid_at in [since, until], in order."""
        ...

    async def meters(self, account: str) -> tuple[MeterRecord, ...]:
        """The account's meters in use."""
        ...

    async def record_readings(
        self, agent: str, reading_id: str, account: str, readings: Sequence[Reading], on: dt.date
    ) -> None:
        """Record plausible readings; once per (agent, reading_id, meter) when an id is given."""
        ...

    async def next_open_day(self, agent: str, day: dt.date) -> dt.date:
        """The first day at or after `day` that is not closed for the agent."""
        ...

    async def change_secret(self, agent: str, name: str, value: str) -> None:
        """Replace one secret; the old set stays valid until the next change."""
        ...


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A payment to be undone, named by one of the two ids."""

    agent: str
    agent_payment_id: str
    payment_id: int
    business_day: dt.date
    allow_closed_day: bool
    actor: str
    reason: str
