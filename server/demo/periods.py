"""The year that the town has behind it: twelve billed periods and the months of their payment."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass

MONTHS = 12
READING_DAYS = range(18, 26)


@dataclass(frozen=True, slots=True)
class Year:
    """The twelve full months before today's. The bill of period k is payable in month k + 1."""

    today: dt.date
    periods: tuple[dt.date, ...]
    """First days of the billed months, oldest first."""

    @classmethod
    def before(cls, today: dt.date) -> Year:
        """The year that ends with the month before today's."""
        months = today.year * 12 + today.month - 1
        firsts = (divmod(months - back, 12) for back in range(MONTHS, 0, -1))
        return cls(today, tuple(dt.date(year, month + 1, 1) for year, month in firsts))

    def pay_month(self, k: int) -> dt.date:
        """First day of the month in which bill k is payable; for the last bill, today's month."""
        return self.end_of(k) + dt.timedelta(days=1)

    def end_of(self, k: int) -> dt.date:
        """Last day of period k: when its meters have been read and its bill is charged."""
        first = self.periods[k]
        return first.replace(day=calendar.monthrange(first.year, first.month)[1])

    def pay_days(self, k: int) -> range:
        """The days of pay month k on which people pay.

        Neither the first day nor the last one: whatever the time zone in which the database cut
        its monthly partitions, a payment of these days falls into the month's own. Nothing is
        paid today or later.
        """
        first = self.pay_month(k)
        last = calendar.monthrange(first.year, first.month)[1] - 1
        if (first.year, first.month) == (self.today.year, self.today.month):
            last = min(last, self.today.day - 1)
        return range(2, last + 1)
