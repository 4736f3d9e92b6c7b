"""Copies both lanes of accounts into Redis, while lookups go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Set

import asyncpg

from server.lookup.batch import KEYS_MAX
from server.lookup.copying import Row, copy_rows, halves
from server.lookup.fleet import Fleet
from server.lookup.marks import ACCOUNT
from server.lookup.slots import SLOTS, slot_of
from server.lookup.snapshot import join

Flawed = Callable[[str, ValueError], None]


async def copy_accounts(dsn: str, fleet: Fleet, epoch: int, slots: Set[int], flawed: Flawed) -> int:
    """Set, if newer, every account of the slots as it is now.

    Returns how many accounts there are. Raises OSError, asyncpg errors.
    """
    copied = 0
    waiting: list[Row] = []
    wanted = None if len(slots) == SLOTS else bytearray(slot in slots for slot in range(SLOTS))

    async def send(rows: list[Row]) -> None:
        await fleet.merge({ACCOUNT + row[0]: _value(row, epoch, flawed) for row in rows})
        await asyncio.sleep(0)  # the feed and the beat have their turn

    async def take(rows: list[Row]) -> None:
        """A busy PostgreSQL gives a few at a time; a call of the script for each would be dear."""
        nonlocal copied, waiting
        if wanted is not None:
            rows = [row for row in rows if wanted[slot_of(ACCOUNT + row[0])]]
        copied += len(rows)
        waiting += rows
        whole = len(waiting) - len(waiting) % KEYS_MAX
        for start in range(0, whole, KEYS_MAX):
            await send(waiting[start : start + KEYS_MAX])
        waiting = waiting[whole:]

    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await copy_rows(connection, take)
        if waiting:
            await send(waiting)
        await fleet.settle()
    finally:
        connection.terminate()
    return copied


def _value(row: Row, epoch: int, flawed: Flawed) -> bytes:
    try:
        _, billed_version, billed, paid_version, paid = halves(row)
        return join(epoch, billed_version, billed, paid_version, paid)
    except ValueError as error:
        flawed(row[0].decode(), error)
        return join(epoch, 1, b"", 1, b"")


async def remove_deleted(dsn: str, fleet: Fleet, keys: set[bytes], epoch: int) -> None:
    """Take back accounts that were deleted while the copy ran and may have been copied still."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        rows = await connection.fetch(
            "select account from ledger.account_billed where account = any($1)",
            [key[len(ACCOUNT) :].decode() for key in keys],
        )
    finally:
        connection.terminate()
    gone = keys - {ACCOUNT + row["account"].encode() for row in rows}
    if gone:
        await fleet.delete(tuple(gone), epoch)
        await fleet.settle()
