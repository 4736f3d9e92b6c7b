"""A small town on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import redis.asyncio

from server.embedded import EmbeddedPostgres, EmbeddedValkey
from server.storage.migrate import migrate
from tests.lookup import cluster_town
from tests.lookup.valkey_cluster import ValkeyCluster, cluster
from tests.lookup.world import World, settle
from tests.servers import short_directory

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


@pytest.fixture
def valkeys() -> Iterator[ValkeyCluster]:
    """Three primaries."""
    with short_directory() as directory, cluster(directory) as running:
        yield running


@pytest.fixture
def replicated() -> Iterator[ValkeyCluster]:
    """Three primaries and a replica of each."""
    with short_directory() as directory, cluster(directory, replicas=True) as running:
        yield running


@asynccontextmanager
async def _town(dsn: str, url: str) -> AsyncIterator[World]:
    connection = await asyncpg.connect(dsn)
    await settle(connection, cluster_town.ACCOUNTS)
    yield World(dsn, url, connection, None)
    connection.terminate()


@pytest.fixture
async def town(database_dsn: str, valkeys: ValkeyCluster) -> AsyncIterator[World]:
    """A town on three primaries; nothing may ask its `redis`."""
    async with _town(database_dsn, valkeys.url) as town:
        yield town


@pytest.fixture
async def safe_town(database_dsn: str, replicated: ValkeyCluster) -> AsyncIterator[World]:
    """The same with replicas."""
    async with _town(database_dsn, replicated.url) as town:
        yield town
