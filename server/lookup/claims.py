"""Replay keys: a signed request is taken once. Redis and PostgreSQL remember, each for the other.

Either is enough to say that a key was claimed before, and to take one while the other is away. So
a key that was claimed while one of them was away is not recognised if the other has forgotten it,
or is away itself, when the first is back.
"""

from __future__ import annotations

import asyncio
import datetime as dt

import asyncpg

from server.lookup.keeper import Sessions
from server.lookup.link import LinkLostError, RedisRefusedError, packed
from server.lookup.marks import REPLAY
from server.lookup.redirects import following
from server.refusals import Refusal, Refused
from server.storage.connection import UNANSWERED, lent

_REDIS_SECONDS = 0.15
_DATABASE_SECONDS = 2.0


class Claims:
    """See the module."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def claim(self, sessions: Sessions, key: str, expires: dt.datetime) -> bool:
        """False when the key was claimed before. Raises Refused(TRY_LATER)."""
        is_new = await self._claim_in_redis(sessions, key, expires)
        if is_new is False:
            return False
        try:
            return await self._claim_in_database(key, expires)
        except UNANSWERED as error:
            if is_new is None:
                raise Refused(Refusal.TRY_LATER, f"replay key: {error!r}") from error
            return True

    async def _claim_in_redis(
        self, sessions: Sessions, key: str, expires: dt.datetime
    ) -> bool | None:
        """None = Redis cannot tell."""
        until = int(expires.timestamp() * 1000)
        name = REPLAY + key.encode()
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                command = packed("SET", name, 1, "NX", "PXAT", until)
                return bool(await following(sessions, name, command))
        except (TimeoutError, LinkLostError, RedisRefusedError):
            return None

    async def _claim_in_database(self, key: str, expires: dt.datetime) -> bool:
        async with lent(self._pool, _DATABASE_SECONDS) as connection:
            status = await connection.execute(
                "insert into ledger.replay_key as known (key, expires_at) values ($1, $2)"
                " on conflict (key) do update set expires_at = excluded.expires_at"
                " where known.expires_at <= now()",
                key,
                expires,
            )
        return status.endswith(" 1")
