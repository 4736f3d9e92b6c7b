"""Histories of one account, made up: bills, payments with and without parts, cancellations."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from hypothesis import strategies as st

from server.payments.allocation import (
    Billed,
    Charge,
    Credited,
    Event,
    Rule,
    Rules,
    Supplier,
    Undone,
)

START = dt.datetime(2026, 1, 10, tzinfo=dt.UTC)
SERVICES = (1, 2, 3, 4)
PERIODS = tuple(dt.date(2026, month, 1) for month in range(1, 5))
ORDERS = (Rule.OLDEST_FIRST, Rule.CURRENT_FIRST, Rule.PRO_RATA)

CHARGES = st.builds(
    Charge,
    st.sampled_from(SERVICES),
    st.sampled_from(PERIODS),
    st.integers(-300, 1000).filter(bool),
)
RULES = st.builds(
    lambda division, orders: Rules(
        division,
        # The first two services are one supplier's, the third another's; the last has none.
        {1: Supplier(1, orders[0]), 2: Supplier(1, orders[0]), 3: Supplier(2, orders[1])},
    ),
    st.sampled_from(ORDERS),
    st.tuples(st.sampled_from(ORDERS), st.sampled_from(ORDERS)),
)


@dataclass(slots=True)
class _Telling:
    """A history being made up: each event a minute after the one before."""

    events: list[Event] = field(default_factory=list)
    credited: list[int] = field(default_factory=list)
    next_payment: int = 1

    def bill(self, charges: list[Charge]) -> None:
        self.events.append(Billed(self._now(), tuple(charges)))

    def credit(self, parts: dict[int, int], rest: int) -> None:
        self.events.append(
            Credited(self._now(), self.next_payment, sum(parts.values()) + rest, parts)
        )
        self.credited.append(self.next_payment)
        self.next_payment += 1

    def undo(self, which: int) -> None:
        if self.credited:
            number = self.credited.pop(which % len(self.credited))
            self.events.append(Undone(self._now(), number))

    def _now(self) -> dt.datetime:
        return START + dt.timedelta(minutes=len(self.events))


@st.composite
def histories(draw: st.DrawFn, events_max: int = 12) -> list[Event]:
    """In the order of their times, no two at one moment."""
    telling = _Telling()
    for _ in range(draw(st.integers(1, events_max))):
        match draw(st.sampled_from(("bill", "bill", "pay", "pay", "pay", "undo"))):
            case "bill":
                telling.bill(draw(st.lists(CHARGES, min_size=1, max_size=5)))
            case "pay":
                parts = draw(
                    st.dictionaries(st.sampled_from(SERVICES), st.integers(1, 600), max_size=2)
                )
                rest = draw(st.integers(0 if parts else 1, 1500))
                telling.credit(parts, rest)
            case _:
                telling.undo(draw(st.integers(0, 10)))
    return telling.events
