"""What codecs turn requests into (commands) and what the desk answers (outcomes)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import Enum

from server.accounts import AccountView
from server.money import Money
from server.offices import CloseDay, DayClosed, DayDiffers, GetDay, OfficeTotal
from server.refusals import Refusal


class PaymentState(Enum):
    """The state of a payment is that of its last event."""

    HELD = "held"
    CREDITED = "credited"
    CANCELLED = "cancelled"
    REVERSED = "reversed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Reading:
    """A meter reading as sent: by meter number; `value` in thousandths of the meter's unit."""

    meter: str
    value: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a payment that the payer meant for one service."""

    service: str
    amount: Money


# --- commands ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckAccount:
    """What does this account owe? Records nothing. `amount` when the agent asks about a sum."""

    account: str
    amount: Money | None = None
    terminal: str = field(default="", compare=False)
    """Where it is asked, if that is known; it changes nothing about the question."""
    by_period: bool = False
    """Whether the answer is to say for which periods it is owed, if that can be told."""


@dataclass(frozen=True, slots=True)
class Pay:
    """Credit the account, once for all repeats under the same agent payment id."""

    agent_payment_id: str
    account: str
    amount: Money
    paid_at: dt.datetime | None = None
    """Aware, as exact as the protocol writes times; None = the second of arrival."""
    breakdown: tuple[Part, ...] = ()
    readings: tuple[Reading, ...] = ()
    terminal: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """First phase: reserve the payment's id and sum; no money is credited until Confirm.

    Not confirmed within `valid_seconds` of its recording, it expires.
    """

    agent_payment_id: str
    account: str
    amount: Money
    valid_seconds: int
    paid_at: dt.datetime | None = None
    """Aware, as exact as the protocol writes times; None = the second of arrival."""
    breakdown: tuple[Part, ...] = ()
    readings: tuple[Reading, ...] = ()
    terminal: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the agent says of a payment besides the number that names it; empty = nothing.

    Of another number it is no such payment, of another account or sum a conflict.
    """

    agent_payment_id: str = ""
    payment_id: int = 0
    account: str = ""
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Confirm:
    """Second phase: credit a held payment, named by the agent's id or by ours (exactly one)."""

    agent_payment_id: str = ""
    payment_id: int = 0
    expected: Expected | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Undo a payment, named by the agent's id or by ours (exactly one is set)."""

    agent_payment_id: str = ""
    payment_id: int = 0
    reason: str = ""
    same_day: bool = False
    """Not once the payment's own business day has passed, whether that is closed yet or not."""
    only_held: bool = False
    """Not what is credited already: the network reports that its own second phase failed."""
    expected: Expected | None = None
    or_else: str = ""
    """The agent's id of the payment when none is recorded under the first."""


@dataclass(frozen=True, slots=True)
class GetStatus:
    """What became of a payment, named by the agent's id or by ours (exactly one is set)."""

    agent_payment_id: str = ""
    payment_id: int = 0
    expected: Expected | None = None
    before_cancel: bool = False
    """Asked by who wants to cancel it next: a refusal of that is the answer."""


@dataclass(frozen=True, slots=True)
class GetStatement:
    """The agent's credited payments with paid_at in [since, until]; or those in every state."""

    since: dt.datetime
    until: dt.datetime
    ids_only: bool = False
    every_state: bool = False


@dataclass(frozen=True, slots=True)
class SubmitReadings:
    """Meter readings without money; `agent_reading_id` makes a repeat harmless when given."""

    account: str
    readings: tuple[Reading, ...]
    agent_reading_id: str = ""


@dataclass(frozen=True, slots=True)
class ChangeSecret:
    """The agent replaces one of its secrets (name as in the protocol's README)."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where somebody lives, as it is said at a counter; what is empty narrows nothing."""

    street: str
    building: str
    flat: str = ""
    settlement: str = ""
    postcode: str = ""


@dataclass(frozen=True, slots=True)
class FindAccounts:
    """Which accounts are meant? Exactly one of the three is set. Records nothing."""

    account: str = ""
    unified_account: str = ""
    address: Address | None = None
    terminal: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class PayBatch:
    """Pay for each of many payments. The batch has an id of its own: another content under it is
    a conflict, and then nothing of it is paid."""

    batch_id: str
    payments: tuple[Pay, ...]


