"""The workbench's API: agents with their day, and who may pause one."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from server.storage.agents import CHANGED
from tests.api.caller import calling
from tests.api.premises import DAY, ONLINE, opened

TAKEN = sum(kopecks for _, _, kopecks, _ in ONLINE)


async def test_agents_are_listed_with_what_they_took_today(database_dsn: str) -> None:
    async with opened(database_dsn) as office, calling(office.url) as vera:
        status, page = await vera.get("/agents")
        assert status == 200
        assert (page["payments"], page["total_kopecks"]) == (len(ONLINE), TAKEN)
        bank, osmp = page["agents"]
        assert (bank["agent"], bank["payments"], bank["last_payment_at"]) == ("bank", 0, None)
        assert (osmp["title"], osmp["taken_kopecks"]) == ("Терминалы «Осмп»", TAKEN)
        assert osmp["business_day"] == str(DAY)
        assert osmp["settlement_day"] > osmp["business_day"]
        assert osmp["last_payment_at"].endswith("+03:00")
        assert osmp["limits"]["amount_max_kopecks"] == 1_500_000


async def test_a_pause_is_at_once_on_record_and_told_to_all_workers(database_dsn: str) -> None:
    async with opened(database_dsn) as office, calling(office.url, "controller") as petr:
        heard: asyncio.Queue[str] = asyncio.Queue()
        connection = await asyncpg.connect(database_dsn)
        await connection.add_listener(CHANGED, lambda *said: heard.put_nowait(said[-1]))
        status, paused = await petr.post("/agents/osmp/pause", {"reason": " терминалы сломаны "})
        assert status == 200
        assert paused["agent"]["paused"] is True
        assert paused["agent"]["pause_reason"] == "терминалы сломаны"
        assert paused["agent"]["paused_by"] == {"login": "controller", "name": "Пётр Сомов"}
        async with asyncio.timeout(10):
            assert await heard.get() == "osmp"
        await connection.close()
        status, again = await petr.post("/agents/osmp/pause", {"reason": "другая причина"})
        assert (status, again["agent"]["pause_reason"]) == (200, "терминалы сломаны")
        status, done = await petr.post("/agents/osmp/resume", {})
        assert (status, done["agent"]["paused"], done["agent"]["paused_by"]) == (200, False, None)
        told = [(each["action"], each["by"]["name"], each["reason"]) for each in done["history"]]
        assert told == [
            ("resume", "Пётр Сомов", ""),
            ("pause", "Пётр Сомов", "терминалы сломаны"),
        ]


@pytest.mark.parametrize(
    ("login", "status"), [("accountant", 403), ("controller", 200), ("admin", 200), ("", 401)]
)
async def test_controllers_and_administrators_pause(
    database_dsn: str, login: str, status: int
) -> None:
    async with opened(database_dsn) as office, calling(office.url, login) as somebody:
        said, _ = await somebody.post("/agents/osmp/pause", {"reason": "проверка"})
        assert said == status
        paused = await office.pool.fetchval("select paused from ledger.agents where name = 'osmp'")
        assert paused is (status == 200)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/agents/osmp/pause", {}, 400),
        ("/agents/osmp/pause", {"reason": ""}, 400),
        ("/agents/osmp/pause", {"reason": "  "}, 422),
        ("/agents/nobody/pause", {"reason": "x"}, 404),
        ("/agents/nobody/resume", {"reason": "x"}, 404),
    ],
)
async def test_what_cannot_be_done_is_refused_and_changes_nothing(
    database_dsn: str, path: str, body: dict[str, Any], status: int
) -> None:
    async with opened(database_dsn) as office, calling(office.url, "admin") as admin:
        before = await admin.get("/agents")
        assert (await admin.post(path, body))[0] == status
        assert await admin.get("/agents") == before


async def test_an_agent_that_there_is_not(database_dsn: str) -> None:
    async with opened(database_dsn) as office, calling(office.url) as vera:
        status, said = await vera.get("/agents/nobody")
        assert (status, said["error"]["message"]) == (404, "Такого агента нет.")
