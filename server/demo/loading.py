"""How rows come in fast: COPY FREEZE into emptied tables without indexes, in one transaction.

An interrupted load is rolled back as a whole: there is nothing to clean up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

import asyncpg

from server.demo.indexes import drop_indexes
from server.demo.rows import Target

_CHUNK_BYTES = 1 << 20

Texts = Mapping[Target, bytes]
"""COPY texts by where they go; a load takes those for its own targets."""


class Steps(Protocol):
    """Who wants to know how far the work after the rows is: indexes and statistics."""

    def expect(self, count: int) -> None:
        """So many steps more are to be done."""
        ...

    def done(self) -> None:
        """One is done."""
        ...


class Load:
    """Fills some tables within the connection's transaction.

    `constants`: columns that are the same in all rows of a target. `kept`: targets that are filled
    but not emptied first, because foreign keys point at them.
    """

    def __init__(
        self,
        connection: asyncpg.Connection[asyncpg.Record],
        targets: Sequence[Target],
        steps: Steps,
        *,
        constants: Sequence[tuple[Target, str, str]] = (),
        kept: Sequence[Target] = (),
    ) -> None:
        self._connection = connection
        self._targets = targets
        self._steps = steps
        self._constants = constants
        self._kept = kept
        self.batches: asyncio.Queue[Texts | None] = asyncio.Queue(maxsize=1)
        """What to load; None ends it."""

    async def run(self) -> None:
        """Load what comes through `batches`, then make indexes and statistics."""
        tables = sorted({target.parent for target in self._targets})
        indexes = await drop_indexes(self._connection, tables)
        self._steps.expect(len(indexes) + len(tables))
        await self._empty()
        async with AsyncExitStack() as stack:
            for constant in self._constants:
                await stack.enter_async_context(_column_default(self._connection, *constant))
            while (texts := await self.batches.get()) is not None:
                await self._copy(texts)
        for command in (*(index.create for index in indexes), *map("analyze {}".format, tables)):
            await self._connection.execute(command)
            self._steps.done()

    async def _empty(self) -> None:
        names = [
            f"{target.schema}.{target.relation}"
            for target in self._targets
            if target not in self._kept
        ]
        await self._connection.execute(f"truncate {', '.join(names)}")

    async def _copy(self, texts: Texts) -> None:
        for target in self._targets:
            if text := texts[target]:
                await self._connection.copy_to_table(
                    target.relation,
                    source=_chunks(text),
                    columns=target.columns,
                    schema_name=target.schema,
                    format="text",
                    freeze=target not in self._kept,
                )


async def quicken(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """For this transaction: no triggers (the load writes the lanes itself, and may TRUNCATE
    append-only tables), memory for sorting, rough statistics. Needs a superuser.
    """
    await connection.execute(
        "set local session_replication_role = replica;"
        " set local maintenance_work_mem = '256MB';"
        " set local default_statistics_target = 20"
    )


async def _chunks(text: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(text), _CHUNK_BYTES):
        yield text[start : start + _CHUNK_BYTES]


@asynccontextmanager
async def _column_default(
    connection: asyncpg.Connection[asyncpg.Record], target: Target, column: str, value: str
) -> AsyncIterator[None]:
    """Give a partition's column a default for a while: what COPY need not read is free."""
    table = f"{target.schema}.{target.relation}"
    usual = await connection.fetchval(
        "select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d join pg_attribute a"
        " on a.attrelid = d.adrelid and a.attnum = d.adnum"
        " where d.adrelid = $1::text::regclass and a.attname = $2",
        table,
        column,
    )
    set_default = f"alter table {table} alter column {column} set default"
    await connection.execute(f"{set_default} '{value}'")
    yield
    await connection.execute(f"{set_default} {usual}")


@asynccontextmanager
async def numbered_from_one(
    connection: asyncpg.Connection[asyncpg.Record], table: str, column: str
) -> AsyncIterator[None]:
    """Deal out an identity column from 1, many numbers at a time; then one by one, as it was.

    An aborted load leaves the sequence where it was: the numbers must not depend on that.
    """
    sequence = await connection.fetchval("select pg_get_serial_sequence($1, $2)", table, column)
    await connection.execute(f"alter sequence {sequence} restart with 1 cache 10000")
    yield
    last = await connection.fetchval("select currval($1::text::regclass)", sequence)
    await connection.execute(f"alter sequence {sequence} cache 1")
    await connection.execute("select setval($1::text::regclass, $2)", sequence, last)
