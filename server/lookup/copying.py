"""Rows of COPY … (FORMAT BINARY), and the query that copies both lanes of every account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from struct import Struct
from struct import error as StructError

import asyncpg

from server.lookup.lanes import BILLED_COLUMNS, PAID_COLUMNS, billed_from, paid_from

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEAD_BYTES = len(_SIGNATURE) + 8
_SHORT = Struct(">h")
_INT = Struct(">i")
_BILLED_COUNT = len(BILLED_COLUMNS)

Row = list[bytes]
Halves = tuple[bytes, int, bytes, int, bytes]
"""Account, billed version and half, paid version and half."""

BOTH_LANES = (
    "select "
    + ", ".join(f"b.{column}" for column in BILLED_COLUMNS)
    + "".join(f", p.{column}" for column in PAID_COLUMNS[1:])
    + " from ledger.account_billed b join ledger.account_paid p on p.account = b.account"
)
"""A row per account; add a condition or nothing."""


class CopyReader:
    """Cuts the bytes of a binary COPY into rows."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_past_head = False

    def rows(self, data: bytes) -> list[Row]:
        """The rows that are complete now. NULLs are not expected."""
        data = self._rest + data
        at = 0
        if not self._is_past_head:
            if len(data) < _HEAD_BYTES:
                self._rest = data
                return []
            at = _HEAD_BYTES
            self._is_past_head = True
        rows: list[Row] = []
        length_at = _INT.unpack_from
        since = at
        try:
            while (count := _SHORT.unpack_from(data, at)[0]) > 0:
                at += 2
                fields: Row = []
                for _ in range(count):
                    (length,) = length_at(data, at)
                    at += 4 + length
                    fields.append(data[at - length : at])
                if at > len(data):
                    break
                rows.append(fields)
                since = at
        except StructError:
            pass  # the rest has not come yet
        self._rest = data[since:]
        return rows


def halves(row: Row) -> Halves:
    """A row of BOTH_LANES. Raises ValueError when it cannot be packed."""
    billed_version, billed = billed_from(row[1:_BILLED_COUNT])
    paid_version, paid = paid_from(row[_BILLED_COUNT:])
    return row[0], billed_version, billed, paid_version, paid


async def copy_rows(
    connection: asyncpg.Connection[asyncpg.Record],
    take: Callable[[list[Row]], Awaitable[None]],
    accounts: Sequence[str] | None = None,
) -> None:
    """Read every account, or some, in one snapshot; `take` gets the rows chunk by chunk."""
    reader = CopyReader()

    async def output(data: bytes) -> None:
        rows = reader.rows(data)
        if rows:
            await take(rows)

    query = BOTH_LANES
    arguments: tuple[Sequence[str], ...] = ()
    if accounts is not None:
        query, arguments = f"{BOTH_LANES} where b.account = any($1)", (accounts,)
    # No transaction block: when `take` fails inside the copy, nothing can be said on the
    # connection any more, and an attempt to roll back would hide the failure.
    await connection.execute("begin isolation level repeatable read read only")
    await connection.execute("set local work_mem = '64MB'")
    await connection.copy_from_query(query, *arguments, output=output, format="binary")
    await connection.execute("commit")
