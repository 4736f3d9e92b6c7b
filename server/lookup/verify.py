"""Compares what Redis holds with PostgreSQL, account by account."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing

import asyncpg

from server.lookup.copying import Row, copy_rows, halves
from server.lookup.fleet import Fleet
from server.lookup.lanes import BILLED
from server.lookup.marks import ACCOUNT, OURS
from server.lookup.packing import SnapshotError
from server.lookup.place import Place
from server.lookup.slot import Connection, current_lsn
from server.lookup.snapshot import split

_ROWS_MAX = 1000
_LOOKS = 3
_PATIENCE_SECONDS = 3.0
_POLL_SECONDS = 0.1


async def verify(dsn: str, redis_url: str) -> dict[str, int]:
    """How many accounts there are, and how many are missing, stale or too many in Redis.

    What differs is looked at again when the sync has caught up, so that changes on their way are
    not counted. Raises OSError, asyncpg errors.
    """
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        async with aclosing(await Fleet.open(Place.from_url(redis_url))) as fleet:
            comparison = _Comparison(connection, fleet)
            await comparison.compare_all()
            await comparison.settle()
            return {
                "accounts": comparison.accounts,
                "missing": len(comparison.missing),
                "stale": len(comparison.stale),
                "extra": await comparison.count_extra(),
            }
    finally:
        connection.terminate()


class _Comparison:
    def __init__(self, connection: Connection, fleet: Fleet) -> None:
        self._connection = connection
        self._fleet = fleet
        self._epoch = 0
        self.accounts = 0
        self.missing: set[bytes] = set()
        self.stale: set[bytes] = set()

    async def settle(self) -> None:
        """Give what is on its way time to arrive."""
        for _ in range(_LOOKS):
            if self.missing or self.stale:
                await self.wait_for_sync()
                await self.compare_again()

    async def compare_all(self) -> None:
        self._epoch = await self._read_epoch()
        await copy_rows(self._connection, self._take)

    async def _read_epoch(self) -> int:
        return int(await self._connection.fetchval("select epoch from ledger.epoch"))

    async def _take(self, rows: list[Row]) -> None:
        self.accounts += len(rows)
        for start in range(0, len(rows), _ROWS_MAX):
            await self._compare(rows[start : start + _ROWS_MAX])

    async def _compare(self, rows: Sequence[Row]) -> None:
        values = await self._fleet.values([ACCOUNT + row[0] for row in rows])
        for row, value in zip(rows, values, strict=True):
            if value is None:
                self.missing.add(row[0])
            elif not _is_equal(row, value, self._epoch):
                self.stale.add(row[0])

    async def wait_for_sync(self) -> None:
        """Until everything committed by now is applied, or nothing moves any more."""
        target = await current_lsn(self._connection)
        position = -1
        patient_until = 0.0
        while True:
            applied = await self._applied()
            if applied is None or applied >= target:
                await asyncio.sleep(_POLL_SECONDS)
                return
            if applied != position:
                position, patient_until = applied, time.monotonic() + _PATIENCE_SECONDS
            if time.monotonic() > patient_until:
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _applied(self) -> int | None:
        """How far the last of the nodes is; None = one does not say."""
        marks = [(await mirror.marks()).applied for mirror in self._fleet.mirrors.values()]
        return None if None in marks else min(mark.lsn for mark in marks if mark)

    async def compare_again(self) -> None:
        accounts = [account.decode() for account in self.missing | self.stale]
        self.missing.clear()
        self.stale.clear()
        self._epoch = await self._read_epoch()
        for start in range(0, len(accounts), _ROWS_MAX):
            part = accounts[start : start + _ROWS_MAX]
            await copy_rows(self._connection, self._compare, part)

    async def count_extra(self) -> int:
        """Keys of nobody: neither an account's nor ours."""
        strangers: set[bytes] = set()
        accounts = 0
        async for keys in self._fleet.scan(b"*"):
            for key in keys:
                if not key.startswith(ACCOUNT):
                    strangers.add(key)
                elif not key.startswith(OURS):
                    accounts += 1
        strangers = {key for key in strangers if not key.startswith(OURS)}
        if accounts == self.accounts - len(self.missing):
            return len(strangers)
        return len(strangers | await self._unknown_accounts())

    async def _unknown_accounts(self) -> set[bytes]:
        unknown: set[bytes] = set()
        async for keys in self._fleet.scan(ACCOUNT + b"*"):
            accounts = {key for key in keys if not key.startswith(OURS)}
            unknown |= accounts - await self._existing(accounts)
        return unknown

    async def _existing(self, keys: set[bytes]) -> set[bytes]:
        numbers = [key[len(ACCOUNT) :].decode("utf-8", "replace") for key in keys]
        found = await self._connection.fetch(
            f"select account from {BILLED} where account = any($1)",
            [number for number in numbers if "\0" not in number],
        )
        return {ACCOUNT + row["account"].encode() for row in found}


def _is_equal(row: Row, value: bytes, epoch: int) -> bool:
    try:
        _, *lanes = halves(row)
        stands_epoch, *stands = split(value)
    except SnapshotError:
        return False
    return stands_epoch >= epoch and stands == lanes
