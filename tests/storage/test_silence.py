"""A PostgreSQL that hangs after log-in: every call ends in time and gives its connection back."""

from __future__ import annotations

import ast
import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

import server.storage.connection
from server.payments.ports import OutcomeUnknown
from server.storage.agents import change_secret
from server.storage.connection import Connection, answers, lent, open_pool
from server.storage.janitor import Janitor, Step
from server.storage.lost import LOST
from server.storage.mismatches import PostgresCases
from server.storage.staff import StaffBook
from server.storage.workbench import PostgresWorkbench
from tests.silent_postgres import SilentPostgres, silent_postgres
from tests.storage.conftest import Pool

SERVER = Path(server.storage.connection.__file__).parents[1]
SHORT = 0.2
FOR_EVER = 20
"""A call that took as long would take for ever."""


@pytest.fixture(params=[False, True], ids=["cancel waits", "cancel is hung up on"])
async def silent(request: pytest.FixtureRequest) -> AsyncIterator[SilentPostgres]:
    async with silent_postgres(hangs_up=request.param) as silent:
        yield silent


@pytest.fixture
async def pool(silent: SilentPostgres) -> AsyncIterator[Pool]:
    pool = await open_pool(silent.dsn, 2)
    yield pool
    pool.terminate()


def free(pool: Pool) -> int:
    """How many connections can be lent now."""
    return pool._queue.qsize()  # type: ignore[attr-defined]


async def test_what_is_lent_comes_back(pool: Pool) -> None:
    async with asyncio.timeout(FOR_EVER):
        with pytest.raises(TimeoutError):
            async with lent(pool, SHORT) as connection:
                await connection.fetch("select true")
        with pytest.raises(TimeoutError):
            async with lent(pool, SHORT) as connection, connection.transaction():
                await connection.fetch("select true")
    assert free(pool) == 2


async def test_whoever_is_cancelled_does_not_wait_for_the_server(
    silent: SilentPostgres, pool: Pool
) -> None:
    async def ask() -> None:
        async with lent(pool, 60) as connection:
            await connection.fetch("select true")

    task = asyncio.create_task(ask())
    async with asyncio.timeout(FOR_EVER):
        await silent.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert free(pool) == 2


async def test_what_fails_in_time_fails_as_it_is(database_dsn: str) -> None:
    async with open_pool(database_dsn, 1) as pool:
        with pytest.raises(LookupError):
            async with lent(pool):
                raise LookupError
        with pytest.raises(Exception, match="division by zero"):
            async with lent(pool) as connection:
                await connection.fetch("select 1 / 0")


async def test_readiness_is_told(pool: Pool) -> None:
    async with asyncio.timeout(FOR_EVER):
        assert not await answers(pool)
    assert free(pool) == 2


async def test_a_probe_that_gives_up_sooner_is_told_as_well(pool: Pool) -> None:
    async with asyncio.timeout(FOR_EVER):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT):
                await answers(pool)
    assert free(pool) == 2


async def test_the_office_is_answered(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lent.__wrapped__, "__defaults__", (SHORT,))  # type: ignore[attr-defined]
    now = dt.datetime.now(dt.UTC)
    async with asyncio.timeout(FOR_EVER):
        for call in (
            lambda: StaffBook(pool).credentials("anna"),
            lambda: StaffBook(pool).open_session("anna", "", b"", now, now),
            lambda: PostgresWorkbench(pool).agents(),
            lambda: PostgresCases(pool).case(1),
        ):
            with pytest.raises(OutcomeUnknown):
                await call()
        with pytest.raises(TimeoutError):
            await change_secret(pool, _NoSealer(), "paynet", "password", "second")
    assert free(pool) == 2


class _NoSealer:
    def seal(self, plain: bytes) -> bytes:
        raise AssertionError("nothing was read")

    unseal = seal


def test_nobody_takes_a_connection_without_a_bound() -> None:
    """The queue of payments alone lends for itself: it ends every call by its own clock."""
    found = {
        path.relative_to(SERVER).as_posix()
        for path in SERVER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"acquire", "execute", "fetch", "fetchrow", "fetchval", "release"}
        and ast.unparse(node.func.value) in {"pool", "self._pool"}
    }
    assert found == {"storage/connection.py", "storage/posting.py"}


async def test_the_janitor_gives_up_a_portion(
    silent: SilentPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(connection: Connection) -> int:
        async with connection.transaction():
            await connection.execute("select 1")
        return 1

    monkeypatch.setattr("server.storage.janitor._PORTION_SECONDS_MAX", SHORT)
    connection = await asyncpg.connect(silent.dsn)
    async with asyncio.timeout(FOR_EVER):
        with pytest.raises(LOST):
            await Janitor(silent.dsn, [Step("ask", 0, ask)], 1).round(connection)
    assert connection.is_closed()
