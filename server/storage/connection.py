"""A connection to PostgreSQL: one of its own, or one lent by a pool."""

from __future__ import annotations

from typing import TypeAlias

import asyncpg

Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)


async def answers(pool: asyncpg.Pool[asyncpg.Record]) -> bool:
    """Whether PostgreSQL answers now."""
    try:
        return bool(await pool.fetchval("select true"))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
