"""Copies both lanes of every account into Redis under a new epoch, while lookups go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg

from server.lookup.batch import KEYS_MAX
from server.lookup.copying import Row, copy_rows, halves
from server.lookup.marks import ACCOUNT
from server.lookup.mirror import Mirror
from server.lookup.snapshot import join


async def copy_accounts(
    dsn: str, mirror: Mirror, epoch: int, flawed: Callable[[str, ValueError], None]
) -> int:
    """Set, if newer, every account as it is now; then remove what is left of earlier epochs.

    Returns how many accounts there are. Raises OSError, asyncpg errors.
    """
    copied = 0

    async def take(rows: list[Row]) -> None:
        nonlocal copied
        for start in range(0, len(rows), KEYS_MAX):
            part = rows[start : start + KEYS_MAX]
            await mirror.merge({ACCOUNT + row[0]: _value(row, epoch, flawed) for row in part})
            await asyncio.sleep(0)  # the feed and the beat have their turn
        copied += len(rows)

    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await copy_rows(connection, take)
        await mirror.settle()
        await mirror.sweep(epoch)
    finally:
        connection.terminate()
    return copied


def _value(row: Row, epoch: int, flawed: Callable[[str, ValueError], None]) -> bytes:
    try:
        _, billed_version, billed, paid_version, paid = halves(row)
        return join(epoch, billed_version, billed, paid_version, paid)
    except ValueError as error:
        flawed(row[0].decode(), error)
        return join(epoch, 1, b"", 1, b"")


async def remove_deleted(dsn: str, mirror: Mirror, keys: set[bytes], epoch: int) -> None:
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
        await mirror.delete(tuple(gone), epoch)
        await mirror.settle()
