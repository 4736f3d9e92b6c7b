"""Agents that are kept outside of PostgreSQL are the same, and their secrets stay sealed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import asyncpg
import pytest

from server.agent_book import AgentBook
from server.sealing import FileSealer
from server.storage.agents import agents_of, set_secrets
from server.storage.directory import pack, read_rows, unpack
from tests.storage.town import settle

SEALER = FileSealer(bytes(32))
NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing"


@pytest.fixture
async def furnished(database_dsn: str) -> str:
    """DSN of a hamlet with an agent that has everything an agent can have."""
    connection = await asyncpg.connect(database_dsn)
    await settle(connection)
    await connection.execute(
        "update ledger.agents set allow_list = '{10.0.0.0/8,::1/128}', cut_off = '21:30',"
        """ settings = '{"reading_window": "15-25"}' where name = 'osmp'"""
    )
    await set_secrets(connection, SEALER, "osmp", {"password": "тайна"})
    await connection.close()
    return database_dsn


async def test_what_is_kept_is_what_was_read(furnished: str) -> None:
    connection = await asyncpg.connect(furnished)
    rows = await read_rows(connection)
    await connection.close()
    kept = unpack(pack(rows))
    found, faults = agents_of(kept["agents"], SEALER)
    assert (found, faults) == agents_of(rows["agents"], SEALER)
    assert found["osmp"].secrets == ({"password": "тайна"},)
    assert found["osmp"].cut_off == dt.time(21, 30)
    assert kept["services"] == rows["services"]


async def test_a_book_opens_without_postgres_as_it_was_kept(furnished: str, tmp_path: Path) -> None:
    kept = tmp_path / "agents.sealed"
    assert not await AgentBook(NOWHERE, SEALER, kept).open()
    first = AgentBook(furnished, SEALER, kept)
    assert await first.open()
    later = AgentBook(NOWHERE, SEALER, kept)
    assert await later.open()
    assert later.current() == first.current()
    assert later.faults() == first.faults()
    assert later.services == first.services
    assert later.service_ids == {"water": 1, "heating": 2}


async def test_what_is_kept_shows_nothing_and_is_not_believed_when_changed(
    furnished: str, tmp_path: Path
) -> None:
    kept = tmp_path / "agents.sealed"
    assert await AgentBook(furnished, SEALER, kept).open()
    sealed = kept.read_bytes()
    assert kept.stat().st_mode & 0o77 == 0
    assert b"osmp" not in sealed
    assert "тайна".encode() not in SEALER.unseal(sealed)
    kept.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    assert not await AgentBook(NOWHERE, SEALER, kept).open()
    kept.write_bytes(b"")
    assert not await AgentBook(NOWHERE, SEALER, kept).open()
