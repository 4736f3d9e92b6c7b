"""A small town on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import redis.asyncio

from server.embedded import EmbeddedPostgres, EmbeddedValkey
from server.storage.migrate import migrate
from tests.lookup.world import World, settle

ACCOUNTS = 1000


@asynccontextmanager
async def _world(dsn: str, redis_url: str) -> AsyncIterator[World]:
    connection = await asyncpg.connect(dsn)
    client = redis.asyncio.Redis.from_url(redis_url)
    await settle(connection, ACCOUNTS)
    yield World(dsn, redis_url, connection, client)
    await client.aclose()
    connection.terminate()


@pytest.fixture
async def world(database_dsn: str, valkey_url: str) -> AsyncIterator[World]:
    """On the servers that all tests share."""
    async with _world(database_dsn, valkey_url) as world:
        yield world


@pytest.fixture
async def own_world(
    own_postgres: EmbeddedPostgres, own_valkey: EmbeddedValkey
) -> AsyncIterator[World]:
    """On servers that the test may stop."""
    await migrate(own_postgres.dsn)
    async with _world(own_postgres.dsn, own_valkey.url) as world:
        yield world
