"""The last resort of checks while PostgreSQL hangs: everybody is told in time, no slot is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from server.lookup import bulkhead as bulkhead_module
from server.lookup.bulkhead import Bulkhead, Found
from server.refusals import Refusal, Refused
from server.storage.connection import open_pool
from tests.silent_postgres import SilentPostgres, silent_postgres

SHORT = 0.2
FOR_EVER = 20


@pytest.fixture(params=[False, True], ids=["cancel waits", "cancel is hung up on"])
async def silent(request: pytest.FixtureRequest) -> AsyncIterator[SilentPostgres]:
    async with silent_postgres(hangs_up=request.param) as silent:
        yield silent


@pytest.fixture
async def bulkhead(
    silent: SilentPostgres, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bulkhead]:
    monkeypatch.setattr(bulkhead_module, "_TIMEOUT_SECONDS", SHORT)
    monkeypatch.setattr(bulkhead_module, "_POSITION_SECONDS", SHORT)
    pool = await open_pool(silent.dsn, 2)
    bulkhead = Bulkhead(pool)
    yield bulkhead
    await bulkhead.stop()
    pool.terminate()


async def ask(bulkhead: Bulkhead, number: str) -> Found | Refused:
    answered: asyncio.Future[Found | Refused] = asyncio.get_running_loop().create_future()
    bulkhead.ask(number, answered.set_result)
    return await answered


async def test_everybody_is_told_and_no_slot_is_lost(
    silent: SilentPostgres, bulkhead: Bulkhead
) -> None:
    async with asyncio.timeout(FOR_EVER):
        for wave in range(3):  # more statements than there are slots and connections
            numbers = (f"{wave}{number}" for number in range(10))
            for answer in await asyncio.gather(*(ask(bulkhead, number) for number in numbers)):
                assert isinstance(answer, Refused)
                assert answer.refusal is Refusal.TRY_LATER
    assert silent.logins >= 3, "each wave had a connection"


async def test_positions_and_services_come_back(bulkhead: Bulkhead) -> None:
    async with asyncio.timeout(FOR_EVER):
        for _ in range(3):
            assert await bulkhead.position() is None
            with pytest.raises(ConnectionError):
                await bulkhead.services()
