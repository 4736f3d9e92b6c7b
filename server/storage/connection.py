"""Connections to PostgreSQL: how they are opened, and lent for a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

UNANSWERED = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)
CALL_SECONDS = 10.0
"""Whoever waits longer for the ledger is told to try later."""
_PROBE_SECONDS = 1.0

SESSION: Mapping[str, str] = {
    # An answer means that it is on disk, whatever the server's default is.
    "synchronous_commit": "on",
    # A server notices within half a minute that we are gone, and lets our locks go.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "60s",
}


def open_pool(dsn: str, connections_max: int) -> asyncpg.Pool[asyncpg.Record]:
    """A pool that connects when it is used, so it can be made while PostgreSQL is away."""
    return asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=connections_max,
        timeout=CALL_SECONDS,
        server_settings=dict(SESSION),
        connection_class=_Session,
    )


if TYPE_CHECKING:
    _Plain = asyncpg.Connection[asyncpg.Record]
else:  # the parameter is of asyncpg's stubs only
    _Plain = asyncpg.Connection


class _Session(_Plain):
    """A connection that knows whether it has been used before."""

    _has_kept_epoch = False

    async def keep_epoch(self) -> None:
        """Before anything is written after a failover: its lanes have an epoch of their own."""
        if not self._has_kept_epoch:
            # An older schema has none.
            with suppress(asyncpg.UndefinedFunctionError, asyncpg.InvalidSchemaNameError):
                await self.execute("select ledger.keep_epoch()")
            self._has_kept_epoch = True


async def keep_epoch(connection: Connection) -> None:
    """To be called with a connection of a pool before it is used; ends one that does not answer."""
    keep = getattr(connection, "keep_epoch", None)
    if keep is None:  # of a pool that is not `open_pool`'s, by a test or a tool
        return
    timer = asyncio.get_running_loop().call_later(CALL_SECONDS, throw_away, connection)
    try:
        await keep()
    finally:
        timer.cancel()


@asynccontextmanager
async def lent(
    pool: asyncpg.Pool[asyncpg.Record], seconds: float = CALL_SECONDS
) -> AsyncIterator[Connection]:
    """A connection of the pool's, for `seconds` at most. Raises TimeoutError.

    A session that did not answer in time is thrown away: to ask it to cancel might take for ever.
    So it ends by a timer of its own and not by an asyncio.timeout, which fires but once: what a
    cancelled statement leaves behind, be it the rollback of a transaction or the pool's own
    release, waits until the server confirms the cancellation.
    """
    clock = asyncio.get_running_loop()
    until = clock.time() + seconds
    async with pool.acquire(timeout=seconds) as connection:
        end = _End(connection)
        timer = clock.call_at(until, end)
        try:
            await keep_epoch(connection)
            yield connection
        except UNANSWERED as error:
            if end.has_come:
                raise TimeoutError(f"no answer within {seconds} s") from error
            if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
                throw_away(connection)  # it is a primary no longer
            raise
        except asyncio.CancelledError:
            throw_away(connection)
            raise
        finally:
            timer.cancel()


class _End:
    """Ends a session when it is called."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.has_come = False

    def __call__(self) -> None:
        self.has_come = True
        throw_away(self._connection)


def throw_away(connection: Connection) -> None:
    """End a session that is no longer trusted, without waiting for it; it may be gone already."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


async def answers(pool: asyncpg.Pool[asyncpg.Record]) -> bool:
    """Whether PostgreSQL answers now."""
    try:
        async with lent(pool, _PROBE_SECONDS) as connection:
            return bool(await connection.fetchval("select true"))
    except UNANSWERED:
        return False
