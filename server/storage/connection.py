"""A connection to PostgreSQL: one of its own, or one lent by a pool."""

from __future__ import annotations

from typing import TypeAlias

import asyncpg

_UNANSWERED = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)


async def answers(pool: asyncpg.Pool[asyncpg.Record]) -> bool:
    """Whether PostgreSQL answers now."""
    try:
        return bool(await pool.fetchval("select true"))
    except _UNANSWERED:
        return False
