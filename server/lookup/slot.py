"""The replication slot and the epoch, as SQL."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from server.lookup.snapshot import Catalogue

SLOT = "kvitok_sync"
REQUESTS = "kvitok_sync"
"""Channel on which a rebuild is asked for."""

_WRITERS_SECONDS = 5.0
_POLL_SECONDS = 0.01
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class Position:
    """Where PostgreSQL and the slot stand."""

    confirmed_lsn: int
    current_lsn: int
    system: str
    """System identifier and timeline."""
    epoch: int


async def ensure_slot(connection: Connection, slot: str) -> None:
    """Create the slot when it is missing or no longer usable."""
    state = await connection.fetchval(
        "select case when wal_status = 'lost' or to_jsonb(s) ->> 'invalidation_reason' <> ''"
        " then 'lost' else 'usable' end from pg_replication_slots s where slot_name = $1",
        slot,
    )
    if state == "usable":
        return
    if state == "lost":
        await connection.execute("select pg_drop_replication_slot($1)", slot)
    try:
        await connection.execute("select pg_create_logical_replication_slot($1, 'pgoutput')", slot)
    except asyncpg.DuplicateObjectError:
        return  # another server was quicker


async def is_held(connection: Connection, slot: str) -> bool:
    """Whether somebody reads the slot."""
    return bool(
        await connection.fetchval(
            "select active from pg_replication_slots where slot_name = $1", slot
        )
    )


async def position(connection: Connection, slot: str) -> Position:
    """Raises asyncpg.PostgresError."""
    row = await connection.fetchrow(
        "select confirmed_flush_lsn - '0/0' as confirmed, pg_current_wal_lsn() - '0/0' as current,"
        " c.system_identifier, to_hex(('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))"
        "::bit(32)::bigint) as timeline, e.epoch"
        " from pg_replication_slots, pg_control_system() c, ledger.epoch e where slot_name = $1",
        slot,
    )
    if row is None:
        raise asyncpg.UndefinedObjectError(f"replication slot {slot} is gone")
    return Position(
        int(row["confirmed"]),
        int(row["current"]),
        f"{row['system_identifier']}/{row['timeline']}",
        row["epoch"],
    )


async def current_lsn(connection: Connection) -> int:
    """Everything committed so far stands before it."""
    return int(await connection.fetchval("select pg_current_wal_insert_lsn() - '0/0'"))


class Source:
    """What a leader asks PostgreSQL for, one statement at a time. Raises asyncpg errors."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._one_at_a_time = asyncio.Lock()

    async def raise_epoch(self, above: int) -> int:
        """The new epoch, higher than `above` and than any before."""
        async with self._one_at_a_time:
            return int(
                await self._connection.fetchval(
                    "update ledger.epoch set epoch = greatest(epoch, $1) + 1 returning epoch", above
                )
            )

    async def fence(self) -> int:
        """A position before which whatever is committed is in every snapshot from now on; 0 = none.

        Until whoever was writing has committed, unless somebody takes very long. A payment that
        read the epoch before it was raised, and commits behind a copy's snapshot, would be written
        through as of old and then overwritten by the copy. And who waits for a standby stands in
        the WAL, but in no snapshot yet.
        """
        position = await self._insert_lsn()
        return position if await self._outlive_writers() else 0

    async def _insert_lsn(self) -> int:
        async with self._one_at_a_time:
            return await current_lsn(self._connection)

    async def _outlive_writers(self) -> bool:
        until = time.monotonic() + _WRITERS_SECONDS
        async with self._one_at_a_time:
            horizon = await self._connection.fetchval(
                "select pg_snapshot_xmax(pg_current_snapshot())::text"
            )
            while True:
                is_past = await self._connection.fetchval(
                    "select pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8", horizon
                )
                if is_past or time.monotonic() > until:
                    return bool(is_past)
                await asyncio.sleep(_POLL_SECONDS)

    async def services(self) -> Catalogue:
        """The catalogue of services."""
        async with self._one_at_a_time:
            rows = await self._connection.fetch("select id, code, name, unit from billing.services")
        return {row["id"]: (row["code"], row["name"], row["unit"]) for row in rows}
