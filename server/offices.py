"""Days of an agent with many offices: what it asks about them, and what it is told."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from server.money import Money


@dataclass(frozen=True, slots=True)
class OfficeTotal:
    """The payments of one office on a business day that are credited."""

    office: str
    """Empty for payments that name none."""
    count: int
    total: Money


@dataclass(frozen=True, slots=True)
class CloseDay:
    """Nothing more belongs to this business day, which has these control sums.

    When they are not ours the day stays open, unless `despite_differences`: then it is closed, and
    the differences are a case for an accountant.
    """

    day: dt.date
    offices: tuple[OfficeTotal, ...]
    despite_differences: bool = False


@dataclass(frozen=True, slots=True)
class GetDay:
    """A business day's sums; with an office also its payments, those with numbers above `after`."""

    day: dt.date
    office: str = ""
    after: int = 0


@dataclass(frozen=True, slots=True)
class OfficeDifference:
    """An office whose control sum is not ours. None = it is not among the declared ones, or we
    have no payment of it."""

    office: str
    declared: OfficeTotal | None
    ours: OfficeTotal | None


@dataclass(frozen=True, slots=True)
class DayClosed:
    """Answer to CloseDay: the day is closed, with these sums of ours."""

    day: dt.date
    closed_at: dt.datetime
    registry_id: int
    """The registry that the day is now."""
    offices: tuple[OfficeTotal, ...]
    differences: tuple[OfficeDifference, ...] = ()
    """Those that it was closed despite of."""


@dataclass(frozen=True, slots=True)
class DayDiffers:
    """Answer to CloseDay: nothing has changed. Closed before with other sums if `closed_at`."""

    day: dt.date
    offices: tuple[OfficeTotal, ...]
    differences: tuple[OfficeDifference, ...]
    closed_at: dt.datetime | None = None
