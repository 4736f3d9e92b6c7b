"""Business days: to which day of the agent a moment belongs."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from server.agents import Agent

_CLOCK_AHEAD_MAX = dt.timedelta(hours=1)


def business_day(agent: Agent, moment: dt.datetime) -> dt.date:
    """The agent's day at `moment`: its local date, the next one from the cut-off on."""
    local = moment.astimezone(ZoneInfo(agent.zone))
    after_cut_off = agent.cut_off != dt.time(0, 0) and local.time() >= agent.cut_off
    return local.date() + dt.timedelta(days=1) if after_cut_off else local.date()


def payment_day(agent: Agent, paid_at: dt.datetime, now: dt.datetime) -> dt.date:
    """The day of a payment: that of paid_at, unless a terminal's clock runs ahead of ours."""
    return business_day(agent, now if paid_at > now + _CLOCK_AHEAD_MAX else paid_at)
