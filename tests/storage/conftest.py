"""A ledger in a hamlet, on a database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeAlias

import asyncpg
import pytest

from server.sealing import FileSealer
from server.storage.connection import open_pool
from server.storage.ledger import PostgresLedger
from server.storage.proof import differences
from tests.storage.town import settle

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    async with open_pool(database_dsn, 10) as pool:
        async with pool.acquire() as connection:
            await settle(connection)
        yield pool


@pytest.fixture
async def ledger(pool: Pool) -> AsyncIterator[PostgresLedger]:
    ledger = PostgresLedger(pool, {"water": 1, "heating": 2}, FileSealer(bytes(32)))
    yield ledger
    await ledger.finish()


async def proof(pool: Pool) -> tuple[object, ...]:
    """Where lanes differ from their entries; empty when the ledger is whole."""
    async with pool.acquire() as connection:
        return await differences(connection)
