"""Building a town: once, the same every time, all of it or nothing, and only where it may."""

from __future__ import annotations

import asyncio
import datetime as dt
from urllib.parse import urlsplit

import asyncpg
import pytest

from server.demo.agents import demo_agents
from server.demo.batch import Town, texts_of
from server.demo.periods import Year
from server.demo.town import NotEmpty, build_town
from server.embedded import EmbeddedPostgres
from server.storage.migrate import migrate
from server.storage.proof import default_partition_rows, differences
from tests.demo.towns import TODAY, contents, shape
from tests.servers import TestDatabases

FEW = 150


async def test_the_same_number_and_day_give_the_same_town(
    databases: TestDatabases, database_dsn: str, empty: asyncpg.Connection
) -> None:
    other_dsn = databases.make()
    other = await asyncpg.connect(other_dsn)
    await build_town(database_dsn, FEW, today=TODAY)
    await build_town(other_dsn, FEW, today=TODAY)
    assert await contents(empty) == await contents(other)
    await other.close()
    databases.drop(other_dsn)


def test_an_account_is_the_same_however_the_town_is_divided_into_batches() -> None:
    town = Town(1_000, Year.before(TODAY))
    whole = texts_of(town, range(300, 700))
    halves = zip(texts_of(town, range(300, 471)), texts_of(town, range(471, 700)), strict=True)
    assert whole == [first + second for first, second in halves]


