"""Agents as the office sees them: what they may do, what they did today, what asks for a look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent today. Sums in kopecks; a limit of 0 is none."""

    name: str
    title: str
    protocol: str
    zone: str
    cut_off: dt.time
    settlement_days: int
    amount_min_kopecks: int
    amount_max_kopecks: int
    account_day_max_kopecks: int
    hour_max_kopecks: int
    requests_per_second_max: int
    unknown_accounts_per_minute_max: int
    paused: bool
    paused_since: dt.datetime | None
    """None while it is not paused, or when nobody wrote down who did it."""
    paused_by: str
    pause_reason: str
    business_day: dt.date
    """Now, on its clock."""
    payments: int
    """Recorded for that day, whatever became of them since."""
    taken_kopecks: int
    hour_kopecks: int
    """In this hour of the clock; counted only where there is a limit."""
    last_payment_at: dt.datetime | None
    """Of those payments."""
    open_cases: int
    open_suspicions: int


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """Something that somebody did to an agent."""

    happened_at: dt.datetime
    actor: str
    action: str
    reason: str
    details: Mapping[str, object]


class Overview(Protocol):
    """The store behind the page. Every method may raise OutcomeUnknown."""

    async def agents(self) -> tuple[AgentRow, ...]:
        """All of them, by title."""
        ...

    async def agent(self, name: str) -> AgentRow:
        """Raises LookupError."""
        ...

    async def history(self, name: str) -> tuple[AgentEntry, ...]:
        """The last fifty things that were done to it, the newest first."""
        ...

    async def pause(self, name: str, actor: str, reason: str, *, paused: bool) -> bool:
        """Pause it or let it go on; every worker hears of it. False = it was so before.

        Raises LookupError.
        """
        ...

    async def calendar(self) -> Mapping[dt.date, bool]:
        """What the loaded calendars say: whether a day is a working one."""
        ...
