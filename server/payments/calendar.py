"""Which days banks work on, and by which day an agent's money has to be with us.

A weekend or a public holiday is no working day, unless the calendar of the year says otherwise: it
moves days off, and is decided anew for each year, so it is data that an operator loads.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

PUBLIC_HOLIDAYS = frozenset(
    {
        *((1, day) for day in range(1, 9)),
        (2, 23),
        (3, 8),
        (5, 1),
        (5, 9),
        (6, 12),
        (11, 4),
    }
)
"""(month, day), the same every year: article 112 of the Labour Code of the Russian Federation."""
_SATURDAY = 5
_DAYS_OFF_MAX = 366
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """`said` holds what the calendars of single years say: whether the day is a working one."""

    said: Mapping[dt.date, bool] = field(default_factory=dict)

    def is_working(self, day: dt.date) -> bool:
        """Whether banks work on this day."""
        said = self.said.get(day)
        if said is not None:
            return said
        return day.weekday() < _SATURDAY and (day.month, day.day) not in PUBLIC_HOLIDAYS

    def settlement_day(self, business_day: dt.date, working_days: int) -> dt.date:
        """The day by which the money of a business day has to come: so many working days after it.

        With 0 it is the business day itself, or the first working day after it.
        """
        day = business_day
        for _ in range(working_days):
            day = self._first_working(day + _ONE_DAY)
        return self._first_working(day)

    def _first_working(self, day: dt.date) -> dt.date:
        for later in range(_DAYS_OFF_MAX):
            candidate = day + later * _ONE_DAY
            if self.is_working(candidate):
                return candidate
        raise ValueError(f"the calendar has no working day for a year after {day}")
