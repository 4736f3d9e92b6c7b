"""A payment with everything that became of it, as the office and the command line tell it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Protocol

from server.reconciliation.workbench import PaymentRow


@dataclass(frozen=True, slots=True)
class Settled:
    """Kopecks of a payment that settled a service's charge of a period, and by which rule.

    What is undone has an opposite row.
    """

    payment_id: int
    service: str
    name: str
    period: dt.date
    """Its first day."""
    kopecks: int
    rule: str
    """oldest_first, current_first, pro_rata or as_said."""
    allocated_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Left:
    """Kopecks that no charge has needed yet; without a service they are an advance for any."""

    service: str
    name: str
    kopecks: int


@dataclass(frozen=True, slots=True)
class Amounts:
    """The sums of 103-ФЗ: accepted = payer's fee + credited; credited = withheld + to transfer."""

    source: str
    """`online`, or `registry` with the registry and line that told them."""
    recorded_at: dt.datetime
    accepted_kopecks: int
    payer_fee_kopecks: int
    credited_kopecks: int
    withheld_kopecks: int
    transfer_kopecks: int
    registry_id: int | None
    line_number: int | None


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of the payment: what it did to the account, on which business day."""

    kind: str
    kopecks: int
    happened_at: dt.datetime
    business_day: dt.date
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """Of one payment; everything in the order in which it came."""

    payment: PaymentRow
    terminal: str
    settlement_days: int
    """Working days after its business day within which its money is due."""
    happenings: tuple[Happening, ...]
    settled: tuple[Settled, ...]
    left: tuple[Left, ...]
    amounts: tuple[Amounts, ...]

    @property
    def credited_kopecks(self) -> int:
        """What of it stands on the account now."""
        return sum(each.kopecks for each in self.happenings)

    @property
    def waiting_kopecks(self) -> int:
        """What is not laid over charges yet: that happens some seconds after the payment."""
        done = sum(each.kopecks for each in self.settled) + sum(each.kopecks for each in self.left)
        return self.credited_kopecks - done


class Dossiers(Protocol):
    """The store behind the page. Every method may raise OutcomeUnknown."""

    async def dossier(self, payment_id: int) -> Dossier | None:
        """By our number."""
        ...

    async def find(self, text: str, before: int | None, limit: int) -> tuple[PaymentRow, ...]:
        """Of an account, with an agent's number or ours; all of them for an empty text.

        The newest first; `before` is the last payment_id of the page before.
        """
        ...
