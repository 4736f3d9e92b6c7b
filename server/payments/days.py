"""Business days: to which day of the agent a moment belongs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from server.agents import Agent

_MIDNIGHT = dt.time(0, 0)
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ClockBounds:
    """How wrong a terminal's clock may be before its word about the day counts for nothing."""

    ahead: dt.timedelta = dt.timedelta(hours=1)
    behind: dt.timedelta = dt.timedelta(days=62)
    """Payments do come weeks late; a clock that lost its battery says 1970."""


USUAL_BOUNDS = ClockBounds()


def business_day(agent: Agent, moment: dt.datetime) -> dt.date:
    """The agent's day at `moment`: its local date, the next one from the cut-off on.

    A day never comes back: when clocks are set back over the cut-off, it has passed the first time.
    When they are set forward over it, it passes at that moment.
    """
    zone = ZoneInfo(agent.zone)
    local = moment.astimezone(zone)
    today, cut_off = local.date(), agent.cut_off
    tomorrow = today + _ONE_DAY
    if cut_off == _MIDNIGHT:
        is_over = moment >= dt.datetime.combine(tomorrow, _MIDNIGHT, zone).astimezone(dt.UTC)
    else:
        first = dt.datetime.combine(today, cut_off, zone).astimezone(dt.UTC)
        is_over = local.time() >= cut_off or moment >= first
    return tomorrow if is_over else today


def payment_day(
    agent: Agent, paid_at: dt.datetime, now: dt.datetime, bounds: ClockBounds = USUAL_BOUNDS
) -> dt.date:
    """The day of a payment: that of paid_at, or of its arrival if the terminal's clock is wrong."""
    is_plausible = now - bounds.behind <= paid_at <= now + bounds.ahead
    return business_day(agent, paid_at if is_plausible else now)
