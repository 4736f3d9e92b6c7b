"""What the janitor noticed, as the workbench tells it: side by side, with what may be done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.api.asked import ask_back
from tests.api.noticed import notice
from tests.browser.conftest import Shoot
from tests.browser.office_floor import Clerk, running_office
from tests.servers import run_now

pytestmark = pytest.mark.browser


@pytest.fixture
def site(database_dsn: str) -> Iterator[str]:
    """An office in which something was noticed."""
    with running_office(database_dsn, happens=notice) as url:
        yield url


def test_two_payments_of_one_sum_stand_side_by_side_and_the_later_is_reversed(
    vera: Clerk, shoot: Shoot
) -> None:
    vera.open_case("SAME_SUM_TWICE")
    story = vera.text("[data-case-page]")
    assert "На один счёт пришла одна сумма через двух агентов" in story
    assert "Терминалы «Осмп», платёж" in story
    assert "Банк «Волга», платёж" in story
    assert "Открыто, когда учли второй платёж" in story
    shoot(vera.page, "office-8-twice")
    card = vera.choose("reverse")
    expect(card.locator(".choice__then")).to_contain_text("2 315,75")
    vera.decide("Плательщик заплатил один раз")
    vera.see_outcome("Решено: сторнировано")


def test_a_fast_terminal_is_told_with_the_bounds_it_broke(vera: Clerk, shoot: Shoot) -> None:
    vera.open_case("FAST_TERMINAL")
    story = vera.text("[data-case-page]")
    assert "Терминал 4417 принимает платежи быстрее, чем могут люди" in story
    row = vera.page.locator(".compare [data-field='payments']")
    expect(row).to_contain_text("30")
    expect(row).to_contain_text("34")
    assert "подозрение ничего не задерживает" in story
    shoot(vera.page, "office-9-fast")
    vera.page.get_by_role("link", name="Агент: его день").click()
    vera.page.wait_for_selector("[data-agent-page=osmp] .limits")
    vera.page.go_back()
    card = vera.choose("accept")
    expect(card.locator(".choice__then")).to_contain_text("откроется новое дело")
    vera.decide("Платил волонтёр за весь дом")
    vera.see_outcome("Решено: принято как есть")


def test_a_payment_that_an_agent_wants_back_waits_for_a_person(
    vera: Clerk, database_dsn: str, shoot: Shoot
) -> None:
    run_now(ask_back(database_dsn))
    vera.open_case("REVERSAL_ASKED")
    story = vera.text("[data-case-page]")
    assert "Агент просит отменить платёж, который уже не отменяется сам" in story
    assert "Открыто, когда агент попросил отмену" in story
    expect(vera.page.locator(".compare [data-field=reason]")).to_contain_text("ошибка кассира")
    shoot(vera.page, "office-18-asked")
    card = vera.choose("reverse")
    expect(card.locator(".choice__then")).to_contain_text("1 523,40")
    vera.decide("Письмо агента, возврат плательщику")
    vera.see_outcome("Решено: сторнировано")


def test_both_are_told_in_english_too(vera: Clerk) -> None:
    vera.page.get_by_role("button", name="English").click()
    vera.open_case("SAME_SUM_TWICE")
    assert "One account got one sum through two agents" in vera.text("[data-case-page]")
    vera.open_case("FAST_TERMINAL")
    assert "takes payments faster than people can" in vera.text("[data-case-page]")
