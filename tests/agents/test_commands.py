"""`kvitok agent list, show, set, pause, resume` and `kvitok calendar`, on a real database."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from server.__main__ import app
from server.cli.calendar import read_year
from server.cli.context import EXIT_NO, EXIT_USAGE
from server.money import Money
from server.payments.ports import Order
from server.sealing import FileSealer
from server.storage.agents import CHANGED
from server.storage.connection import open_pool
from server.storage.ledger import PostgresLedger
from tests.servers import run_now
from tests.storage.town import settle

CALENDAR = """
source = "постановление № 1"
year = 2027
days_off = [2027-02-22]
working_days = [2027-02-20]
"""


@pytest.fixture
def installed(database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A hamlet with its agents."""
    monkeypatch.setenv("KVITOK_DSN", database_dsn)
    monkeypatch.setenv("LANG", "C.UTF-8")
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)

    async def settled() -> None:
        connection = await asyncpg.connect(database_dsn)
        await settle(connection)
        await connection.close()

    run_now(settled())
    return database_dsn


def kvitok(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def shown(agent: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(kvitok("agent", "show", agent, "--json").stdout)
    return said


async def pay(dsn: str, kopecks: int) -> None:
    async with open_pool(dsn, 2) as pool:
        ledger = PostgresLedger(pool, {}, FileSealer(bytes(32)))
        now = dt.datetime.now(dt.UTC)
        today = await pool.fetchval("select (now() at time zone 'Europe/Moscow')::date")
        await ledger.post(Order("osmp", "1", "1000001", Money(kopecks), now, today))
        await ledger.finish()


def test_a_pause_is_shown_with_who_why_and_since_when_and_ends(installed: str) -> None:
    assert kvitok("agent", "pause", "osmp", "--reason", "терминалы сломаны").exit_code == 0
    paused = shown("osmp")
    assert (paused["paused"], paused["pause_reason"]) == (True, "терминалы сломаны")
    assert paused["paused_since"] is not None
    assert kvitok("agent", "resume", "osmp").exit_code == 0
    goes_on = shown("osmp")
    assert (goes_on["paused"], goes_on["paused_since"]) == (False, None)
    assert [each["action"] for each in goes_on["history"]] == ["resume", "pause"]


def test_a_second_pause_changes_nothing_and_leaves_no_second_row(installed: str) -> None:
    for reason in ("first", "second"):
        assert kvitok("agent", "pause", "osmp", "--reason", reason).exit_code == 0
    said = shown("osmp")
    assert said["pause_reason"] == "first"
    assert len(said["history"]) == 1


def test_a_pause_needs_a_reason(installed: str) -> None:
    assert kvitok("agent", "pause", "osmp").exit_code == EXIT_USAGE
    assert shown("osmp")["paused"] is False


async def test_all_workers_hear_of_a_pause(installed: str) -> None:
    heard = asyncio.Event()
    connection = await asyncpg.connect(installed)
    await connection.add_listener(CHANGED, lambda *_: heard.set())
    await asyncio.to_thread(kvitok, "agent", "pause", "osmp", "--reason", "x")
    async with asyncio.timeout(10):
        await heard.wait()
    await connection.close()


async def test_todays_payments_are_counted_and_summed(installed: str) -> None:
    await pay(installed, 12_345)
    listed = json.loads((await asyncio.to_thread(kvitok, "agent", "list", "--json")).stdout)
    counted = {each["agent"]: (each["payments"], each["taken_kopecks"]) for each in listed}
    assert counted["osmp"] == (1, 12_345)
    assert set(counted.values()) == {(1, 12_345), (0, 0)}
    assert "osmp" in (await asyncio.to_thread(kvitok, "agent", "list")).output


def test_limits_and_settings_are_set_and_the_audit_keeps_what_they_were(installed: str) -> None:
    words = ("amount_max=20000", "hour_max=1000000.50", "settlement_days=3")
    done = kvitok(
        "agent", "set", "osmp", *words, "cancel_after_close=person", "--reason", "договор"
    )
    assert done.exit_code == 0, done.output
    said = shown("osmp")
    assert said["limits"]["amount_max_kopecks"] == 2_000_000
    assert said["limits"]["hour_max_kopecks"] == 100_000_050
    (entry,) = said["history"]
    assert (entry["action"], entry["reason"]) == ("change", "договор")
    assert entry["details"]["amount_max_kopecks"][1] == "2000000"
    assert entry["details"]["settlement_days"] == ["1", "3"]


def test_a_setting_is_forgotten(installed: str) -> None:
    for value in ("person", ""):
        assert kvitok("agent", "set", "osmp", f"cancel_after_close={value}").exit_code == 0
    done, set_before = shown("osmp")["history"]
    assert set_before["details"] == {"settings.cancel_after_close": ["", "person"]}
    assert done["details"] == {"settings.cancel_after_close": ["person", ""]}


@pytest.mark.parametrize(
    "value",
    [
        "amount_max=1e3",
        "amount_max=-5",
        "amount_max=0.50",
        "zone=Europe/Nowhere",
        "cut_off=25:00",
        "settlement_days=61",
        "cancel_after_close=perhaps",
        "no_such_setting=1",
        "amount_max",
    ],
)
def test_what_would_be_a_fault_is_refused_and_changes_nothing(installed: str, value: str) -> None:
    before = shown("osmp")
    assert kvitok("agent", "set", "osmp", value).exit_code == EXIT_USAGE
    assert shown("osmp") == before


@pytest.mark.parametrize(
    "words",
    [("show", "x"), ("set", "x", "title=X"), ("pause", "x", "--reason", "r"), ("resume", "x")],
)
def test_an_agent_that_there_is_not(installed: str, words: tuple[str, ...]) -> None:
    assert kvitok("agent", *words).exit_code == EXIT_NO


# --- working days -----------------------------------------------------------------------------


def test_a_loaded_calendar_moves_the_day_on_which_money_is_due(
    installed: str, tmp_path: Path
) -> None:
    file = tmp_path / "2027.toml"
    file.write_text(CALENDAR, encoding="utf-8")
    assert kvitok("calendar", "show", "2027").exit_code == EXIT_NO
    assert kvitok("calendar", "load", str(file)).exit_code == 0
    said = json.loads(kvitok("calendar", "show", "2027", "--json").stdout)
    assert (said["days_off"], said["working_days"]) == (["2027-02-22"], ["2027-02-20"])
    # 20 weekdays, without the 22nd and 23rd, with the Saturday.
    assert said["by_month"][1] == 20 - 2 + 1


def test_a_year_is_replaced_as_a_whole(installed: str, tmp_path: Path) -> None:
    file = tmp_path / "2027.toml"
    for text in (CALENDAR, 'source = "№ 2"\nyear = 2027\ndays_off = [2027-12-31]\n'):
        file.write_text(text, encoding="utf-8")
        assert kvitok("calendar", "load", str(file)).exit_code == 0
    said = json.loads(kvitok("calendar", "show", "2027", "--json").stdout)
    assert (said["days_off"], said["working_days"]) == (["2027-12-31"], [])


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"year": 2027},
        {"year": 2027, "source": " "},
        {"year": 2027, "source": "x", "days_of": []},
        {"year": 2027, "source": "x", "days_off": [dt.date(2026, 1, 1)]},
        {"year": 2027, "source": "x", "days_off": ["2027-01-01"]},
        {
            "year": 2027,
            "source": "x",
            "days_off": [dt.date(2027, 5, 1)],
            "working_days": [dt.date(2027, 5, 1)],
        },
    ],
)
def test_a_calendar_that_is_none_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_year(said)
