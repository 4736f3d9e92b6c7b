"""The fixtures that every other test stands on."""

import asyncpg
import pytest
import redis

from server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.servers import TestDatabases


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_each_test_gets_an_empty_migrated_database(database_dsn: str, turn: str) -> None:
    connection = await asyncpg.connect(database_dsn)
    try:
        assert await connection.fetchval("select to_regclass('public.schema_migrations')")
        await connection.execute(f"create table {turn}_was_here ()")
        tables = "select count(*) from pg_tables where tablename like '%_was_here'"
        assert await connection.fetchval(tables) == 1
    finally:
        await connection.close()


async def test_a_database_is_dropped_although_a_replication_slot_uses_it(
    databases: TestDatabases, postgres_server: EmbeddedPostgres
) -> None:
    dsn = databases.make()
    left_open = await asyncpg.connect(dsn)
    await left_open.fetch("select pg_create_logical_replication_slot('left', 'pgoutput')")
    databases.drop(dsn)
    left_open.terminate()
    admin = await asyncpg.connect(postgres_server.dsn)
    assert not await admin.fetchval(
        "select count(*) from pg_replication_slots where slot_name = 'left'"
    )
    name = dsn.rpartition("/")[2]
    assert not await admin.fetchval("select count(*) from pg_database where datname = $1", name)
    await admin.close()


@pytest.mark.parametrize("turn", ["first", "second"])
def test_each_test_gets_an_empty_valkey(valkey_url: str, turn: str) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        assert client.dbsize() == 0
        client.set(turn, "was here")


def test_an_own_server_may_be_killed(
    own_postgres: EmbeddedPostgres, own_valkey: EmbeddedValkey
) -> None:
    own_postgres.kill()
    own_valkey.kill()
    assert (own_postgres.pid, own_valkey.pid) == (None, None)