async def test_processes_make_the_same_town_as_a_thread(
    databases: TestDatabases,
    database_dsn: str,
    empty: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await build_town(database_dsn, FEW, today=TODAY)
    by_thread = await contents(empty)
    other_dsn = databases.make()
    monkeypatch.setattr("server.demo.workshop._PROCESS_ACCOUNTS", FEW // 2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    await build_town(other_dsn, FEW, today=TODAY)
    other = await asyncpg.connect(other_dsn)
    assert await contents(other) == by_thread
    await other.close()
    databases.drop(other_dsn)


async def test_a_second_build_keeps_what_is_there(
    database_dsn: str, empty: asyncpg.Connection
) -> None:
    await build_town(database_dsn, FEW, today=TODAY)
    before = await contents(empty)
    await build_town(database_dsn, FEW * 2, today=TODAY + dt.timedelta(days=40))
    assert await contents(empty) == before


async def test_a_town_of_an_older_version_gains_the_agents_that_came_since(
    database_dsn: str, empty: asyncpg.Connection
) -> None:
    await build_town(database_dsn, FEW, today=TODAY)
    await empty.execute("delete from ledger.agents where name = 'kaspi'")
    await empty.execute("update ledger.agents set paused = true, title = 'Моё' where name = 'osmp'")
    await build_town(database_dsn, FEW, today=TODAY)
    rows = await empty.fetch("select name, title, paused from ledger.agents")
    agents = {row["name"]: (row["title"], row["paused"]) for row in rows}
    assert set(agents) == {agent.name for agent in demo_agents()}
    assert agents["osmp"] == ("Моё", True)


async def test_two_builders_at_once_build_one_town(
    database_dsn: str, empty: asyncpg.Connection
) -> None:
    await asyncio.gather(*(build_town(database_dsn, FEW, today=TODAY) for _ in range(2)))
    assert await empty.fetchval("select count(*) from billing.accounts") == FEW + 7
    assert await differences(empty) == ()


class Interrupted(Exception):
    """What a test throws into the middle of a build."""


@pytest.mark.parametrize("what", ["accounts", "finishing"])
async def test_an_interrupted_build_leaves_no_town_and_the_next_one_begins_anew(
    databases: TestDatabases, database_dsn: str, empty: asyncpg.Connection, what: str
) -> None:
    def interrupt(done: int, total: int, doing: str) -> None:
        if doing == what and done > total // 2:
            raise Interrupted

    fresh = await shape(empty)
    with pytest.raises(ExceptionGroup) as caught:
        await build_town(database_dsn, FEW, today=TODAY, progress=interrupt)
    assert caught.group_contains(Interrupted)
    assert await empty.fetchval("select count(*) from billing.accounts") == 0
    assert await empty.fetchval("select to_regclass('public.demo_town')") is None
    assert await shape(empty) >= fresh

    await build_town(database_dsn, FEW, today=TODAY)
    other_dsn = databases.make()
    await build_town(other_dsn, FEW, today=TODAY)
    other = await asyncpg.connect(other_dsn)
    assert await contents(empty) == await contents(other)
    await other.close()
    databases.drop(other_dsn)


async def test_a_build_cut_off_after_the_charges_were_committed_begins_anew(
    database_dsn: str, empty: asyncpg.Connection
) -> None:
    await build_town(database_dsn, FEW, today=TODAY)
    whole = await contents(empty)
    # As a crash between the two commits leaves it: charges and readings, and nothing else.
    await empty.execute(
        "set session_replication_role = replica; delete from ledger.account_billed;"
        " delete from ledger.account_paid; delete from ledger.payment; delete from billing.meters;"
        " delete from ledger.payment_event; delete from ledger.payment_key;"
        " delete from billing.accounts; delete from ledger.payment_amounts;"
        " delete from ledger.business_day; delete from billing.tariffs;"
        " delete from billing.services; delete from billing.suppliers; delete from billing.houses;"
        " delete from billing.management_companies; drop table public.demo_town;"
        " reset session_replication_role"
    )
    await build_town(database_dsn, FEW, today=TODAY)
    assert await contents(empty) == whole


async def test_a_cancelled_build_leaves_no_town(
    database_dsn: str, empty: asyncpg.Connection
) -> None:
    started = asyncio.Event()
    building = asyncio.create_task(
        build_town(database_dsn, 5_000, today=TODAY, progress=lambda *_: started.set())
    )
    await started.wait()
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert await empty.fetchval("select count(*) from billing.accounts") == 0
    assert await empty.fetchval("select count(*) from billing.charges") == 0


async def test_no_town_is_built_over_the_accounts_of_somebody_else(
    database_dsn: str, empty: asyncpg.Connection
) -> None:
    await empty.execute(
        "insert into billing.accounts (number, holder, address) values ('77', 'Живой Человек', '')"
    )
    with pytest.raises(NotEmpty):
        await build_town(database_dsn, FEW, today=TODAY)
    assert await empty.fetchval("select count(*) from billing.accounts") == 1


async def test_indexes_triggers_and_defaults_are_afterwards_as_they_were(
    database_dsn: str, empty: asyncpg.Connection
) -> None:
    await empty.execute("call ledger.maintain_partitions($1)", TODAY)
    before = await shape(empty)
    await build_town(database_dsn, FEW, today=TODAY)
    assert await shape(empty) == before


async def test_the_town_takes_charges_and_payments_as_any_ledger_does(
    database_dsn: str, empty: asyncpg.Connection
) -> None:
    await build_town(database_dsn, FEW, today=TODAY)
    highest = await empty.fetchval("select max(id) from billing.charges")
    await empty.execute(
        "insert into billing.charges (account, service, period, amount_kopecks)"
        " values ('9000004', 'heating', '2026-03-01', 700)"
    )
    assert await empty.fetchval("select max(id) from billing.charges") == highest + 1
    highest = await empty.fetchval("select last_value from ledger.payment_id")
    row = await empty.fetchrow(
        "select outcome, numbers[1] as payment_id from ledger.post_payments(false, array['osmp'],"
        " array['1'],"
        " array['9000004'], array[700], array[now()], array[$1::date], array['x'],"
        " array['{}'::jsonb]) where outcome <> 'lane'",
        TODAY,
    )
    assert row is not None
    assert (row["outcome"], row["payment_id"]) == ("accepted", highest + 1)
    assert await differences(empty) == ()
    versions = await empty.fetchval(
        "select array[b.version, p.version] from ledger.account_billed b"
        " join ledger.account_paid p using (account) where account = '9000004'"
    )
    assert versions == [2, 2]


@pytest.mark.parametrize(
    "today", [dt.date(2026, 3, 1), dt.date(2026, 1, 2), dt.date(2028, 2, 29), dt.date(2025, 12, 31)]
)
async def test_any_day_has_its_town(
    database_dsn: str, empty: asyncpg.Connection, today: dt.date
) -> None:
    await build_town(database_dsn, 60, today=today)
    assert await differences(empty) == ()
    latest = await empty.fetchval("select max(business_day) from ledger.payment")
    assert latest < today
    assert await empty.fetchval("select count(distinct period) from billing.charges") == 12
    assert await empty.fetchval("select max(period) from billing.charges") < today.replace(day=1)


async def test_a_town_of_no_ordinary_account_has_the_fixed_ones(
    database_dsn: str, empty: asyncpg.Connection
) -> None:
    await build_town(database_dsn, 0, today=TODAY)
    assert await empty.fetchval("select count(*) from billing.accounts") == 7
    assert await differences(empty) == ()


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_partitions_cut_in_a_far_time_zone_take_the_payments(
    postgres_server: EmbeddedPostgres, zone: str
) -> None:
    name = "far_" + zone.split("/")[1].lower()
    admin = await asyncpg.connect(postgres_server.dsn)
    await admin.execute(f"create database {name}")
    await admin.execute(f"alter database {name} set timezone to '{zone}'")
    dsn = urlsplit(postgres_server.dsn)._replace(path=f"/{name}").geturl()
    try:
        await migrate(dsn)
        await build_town(dsn, 200, today=TODAY)
        connection = await asyncpg.connect(dsn)
        assert set((await default_partition_rows(connection)).values()) == {0}
        await connection.close()
    finally:
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()
