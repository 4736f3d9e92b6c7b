"""Which agents are served: those without a fault, as they are now, whatever breaks meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from server.agent_book import AgentBook
from server.agent_faults import agent_faults
from server.protocols import load
from server.refusals import Refusal, Refused
from server.sealing import FileSealer
from server.storage.agents import CHANGED, set_secrets
from server.storage.connection import Connection
from tests.protocols.vectors import make_agent

SEALER = FileSealer(bytes(32))
FAULTY = {
    "no such protocol": ("nothing", "Europe/Moscow", "{}"),
    "no such zone": ("osmp", "Europe/Zarechny", "{}"),
    "a zone that is a path": ("osmp", "../../etc/passwd", "{}"),
    "no such setting": ("osmp", "Europe/Moscow", '{"encodign": "utf-8"}'),
    "no such value": ("osmp", "Europe/Moscow", '{"encoding": "utf-16"}'),
    "a setting of another protocol": ("sber", "Europe/Moscow", '{"check_sum": "optional"}'),
    "a common setting misspelt": ("osmp", "Europe/Moscow", '{"reading_window": "all"}'),
    "a window that never closes": ("osmp", "Europe/Moscow", '{"reading_window": "15-"}'),
    "a setting that is no text": ("osmp", "Europe/Moscow", '{"encoding": 1}'),
    "settings that are none": ("osmp", "Europe/Moscow", "[]"),
    "Basic without a password": ("osmp", "Europe/Moscow", '{"basic": "on"}'),
    "a certificate that is none": ("osmp", "Europe/Moscow", '{"client_certificate": "ours"}'),
    "a setting without a protocol": ("", "Europe/Moscow", '{"encoding": "utf-8"}'),
}


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def add(connection: Connection, name: str, protocol: str, zone: str, settings: str) -> None:
    await connection.execute(
        "insert into ledger.agents (name, protocol, zone, settings, amount_min_kopecks,"
        " amount_max_kopecks) values ($1, $2, $3, $4, 100, 1500000)",
        *(name, protocol, zone, settings),
    )


@asynccontextmanager
async def followed(book: AgentBook) -> AsyncIterator[None]:
    task = asyncio.create_task(book.follow())
    try:
        yield
    finally:
        task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("what", FAULTY)
async def test_an_agent_with_a_fault_is_not_served_and_the_others_are(
    database_dsn: str, what: str
) -> None:
    book = AgentBook(database_dsn, SEALER)
    async with connected(database_dsn) as connection:
        await add(connection, "good", "osmp", "Europe/Moscow", '{"encoding": "windows-1251"}')
        await add(connection, "faulty", *FAULTY[what])
        await book.read(connection)
    assert set(book.current()) == {"good"}
    assert set(book.faults()) == {"faulty"}
    assert all(book.faults()["faulty"])


async def test_secrets_sealed_with_another_key_keep_one_agent_out(database_dsn: str) -> None:
    book = AgentBook(database_dsn, SEALER)
    async with connected(database_dsn) as connection:
        for name, key in (("good", bytes(32)), ("faulty", bytes([1]) * 32)):
            await add(connection, name, "paynet", "Asia/Tashkent", "{}")
            await set_secrets(connection, FileSealer(key), name, {"username": "a", "password": "b"})
        await book.read(connection)
    assert set(book.current()) == {"good"}
    assert book.faults() == {"faulty": ("sealed with another installation key",)}


async def test_agents_that_are_the_same_are_the_same_object(database_dsn: str) -> None:
    """The fast lane makes its plans anew for a new one."""
    book = AgentBook(database_dsn, SEALER)
    async with connected(database_dsn) as connection:
        await add(connection, "osmp", "osmp", "Europe/Moscow", "{}")
        await book.read(connection)
        before = book.current()
        await book.read(connection)
        assert book.current() is before
        await connection.execute("update ledger.agents set paused = true")
        await book.read(connection)
        assert book.current() is not before


async def test_the_kiosk_hears_to_try_later_while_its_agent_has_a_fault(database_dsn: str) -> None:
    book = AgentBook(database_dsn, SEALER)
    async with connected(database_dsn) as connection:
        await add(connection, "kiosk", "", "Nowhere", "{}")
        await book.read(connection)
        with pytest.raises(Refused) as refused:
            book.kiosk()
        assert refused.value.refusal is Refusal.TRY_LATER
        await connection.execute("update ledger.agents set zone = 'Europe/Moscow'")
        await book.read(connection)
        assert book.kiosk().name == "kiosk"
    assert book.faults() == {}


class BreaksOnce(AgentBook):
    """The first reading ends as the test says."""

    def __init__(self, dsn: str, error: Exception) -> None:
        super().__init__(dsn, SEALER)
        self.error: Exception | None = error

    async def read(self, connection: Connection) -> None:
        error, self.error = self.error, None
        if error is not None:
            raise error
        await super().read(connection)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalClientError("the connection broke while it prepared a statement"),
        asyncpg.InterfaceError("the connection is closed"),
        asyncpg.UndefinedTableError("no such table"),
        OSError("no route"),
        RuntimeError("nobody thought of this"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_breaks_agents_are_read_again(database_dsn: str, error: Exception) -> None:
    book = BreaksOnce(database_dsn, error)
    async with connected(database_dsn) as connection:
        await add(connection, "osmp", "osmp", "Europe/Moscow", "{}")
        async with followed(book):
            await until(lambda: "osmp" in book.current())
            await connection.execute("update ledger.agents set paused = true")
            await connection.execute("select pg_notify($1, 'osmp')", CHANGED)
            await until(lambda: book.current()["osmp"].paused)


async def test_a_lost_connection_is_noticed_at_once(database_dsn: str) -> None:
    """Not when agents are read anew the next time: what changed meanwhile was not told."""
    book = AgentBook(database_dsn, SEALER)
    async with connected(database_dsn) as connection:
        await add(connection, "osmp", "osmp", "Europe/Moscow", "{}")
        async with followed(book):
            await until(lambda: "osmp" in book.current())
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where pid <> pg_backend_pid() and datname = current_database()"
            )
            await connection.execute("update ledger.agents set paused = true")
            async with asyncio.timeout(15):
                await until(lambda: book.current()["osmp"].paused)


@pytest.mark.parametrize("window", ["1-31", "15-25", "7-7"])
def test_a_reading_window_is_two_days_of_a_month(window: str) -> None:
    agent = make_agent("osmp", reading_window=window)
    assert agent_faults(agent, load()) == ()


@pytest.mark.parametrize("window", ["", "0-5", "5-32", "5", "a-b", "05-10", "1-31 ", "20-5"])
def test_other_reading_windows_are_faults(window: str) -> None:
    agent = make_agent("osmp", reading_window=window)
    assert len(agent_faults(agent, load())) == 1
