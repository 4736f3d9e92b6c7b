"""The JSON of the agents' page. Sums are whole kopecks; a limit of 0 is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from server.api.office_shapes import Person, Reason


class Pause(msgspec.Struct, frozen=True):
    """Why new payments are not taken for a while."""

    reason: Reason


class Resume(msgspec.Struct, frozen=True):
    """The end of a pause; a reason may be given."""

    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class AgentLimits(msgspec.Struct, frozen=True):
    """What the agent may take, and how fast it may ask."""

    amount_min_kopecks: int
    amount_max_kopecks: int
    account_day_max_kopecks: int
    hour_max_kopecks: int
    requests_per_second_max: int
    unknown_accounts_per_minute_max: int


class AgentShown(msgspec.Struct, frozen=True):
    """An agent on its business day, whose money is due on `settlement_day`."""

    agent: str
    title: str
    protocol: str
    zone: str
    cut_off: str
    """HH:MM on its clock: from then on it is the next business day; 00:00 = midnight."""
    paused: bool
    paused_since: dt.datetime | None
    paused_by: Person | None
    pause_reason: str
    business_day: dt.date
    settlement_day: dt.date
    payments: int
    taken_kopecks: int
    hour_kopecks: int
    """In this hour of the clock (UTC); counted only where there is a limit."""
    last_payment_at: dt.datetime | None
    """On the agent's clock."""
    open_cases: int
    open_suspicions: int
    limits: AgentLimits


class AgentList(msgspec.Struct, frozen=True):
    """All agents, by title, with what they took together."""

    agents: list[AgentShown]
    payments: int
    total_kopecks: int


class AgentEntryShown(msgspec.Struct, frozen=True):
    """Something that somebody did to the agent."""

    happened_at: dt.datetime
    by: Person
    action: str
    reason: str
    details: Mapping[str, Any]


class AgentDetail(msgspec.Struct, frozen=True):
    """An agent and the last things that were done to it, the newest first."""

    agent: AgentShown
    history: list[AgentEntryShown]
