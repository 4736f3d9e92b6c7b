"""A PostgreSQL that hangs, or whose host has vanished, is left in time and asked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from server import agent_book
from server.agent_book import AgentBook
from server.sealing import FileSealer
from server.storage import directory
from tests.agents.test_agent_book import add, connected, followed, until
from tests.silent_postgres import SilentPostgres, silent_postgres

SEALER = FileSealer(bytes(32))
SHORT = 0.2
FOR_EVER = 20


@pytest.fixture
async def silent(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SilentPostgres]:
    monkeypatch.setattr(directory, "_READ_SECONDS", SHORT)
    monkeypatch.setattr(agent_book, "_LISTEN_SECONDS", SHORT)
    async with silent_postgres(hangs_up=False) as silent:
        yield silent


async def test_a_reading_ends(silent: SilentPostgres) -> None:
    connection = await asyncpg.connect(silent.dsn)
    async with asyncio.timeout(FOR_EVER):
        with pytest.raises(TimeoutError):
            await directory.read_rows(connection)
    connection.terminate()


async def test_whoever_follows_asks_again(silent: SilentPostgres) -> None:
    async with followed(AgentBook(silent.dsn, SEALER)):
        await until(lambda: silent.logins > 1)


async def test_a_worker_begins_with_the_agents_as_they_were_kept(
    silent: SilentPostgres, database_dsn: str, tmp_path: Path
) -> None:
    kept = tmp_path / "agents"
    async with connected(database_dsn) as connection:
        await add(connection, "osmp", "osmp", "Europe/Moscow", "{}")
        await AgentBook(database_dsn, SEALER, kept).read(connection)
    book = AgentBook(silent.dsn, SEALER, kept)
    async with asyncio.timeout(FOR_EVER):
        assert await book.open()
    assert set(book.current()) == {"osmp"}
