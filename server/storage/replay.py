"""Signed messages that were seen: each may be used once while it is valid."""

from __future__ import annotations

import datetime as dt

import asyncpg


async def claim(pool: asyncpg.Pool[asyncpg.Record], key: str, expires: dt.datetime) -> bool:
    """Whether this is the first use of the key; forgets keys that expired."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("delete from ledger.replay_key where expires_at < now()")
        first = await connection.fetchval(
            "insert into ledger.replay_key (key, expires_at) values ($1, $2)"
            " on conflict do nothing returning true",
            key,
            expires,
        )
    return first is not None
