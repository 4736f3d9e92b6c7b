"""Agents with what they did today; and pausing one."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping

import asyncpg

from server.reconciliation.overview import AgentEntry, AgentRow
from server.storage.agent_changes import set_paused
from server.storage.calendar import calendar_days
from server.storage.connection import Connection, lent
from server.storage.lost import lost_is_unknown

_ENTRIES_MAX = 50


class PostgresOverview:
    """Implements server.reconciliation.overview.Overview."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    @lost_is_unknown
    async def agents(self) -> tuple[AgentRow, ...]:
        """All of them, by title."""
        async with lent(self._pool) as connection:
            return await agent_rows(connection)

    @lost_is_unknown
    async def agent(self, name: str) -> AgentRow:
        """Raises LookupError."""
        async with lent(self._pool) as connection:
            return await agent_row(connection, name)

    @lost_is_unknown
    async def history(self, name: str) -> tuple[AgentEntry, ...]:
        """The newest first."""
        async with lent(self._pool) as connection:
            return await agent_history(connection, name)

    @lost_is_unknown
    async def pause(self, name: str, actor: str, reason: str, *, paused: bool) -> bool:
        """False = it was so before. Raises LookupError."""
        async with lent(self._pool) as connection:
            return await set_paused(connection, name, actor, reason, paused=paused)

    @lost_is_unknown
    async def calendar(self) -> Mapping[dt.date, bool]:
        """What the loaded calendars say."""
        async with lent(self._pool) as connection:
            return await calendar_days(connection)


async def agent_rows(connection: Connection, name: str | None = None) -> tuple[AgentRow, ...]:
    """All of them, or the one of this name."""
    return tuple(AgentRow(**row) for row in await connection.fetch(_ROWS, name))


async def agent_row(connection: Connection, name: str) -> AgentRow:
    """Raises LookupError."""
    found = await agent_rows(connection, name)
    if not found:
        raise LookupError(name)
    return found[0]


async def agent_history(connection: Connection, name: str) -> tuple[AgentEntry, ...]:
    """What was done to it, the newest first."""
    rows = await connection.fetch(_HISTORY, name, _ENTRIES_MAX)
    return tuple(AgentEntry(**{**row, "details": json.loads(row["details"])}) for row in rows)


# Of a business day that is going on nothing was recorded longer ago than two days.
_ROWS = """
select a.name, case a.title when '' then a.name else a.title end as title, a.protocol, a.zone,
       a.cut_off, a.settlement_days, a.amount_min_kopecks, a.amount_max_kopecks,
       a.account_day_max_kopecks, a.hour_max_kopecks, a.requests_per_second_max,
       a.unknown_accounts_per_minute_max, a.paused,
       case when a.paused then s.happened_at end as paused_since,
       case when a.paused then coalesce(s.actor, '') else '' end as paused_by,
       case when a.paused then coalesce(s.reason, '') else '' end as pause_reason,
       d.day as business_day, p.payments, p.taken_kopecks, coalesce(u.kopecks, 0) as hour_kopecks,
       p.last_payment_at, m.open_cases, m.open_suspicions
  from ledger.agents a
 cross join lateral (select (now() at time zone a.zone)::date
     + (a.cut_off <> '00:00' and (now() at time zone a.zone)::time >= a.cut_off)::integer as day) d
 cross join lateral (select count(*) as payments,
                            coalesce(sum(q.amount_kopecks), 0)::bigint as taken_kopecks,
                            max(q.recorded_at) as last_payment_at
     from ledger.payment q where q.agent = a.name and q.business_day = d.day
      and q.recorded_at > now() - interval '2 days') p
  left join lateral (select t.happened_at, t.actor, t.reason from recon.audit t
     where t.subject = 'agent' and t.subject_id = a.name and t.action = 'pause'
     order by t.id desc limit 1) s on true
  left join ledger.agent_use u on u.agent = a.name and u.account = ''
   and u.since = date_trunc('hour', now() at time zone 'UTC')
 cross join lateral (select count(*) as open_cases,
       count(*) filter (where c.kind in ('SAME_SUM_TWICE', 'FAST_TERMINAL')) as open_suspicions
     from recon.mismatches c where c.agent = a.name and c.state in ('open', 'assigned')) m
 where $1::text is null or a.name = $1
 order by lower(a.title), a.name
"""
_HISTORY = """
select happened_at, actor, action, reason, details from recon.audit
 where subject = 'agent' and subject_id = $1 order by id desc limit $2
"""
