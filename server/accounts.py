"""What a check may show about an account, and the pure arithmetic from the two lanes to it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from server.money import Money

ACCOUNT_LENGTH_MAX = 30
ADVANCE = "advance"
ADVANCE_NAME = "Аванс"


class AccountState(Enum):
    """Whether an account takes payments."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ServiceDebt:
    """The debt for one service; negative when paid ahead."""

    service: str
    name: str
    debt: Money


class Meter(NamedTuple):
    """A meter as a check shows it; `last_reading` in thousandths of its unit."""

    meter: str
    service: str
    service_name: str
    unit: str
    last_reading: int | None
    last_date: dt.date | None


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as agents see it: personal data already masked, debts already computed."""

    account: str
    state: AccountState
    holder: str
    address: str
    charged: Money
    paid: Money
    version: int
    services: tuple[ServiceDebt, ...]
    meters: tuple[Meter, ...]

    @property
    def debt(self) -> Money:
        """What is owed; negative when overpaid. Always the sum of `services`."""
        return self.charged - self.paid


@dataclass(frozen=True, slots=True, eq=False)
class ServiceNames:
    """The services of an account in their order; one object for all accounts with the same ones."""

    codes: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServiceTurnover:
    """What one service has charged and been paid, before the advance is spread over it."""

    service: str
    name: str
    charged: Money
    paid: Money


def spread_advance(
    turnovers: tuple[ServiceTurnover, ...], advance: Money
) -> tuple[ServiceDebt, ...]:
    """Debts by service with the unallocated advance taken off the positive ones, in given order.

    What is left of the advance stands in the pseudo service `advance` with a negative debt, so
    that the sum over the services is always charged - paid.
    """
    left = advance.kopecks
    debts: list[ServiceDebt] = []
    for turnover in turnovers:
        debt = turnover.charged.kopecks - turnover.paid.kopecks
        taken = min(max(left, 0), max(debt, 0))
        left -= taken
        debts.append(ServiceDebt(turnover.service, turnover.name, Money(debt - taken)))
    if left:
        debts.append(ServiceDebt(ADVANCE, ADVANCE_NAME, Money(-left)))
    return tuple(debts)


def is_account_number(text: str) -> bool:
    """Whether the text can be an account number: 1..30 printable characters without spaces."""
    return 0 < len(text) <= ACCOUNT_LENGTH_MAX and text.isprintable() and not _has_space(text)


def masked(account: str) -> str:
    """As much of an account as a log may hold."""
    return f"***{account[-3:]}" if account else ""


def _has_space(text: str) -> bool:
    return any(character.isspace() for character in text)
