"""Payments of the past year: which agent took them, when, and under which ids."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server.demo.agents import DemoAgent
from server.demo.bills import Cover
from server.demo.periods import MONTHS, Year
from server.demo.rows import Rows

FIRST_PAYMENT_ID = 700_001
SLOTS = 256
_SEED = 54
_TIMES = 2_048
_HOURS = range(7, 23)
_HOUR_WEIGHTS = (2, 4, 6, 7, 8, 8, 7, 6, 5, 6, 9, 11, 11, 9, 6, 3)


@dataclass(frozen=True, slots=True)
class Traffic:
    """How an agent's payments look. Its ids rise with ours: base + step * slot + something."""

    slots: int
    """Of 256 payments, so many are its."""
    id_base: int
    id_step: int
    terminals: int = 0
    """How many terminals it has; 0 = its payments name none."""
    withheld_percent: int = 0
    """What it keeps of the sum that it transfers to us."""


TRAFFIC = {
    "sber": Traffic(96, 50_100_000_000, 11),
    "osmp": Traffic(64, 26_400_000_000_000, 977, terminals=240),
    "kiosk": Traffic(44, 3_100_000_000, 1, terminals=12),
    "bank": Traffic(32, 4_700_000_000, 3, withheld_percent=1),
    "paynet": Traffic(20, 730_500_000_000, 37),
}
"""Who takes payments in the town, as far as it is an agent; others have taken none yet."""

_PAYMENT = b"%d\t%b\t%b\t%d\t%b\t%d\t%b\t%b\t{%b}\t{%b}\t%b\n"
_CREDITED = b"%d\t%b\t1\tcredited\t%d\t%b\t%b\t\n"
_CANCELLED = b"%d\t%b\t2\tcancelled\t-%d\t%b 23:10:00%b\t%b\t%b\n"
# The fingerprint of an order that names no services: that is how these payments came.
_KEY = b"%b\t%d\t%d\t%b\t%b\x1f%d\x1f\n"
_AMOUNTS = b"%d\tagent\t%b\t%d\t%d\t%d\t%d\n"
_REASON = "Оплачено дважды".encode()


class Counter:
    """Where one agent takes payments in the year."""

    def __init__(self, agent: DemoAgent, traffic: Traffic, year: Year) -> None:
        self.name = agent.name.encode()
        self.traffic = traffic
        self.days = [_days(year.pay_month(k), agent.zone) for k in range(MONTHS)]
        """By pay month and day of month: the date, and the offset of the agent's zone on it."""


class Visit(NamedTuple):
    """One act of paying: where, in which pay month and on which day of it; `luck` is any number
    that decides the rest.
    """

    counter: Counter
    k: int
    day: int
    luck: int


class Cashier:
    """Writes payments. `accounts` is how many there are in all: ids are dealt out by it."""

    def __init__(self, agents: tuple[DemoAgent, ...], year: Year, accounts: int) -> None:
        here = {agent.name: agent for agent in agents}
        self.counters = {
            name: Counter(here[name], traffic, year)
            for name, traffic in TRAFFIC.items()
            if name in here
        }
        slots = [c for c in self.counters.values() for _ in range(c.traffic.slots)]
        self.by_slot = [slots[slot * len(slots) // SLOTS] for slot in range(SLOTS)]
        self._times = _times()
        self._accounts = accounts

    def take(
        self, rows: Rows, place: int, number: bytes, visit: Visit, amount: int, parts: Cover
    ) -> None:
        """A credited payment of account `number`, the `place`-th of all; at most one a month."""
        payment_id = FIRST_PAYMENT_ID + visit.k * self._accounts + place
        self._record(rows, payment_id, number, visit, amount, parts)

    def take_back(self, rows: Rows, place: int, number: bytes, visit: Visit, amount: int) -> None:
        """A payment that was cancelled the same evening; at most one for an account."""
        payment_id = FIRST_PAYMENT_ID + MONTHS * self._accounts + place
        recorded = self._record(rows, payment_id, number, visit, amount, NOTHING)
        date, offset = visit.counter.days[visit.k][visit.day]
        rows.events[visit.k].append(
            _CANCELLED % (payment_id, recorded, amount, date, offset, date, _REASON)
        )

    def _record(
        self, rows: Rows, payment_id: int, number: bytes, visit: Visit, amount: int, parts: Cover
    ) -> bytes:
        """Returns recorded_at."""
        counter, k, day, luck = visit
        traffic, agent = counter.traffic, counter.name
        date, offset = counter.days[k][day]
        paid_time, recorded_time = self._times[luck % _TIMES]
        recorded = b"%b %b%b" % (date, recorded_time, offset)
        agent_id = traffic.id_base + payment_id * traffic.id_step + luck % traffic.id_step
        terminal = b"%d" % (luck % traffic.terminals + 1) if traffic.terminals else b""
        rows.keys.append(_KEY % (agent, agent_id, payment_id, recorded, number, amount))
        rows.payments[k].append(
            _PAYMENT
            % (
                *(payment_id, recorded, agent, agent_id, number, amount),
                *(b"%b %b%b" % (date, paid_time, offset), date),
                *(parts.services, parts.amounts, terminal),
            )
        )
        rows.events[k].append(_CREDITED % (payment_id, recorded, amount, recorded, date))
        percent = traffic.withheld_percent
        if percent:
            kept = amount * percent // 100
            rows.amounts.append(
                _AMOUNTS % (payment_id, recorded, amount, amount, kept, amount - kept)
            )
        return recorded


NOTHING = Cover(0, b"", b"")
"""The parts of a payment that names no service."""


def _days(first: dt.date, zone: str) -> list[tuple[bytes, bytes]]:
    noon = dt.datetime.combine(first, dt.time(12), ZoneInfo(zone))
    length = calendar.monthrange(first.year, first.month)[1]
    days = [noon.replace(day=day) for day in range(1, length + 1)]
    return [(b"", b""), *((f"{day:%Y-%m-%d}".encode(), f"{day:%z}".encode()) for day in days)]


def _times() -> list[tuple[bytes, bytes]]:
    """Times of day: when it was paid, and the second or so later when it was recorded."""
    random = Random(_SEED)
    found = []
    for hour in random.choices(_HOURS, _HOUR_WEIGHTS, k=_TIMES):
        paid = dt.timedelta(hours=hour, seconds=random.randrange(3_600))
        recorded = paid + dt.timedelta(milliseconds=random.randrange(300, 4_000))
        found.append((_clock(paid, "seconds"), _clock(recorded, "milliseconds")))
    return found


def _clock(since_midnight: dt.timedelta, precision: str) -> bytes:
    moment = dt.datetime.min.replace(tzinfo=dt.UTC) + since_midnight
    return moment.time().isoformat(precision).encode()
