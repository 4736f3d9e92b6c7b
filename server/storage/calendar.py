"""The calendar of working days, loaded year by year."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from server.storage.connection import Connection


async def calendar_days(connection: Connection) -> dict[dt.date, bool]:
    """What the loaded calendars say: whether the day is a working one."""
    rows = await connection.fetch("select day, is_working from ledger.calendar_day order by day")
    return {row["day"]: row["is_working"] for row in rows}


async def load_year(
    connection: Connection, year: int, said: Mapping[dt.date, bool], source: str, actor: str
) -> None:
    """Replaces what was loaded for the year, with a row in the audit."""
    days = sorted(said)
    async with connection.transaction():
        await connection.execute(
            "delete from ledger.calendar_day where extract(year from day) = $1", year
        )
        await connection.execute(
            "insert into ledger.calendar_day (day, is_working, source)"
            " select day, is_working, $3 from unnest($1::date[], $2::boolean[]) u(day, is_working)",
            days,
            [said[day] for day in days],
            source,
        )
        await connection.execute(
            "insert into recon.audit (actor, action, subject, subject_id, reason, details)"
            " values ($1, 'load', 'calendar', $2, $3, jsonb_build_object('days', $4::integer))",
            actor,
            str(year),
            source,
            len(days),
        )
