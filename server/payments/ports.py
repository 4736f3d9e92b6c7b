"""What the desk needs from the outside, as protocols; storage and lookup implement them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from server.accounts import AccountView
from server.messages import Address, Owed, Part, Payment, Reading, ReadingResult
from server.money import Money
from server.offices import CloseDay, DayClosed, DayDiffers, OfficeTotal
from server.refusals import Refusal


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


class Watch(Protocol):
    """Whoever looks out for what is suspicious. It is only told; it neither waits nor fails."""

    def unknown_account(self, agent: str, terminal: str) -> None:
        """Somebody at the terminal named an account that there is not."""
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
    valid_seconds: int | None = None
    """None = credit it; else hold it, to be confirmed within so many seconds."""
    limited: bool = False
    """The agent's limits by account and day, or by hour, hold for it."""

    @property
    def fingerprint(self) -> str:
        """What must be equal in a repeat."""
        return fingerprint(self.account, self.amount, self.parts)


def fingerprint(account: str, amount: Money, parts: Sequence[Part]) -> str:
    """A payment's content: the account, the sum and how it was divided."""
    divided = ",".join(f"{part.service}:{part.amount.kopecks}" for part in parts) if parts else ""
    return f"{account}\x1f{amount.kopecks}\x1f{divided}"


class Result(Enum):
    """What became of an order or a move."""

    ACCEPTED = "accepted"
    """Done now, and for the first time."""
    REPEATED = "repeated"
    """Done before; the recorded payment is the answer."""
    REFUSED = "refused"
    """Refused before, and remembered; `refusal` is the answer."""
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"
    CLOSED = "closed"
    SUSPENDED = "suspended"
    BUSY = "busy"
    DAY_CLOSED = "day_closed"
    PAYMENT_CANCELLED = "payment_cancelled"
    """It is cancelled, reversed or expired: nothing more can become of it."""
    OVER_ACCOUNT_DAY = "over_account_day"
    """With it the agent would take more for this account on this business day than it may."""
    OVER_HOUR = "over_hour"
    """With it the agent would take more in this hour than it may."""
    FORBIDDEN = "forbidden"
    """The payment's state or its closed day does not allow it."""


class Action(Enum):
    """What may be asked of a payment."""

    PAY = "pay"
    HOLD = "hold"
    CONFIRM = "confirm"
    CANCEL = "cancel"
    GIVE_UP = "give_up"
    """As CANCEL, but only of what is still held."""
    EXPIRE = "expire"
    """Nobody confirmed in time."""
    REVERSE = "reverse"
    """A person's: the money goes off an account although the agent may no longer cancel."""


class AfterClose(Enum):
    """What becomes of a cancellation after the money was passed on or its day was closed."""

    NO = "no"
    PERSON = "person"
    """Refused, and a person is asked."""
    YES = "yes"


@dataclass(frozen=True, slots=True)
class Move:
    """What is done to a payment, neither PAY nor HOLD, that is named by one of the two ids."""

    action: Action
    agent: str
    business_day: dt.date
    """Where the money's entry belongs."""
    agent_payment_id: str = ""
    payment_id: int = 0
    after_close: AfterClose = AfterClose.NO
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """The outcome of an order; `payment` is the recorded one (the earlier one on a conflict)."""

    result: Result
    payment: Payment | None = None
    lane: PaidLane | None = None
    """The account's lane now; None where nothing was credited."""
    fingerprint: str = ""
    """The recorded content; empty when the order was accepted."""
    valid_until: dt.datetime | None = None
    """Of a payment in two phases: when it expires unless confirmed."""
    refusal: Refusal | None = None


class OutcomeUnknown(Exception):
    """The store was lost while it worked: nobody can tell now whether it was recorded."""


class Ledger(Protocol):
    """The record of payments. Every method may raise OutcomeUnknown."""

    async def post(self, order: Order) -> Posted:
        """Record and credit, or hold, once; on disk when this returns."""
        ...

    async def remember(
        self, agent: str, agent_payment_id: str, content: str, refusal: Refusal
    ) -> Posted:
        """Record a final refusal under a key unless it is taken; what stands under it now."""
        ...

    async def recorded(self, agent: str, agent_payment_id: str) -> Posted | None:
        """What stands under this key: REPEATED with the payment, or REFUSED."""
        ...

    async def recorded_by_id(self, agent: str, payment_id: int) -> Posted | None:
        """The agent's payment with our number."""
        ...

    async def move(self, move: Move) -> Posted:
        """Lead a payment along the transition table; the answer is a cell of it, or DAY_CLOSED."""
        ...

    async def is_settled(self, agent: str, payment_id: int) -> bool:
        """Whether a credited payment's day is closed, or a line of a registry claims it."""
        ...

    async def statement(
        self, agent: str, since: dt.datetime, until: dt.datetime, *, every_state: bool = False
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
class Debts:
    """What an account owes, as of one moment: the services' debts are those of `owed`, less what
    was paid ahead for a service."""

    view: AccountView
    owed: tuple[Owed, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """An agent's business day as recorded. `offices` are the sums of what is credited now."""

    closed_at: dt.datetime | None
    offices: tuple[OfficeTotal, ...]
    payments: tuple[Payment, ...] = ()
    more: bool = False


class Counters(Protocol):
    """What counters with clerks need beyond the ledger. May raise OutcomeUnknown."""

    async def debts(self, account: str) -> Debts | None:
        """By period; None = the account's entries cannot be told apart now."""
        ...

    async def admit_search(self, agent: str, per_minute_max: int) -> bool:
        """Count one search; whether it is within the agent's rate, among all servers."""
        ...

    async def by_unified_account(self, number: str) -> tuple[str, ...]:
        """Account numbers; letters of either alphabet and case that look alike are equal."""
        ...

    async def by_address(self, address: Address, found_max: int) -> tuple[str, ...]:
        """Numbers of accounts that are not closed; one more than `found_max` where more fit."""
        ...

    async def claim_batch(self, agent: str, batch_id: str, content: str, payments: int) -> str:
        """Record the content under the id unless there is one; what stands there now."""
        ...

    async def close_day(self, agent: str, closing: CloseDay) -> DayClosed | DayDiffers:
        """Compare and close, or not; the same sums again are the same answer."""
        ...

    async def day(self, agent: str, day: dt.date, office: str, after: int, limit: int) -> Day:
        """The day's sums; payments of `office` unless it is empty."""
        ...
