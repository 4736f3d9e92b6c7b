"""The oldest PostgreSQL that we speak of: schema, posting, both phases, the janitor's steps."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from server.embedded import EmbeddedPostgres
from server.messages import Part, PaymentState
from server.money import Money
from server.payments.ports import Action, AfterClose, Move, Order, Result
from server.sealing import FileSealer
from server.storage.connection import open_pool
from server.storage.janitor import Janitor
from server.storage.janitor_steps import steps
from server.storage.ledger import PostgresLedger
from server.storage.migrate import migrate
from tests.servers import FAST_SETTINGS, short_directory
from tests.storage.conftest import proof
from tests.storage.town import settle

BINARIES = Path("/usr/lib/postgresql/15/bin")
AT = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
PARTS = (Part("water", Money(1000)), Part("heating", Money(500)))
PAY = Order("osmp", "1", "1000001", Money(5000), AT, AT.date(), parts=PARTS)


@pytest.fixture(scope="module")
def older_postgres() -> Iterator[EmbeddedPostgres]:
    if not (BINARIES / "postgres").exists():
        pytest.skip("no PostgreSQL 15 on this machine")
    with short_directory() as directory:
        server = EmbeddedPostgres(directory / "pg", settings=FAST_SETTINGS, binaries=BINARIES)
        server.start()
        yield server
        server.stop()


async def test_a_payment_lives_its_life_there_too(older_postgres: EmbeddedPostgres) -> None:
    dsn = older_postgres.dsn
    await migrate(dsn)
    async with open_pool(dsn, 4) as pool:
        async with pool.acquire() as connection:
            assert connection.get_server_version().major == 15
            await settle(connection)
        ledger = PostgresLedger(pool, {"water": 1, "heating": 2}, FileSealer(bytes(32)))
        hold = replace(PAY, agent_payment_id="held", valid_seconds=60)
        overdue = replace(PAY, agent_payment_id="overdue", valid_seconds=0)
        orders = [PAY, PAY, replace(PAY, amount=Money(1)), hold, overdue]
        results = await asyncio.gather(*map(ledger.post, orders))
        assert [each.result for each in results] == [
            Result.ACCEPTED,
            Result.REPEATED,
            Result.CONFLICT,
            Result.ACCEPTED,
            Result.ACCEPTED,
        ]
        async with pool.acquire() as connection:
            await Janitor(dsn, steps(pool), 1).round(connection)
        confirm = Move(Action.CONFIRM, "osmp", AT.date(), "held")
        assert (await ledger.move(confirm)).result is Result.ACCEPTED
        late = await ledger.move(replace(confirm, agent_payment_id="overdue"))
        assert late.result is Result.PAYMENT_CANCELLED
        # The janitor has been here, so there may be a day of today's too.
        await pool.execute(
            "update ledger.business_day set closed_at = now() where day = $1", AT.date()
        )
        cancel = Move(
            Action.CANCEL, "osmp", AT.date() + dt.timedelta(days=1), "1",
            after_close=AfterClose.PERSON,
        )  # fmt: skip
        assert (await ledger.move(cancel)).result is Result.FORBIDDEN
        reversed_ = await ledger.move(replace(cancel, action=Action.REVERSE))
        assert reversed_.payment is not None
        assert reversed_.payment.state is PaymentState.REVERSED
        assert await pool.fetchval("select count(*) from recon.mismatches") == 1
        await ledger.finish()
        assert await proof(pool) == ()