Command = (
    CheckAccount
    | Pay
    | Hold
    | Confirm
    | Cancel
    | GetStatus
    | GetStatement
    | SubmitReadings
    | ChangeSecret
    | FindAccounts
    | PayBatch
    | CloseDay
    | GetDay
)


# --- outcomes ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadingResult:
    """What became of one reading; `refusal` is None when it was taken."""

    meter: str
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as recorded: everything that any reply shows about it, so repeats are equal."""

    payment_id: int
    agent: str
    agent_payment_id: str
    account: str
    amount: Money
    paid_at: dt.datetime
    recorded_at: dt.datetime
    state: PaymentState
    state_at: dt.datetime
    """When the last event happened; equals recorded_at until something follows."""
    readings: tuple[ReadingResult, ...] = ()
    held_at: dt.datetime | None = None
    """When it was held; None for a payment in one phase."""
    credited_at: dt.datetime | None = None
    """When it was credited, also if it was undone later; None if it never was."""
    reason: str = ""
    """The reason of the last event, as whoever caused it gave it."""
    terminal: str = ""
    business_day: dt.date | None = None
    """To which day of the agent it belongs."""


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed for a service and a period (its first day); negative when recalculated below
    what was settled."""

    service: str
    period: dt.date
    amount: Money


@dataclass(frozen=True, slots=True)
class AccountChecked:
    """Answer to CheckAccount.

    `owed` is by service and period, in the order of services; a service's sum less its debt is what
    was paid ahead for it. None = not asked for, or not to be told now.
    """

    view: AccountView
    owed: tuple[Owed, ...] | None = None


@dataclass(frozen=True, slots=True)
class PaymentAccepted:
    """Answer to Pay and to Confirm; `repeated` when this very payment had been recorded before."""

    payment: Payment
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class PaymentHeld:
    """Answer to Hold; `repeated` when this very payment had been held before."""

    payment: Payment
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class PaymentCancelled:
    """Answer to Cancel; `repeated` when it had been cancelled before."""

    payment: Payment
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class PaymentStatus:
    """Answer to GetStatus."""

    payment: Payment


@dataclass(frozen=True, slots=True)
class Statement:
    """Answer to GetStatement, ordered by paid_at, then payment_id."""

    payments: tuple[Payment, ...]


@dataclass(frozen=True, slots=True)
class ReadingsTaken:
    """Answer to SubmitReadings, one result for each reading in its order."""

    results: tuple[ReadingResult, ...]


@dataclass(frozen=True, slots=True)
class SecretChanged:
    """Answer to ChangeSecret."""


@dataclass(frozen=True, slots=True)
class AccountsFound:
    """Answer to FindAccounts: at least one, or `more` than may be shown, of which none is."""

    views: tuple[AccountView, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class RefusedOutcome:
    """The request was refused. `payment` is the earlier one where there is one to name."""

    refusal: Refusal
    payment: Payment | None = None
    field: str = ""


@dataclass(frozen=True, slots=True)
class BatchItem:
    """What became of one payment of a batch."""

    agent_payment_id: str
    outcome: PaymentAccepted | RefusedOutcome


@dataclass(frozen=True, slots=True)
class BatchPaid:
    """Answer to PayBatch, one item for each payment in its order."""

    batch_id: str
    items: tuple[BatchItem, ...]

    @property
    def is_finished(self) -> bool:
        """Whether nothing of it is to be tried again."""
        return all(
            isinstance(item.outcome, PaymentAccepted) or item.outcome.refusal.final
            for item in self.items
        )


@dataclass(frozen=True, slots=True)
class DayShown:
    """Answer to GetDay."""

    day: dt.date
    closed_at: dt.datetime | None
    offices: tuple[OfficeTotal, ...]
    payments: tuple[Payment, ...] = ()
    """In every state, by their numbers."""
    more: bool = False
    """Whether there are payments with higher numbers."""


Outcome = (
    AccountChecked
    | PaymentAccepted
    | PaymentHeld
    | PaymentCancelled
    | PaymentStatus
    | Statement
    | ReadingsTaken
    | SecretChanged
    | AccountsFound
    | BatchPaid
    | DayClosed
    | DayDiffers
    | DayShown
    | RefusedOutcome
)
