"""A town of two thousand accounts that the tests of this folder look at and do not change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from server.demo.town import build_town
from tests.demo.towns import ACCOUNTS, TODAY
from tests.servers import TestDatabases, run_now


@pytest.fixture(scope="session")
def town_dsn(databases: TestDatabases) -> Iterator[str]:
    dsn = databases.make()
    run_now(build_town(dsn, ACCOUNTS, today=TODAY))
    yield dsn
    databases.drop(dsn)


@pytest.fixture
async def town(town_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection in a transaction that is rolled back."""
    connection = await asyncpg.connect(town_dsn)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


@pytest.fixture
async def empty(database_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the migrated database of `database_dsn`."""
    connection = await asyncpg.connect(database_dsn)
    yield connection
    await asyncio.wait_for(connection.close(), 10)
