"""A connection to PostgreSQL: one of its own, or one lent by a pool."""

from __future__ import annotations

from typing import TypeAlias

import asyncpg

Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)
