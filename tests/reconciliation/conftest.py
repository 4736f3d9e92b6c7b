"""A settled town: made once for tests on one connection, anew for tests that need several."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TypeAlias

import asyncpg
import pytest

from server.storage.connection import Connection
from tests.reconciliation.town import settle
from tests.servers import TestDatabases, run_now

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


@pytest.fixture(scope="session")
def town_dsn(databases: TestDatabases) -> Iterator[str]:
    """A settled town in which nothing is ever committed."""
    dsn = databases.make()
    run_now(_settle(dsn))
    yield dsn
    databases.drop(dsn)


@pytest.fixture
async def connection(town_dsn: str) -> AsyncIterator[Connection]:
    """In a transaction that is undone afterwards."""
    connection = await asyncpg.connect(town_dsn)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    """A town of the test's own."""
    await _settle(database_dsn)
    async with asyncpg.create_pool(database_dsn, min_size=1, max_size=4) as pool:
        yield pool


async def _settle(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await settle(connection)
    await connection.close()
