"""Billing's one door: charges by plain INSERT, as the role that may do just that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from server.embedded import EmbeddedPostgres
from server.embedded.binaries import postgres_directories, version_of
from server.storage.accounts import account_view
from server.storage.migrate import migrate
from server.storage.proof import differences
from tests.storage.town import settle

INSERT = (
    "insert into billing.charges (account, service, period, amount_kopecks) values"
    " ($1, $2, $3::text::date, $4)"
)


@pytest.fixture
async def connection(database_dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(database_dsn)
    await settle(connection)
    yield connection
    await connection.close()


async def lane(connection: asyncpg.Connection[asyncpg.Record], account: str) -> tuple[object, ...]:
    row = await connection.fetchrow(
        "select version, services, charged from ledger.account_billed where account = $1", account
    )
    assert row is not None
    return tuple(row)


async def test_charges_add_up_by_service_and_raise_the_version_once_a_statement(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    await connection.execute(
        "insert into billing.charges (account, service, period, amount_kopecks) values"
        " ('1000001', 'heating', '2026-10-01', 100), ('1000001', 'water', '2026-10-01', 7),"
        " ('1000001', 'heating', '2026-11-01', 50), ('1000002', 'water', '2026-10-01', 9)"
    )
    assert await lane(connection, "1000001") == (2, [1, 2], [7, 150])
    assert await lane(connection, "1000002") == (2, [1], [9])
    await connection.execute(INSERT, "1000001", "water", "2026-11-01", -3)
    assert await lane(connection, "1000001") == (3, [1, 2], [4, 150])
    await connection.execute(INSERT, "1000002", "heating", "2026-11-01", 11)
    assert await lane(connection, "1000002") == (3, [1, 2], [9, 11])
    assert await differences(connection) == ()


@pytest.mark.parametrize(
    ("account", "service", "period", "said"),
    [
        ("nobody", "water", "2026-10-01", "unknown account nobody"),
        ("1000001", "sauna", "2026-10-01", "unknown service sauna"),
        ("1000001", "water", "2026-10-02", "charges_period_check"),
    ],
)
async def test_a_wrong_charge_fails_its_whole_statement_and_says_why(
    connection: asyncpg.Connection[asyncpg.Record],
    account: str,
    service: str,
    period: str,
    said: str,
) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=said):
        await connection.execute(
            "insert into billing.charges (account, service, period, amount_kopecks) values"
            " ('1000002', 'water', '2026-10-01', 9), ($1, $2, $3::text::date, 1)",
            account,
            service,
            period,
        )
    assert await lane(connection, "1000002") == (1, [], [])
    assert await connection.fetchval("select count(*) from billing.charges") == 0


async def test_the_billing_role_may_insert_and_nothing_else(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    await connection.execute("set role kvitok_billing")
    await connection.execute(
        "insert into billing.accounts (number, holder, address)"
        " values ('77', 'Новосёлова Анна', 'ул. Новая, д. 1, кв. 2')"
    )
    await connection.execute(INSERT, "77", "water", "2026-11-01", 100)
    for forbidden in (
        "update billing.charges set amount_kopecks = 0",
        "delete from billing.charges",
        "truncate billing.charges",
        "select * from ledger.payment",
        "update ledger.account_billed set version = 9",
        "insert into billing.charges_2026_11 (account) values ('77')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(forbidden)
    await connection.execute("reset role")
    view = await account_view(connection, "77")
    assert view is not None
    assert (view.debt.kopecks, view.holder) == (100, "Н*** А.")


async def test_two_runs_over_the_same_accounts_in_opposite_order_do_not_deadlock(
    connection: asyncpg.Connection[asyncpg.Record], database_dsn: str
) -> None:
    await connection.execute(
        "insert into billing.accounts (number, holder, address)"
        " select (2000000 + i)::text, 'Иванов Иван', 'д. 1' from generate_series(1, 2000) i"
    )
    run = (
        "insert into billing.charges (account, service, period, amount_kopecks)"
        " select (2000000 + i)::text, 'water', '2026-11-01', 1 from generate_series(1, 2000) i"
        " order by i {}"
    )
    others = [await asyncpg.connect(database_dsn) for _ in range(4)]
    for _ in range(5):
        await asyncio.gather(
            *(
                other.execute(run.format(way))
                for other, way in zip(others, ["asc", "desc"] * 2, strict=True)
            )
        )
    for other in others:
        await other.close()
    assert await lane(connection, "2000001") == (21, [1], [20])


async def test_partitions_hold_three_years_back_and_a_year_ahead(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    for months in (-36, 0, 13):
        for table in ("billing.charges", "ledger.payment", "ledger.payment_event"):
            name = await connection.fetchval(
                "select to_regclass($1 || to_char(current_date + make_interval(months => $2),"
                " '_YYYY_MM'))::text",
                table,
                months,
            )
            assert name is not None, (table, months)
    await connection.execute(INSERT, "1000001", "water", "2001-01-01", 5)
    assert await connection.fetchval("select count(*) from billing.charges_default") == 1


async def test_the_schema_works_on_the_oldest_postgresql_here(tmp_path: Path) -> None:
    binaries = min(postgres_directories(), key=lambda path: version_of(path / "postgres"))
    postgres = EmbeddedPostgres(tmp_path, settings={"fsync": "off"}, binaries=binaries)
    postgres.start()
    try:
        await migrate(postgres.dsn)
        connection = await asyncpg.connect(postgres.dsn)
        await settle(connection)
        await connection.execute(INSERT, "1000001", "water", "2026-11-01", 5)
        assert await lane(connection, "1000001") == (2, [1], [5])
        await connection.close()
    finally:
        postgres.stop()
