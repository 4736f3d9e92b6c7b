"""The agents' pages in a real browser: who takes payments, what each may take, pausing one."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

import asyncpg
import pytest
from playwright.sync_api import expect

from server.money import Money
from server.payments.ports import Order
from server.storage.agent_changes import change_agent
from server.storage.ledger import PostgresLedger
from tests.api.noticed import notice
from tests.api.premises import DAY, NoSealer
from tests.browser.chromium import Faults
from tests.browser.conftest import MakePage, Shoot
from tests.browser.office_floor import DESK, Clerk, running_office

pytestmark = pytest.mark.browser
HOUR_MAX = 20_000_00
IN_THIS_HOUR = 8_431_50


async def a_day(dsn: str) -> None:
    """Limits are set by hand, something is noticed, the bank takes a payment within them."""
    await notice(dsn)
    connection = await asyncpg.connect(dsn)
    wanted = {"hour_max_kopecks": HOUR_MAX, "settings": {"cancel_after_close": "person"}}
    await change_agent(connection, "bank", wanted, "kvitok", "договор 44, приложение 2")
    await connection.close()
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        ledger = PostgresLedger(pool, {}, NoSealer())
        paid_at = dt.datetime.combine(DAY, dt.time(10, 5), dt.UTC)
        amount = Money(IN_THIS_HOUR)
        await ledger.post(Order("bank", "1", "1000002", amount, paid_at, DAY, limited=True))
        await ledger.finish()


@pytest.fixture
def site(database_dsn: str) -> Iterator[str]:
    """An office whose agents have had a day."""
    with running_office(database_dsn, happens=a_day) as url:
        yield url


def test_agents_are_listed_with_their_day_and_opened_by_keyboard(petr: Clerk, shoot: Shoot) -> None:
    petr.press("a")
    petr.page.wait_for_selector("tr[data-agent]")
    bank = petr.page.locator("tr[data-agent=bank]")
    expect(bank).to_contain_text("Банк «Волга»")
    expect(bank).to_contain_text("Работает")
    expect(bank).to_contain_text("10 747,25")
    assert "2 агента" in petr.text(".table__foot")
    shoot(petr.page, "office-10-agents")
    petr.press("j", "Enter")
    petr.page.wait_for_selector("[data-agent-page=bank] .limits")
    petr.press("Escape")
    petr.page.wait_for_selector("tr[data-agent]")


def test_a_controller_pauses_an_agent_and_lets_it_go_on(petr: Clerk, shoot: Shoot) -> None:
    petr.go("agents/bank")
    petr.page.wait_for_selector(".limits")
    assert "за этот час принято" in petr.text("[data-limit=hour]")
    assert "настройка cancel_after_close: пусто → person" in petr.text(".history")
    pause = petr.page.get_by_role("button", name="Приостановить приём")
    pause.click()
    expect(petr.page.locator(".pausing [role=alert]")).to_contain_text("Напишите причину")
    shoot(petr.page, "office-11-agent")
    petr.page.locator("textarea[name=reason]").fill("Чеки печатаются дважды, звонок банка")
    petr.press("Control+Enter")
    expect(petr.page.locator(".pausing .notice--risk")).to_contain_text("Пётр Сомов")
    expect(petr.page.locator(".head__tools")).to_contain_text("Приостановлен")
    shoot(petr.page, "office-12-paused")
    petr.page.get_by_role("button", name="Возобновить приём").click()
    expect(petr.page.locator(".head__tools")).to_contain_text("Работает")
    done = petr.page.locator(".history__what").all_inner_texts()
    assert done == ["Приём возобновлён", "Приём приостановлен", "Изменено"]


def test_an_accountant_sees_it_and_may_not_pause(make_page: MakePage, site: str) -> None:
    vera = Clerk(make_page(DESK), site)
    vera.enter()
    vera.go("agents/osmp")
    vera.page.wait_for_selector(".limits")
    assert "могут контролёр и администратор" in vera.text(".pausing")
    expect(vera.page.locator(".pausing button")).to_have_count(0)
    vera.page.locator(".agent__facts a").click()
    vera.page.wait_for_selector("tr[data-case]")


def test_english_is_complete(petr: Clerk) -> None:
    petr.page.get_by_role("button", name="English").click()
    for address in ("agents", "agents/bank"):
        petr.go(address)
        petr.page.wait_for_selector("tr[data-agent], .limits")
        words = petr.page.locator(".sheet").inner_text()
        for name in ("Банк «Волга»", "Терминалы «Осмп»", "договор 44, приложение 2"):
            words = words.replace(name, "")
        assert not re.search("[а-яё]", words, re.IGNORECASE)


def test_an_agent_that_there_is_not_is_said(petr: Clerk, faults: Faults) -> None:
    faults.expected = ("Failed to load resource: the server responded with a status of 404",)
    petr.go("agents/nobody")
    expect(petr.page.get_by_text("Такого агента нет.")).to_be_visible()
