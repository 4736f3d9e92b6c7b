"""A payment's page in a real browser: what the money paid for, and how one gets there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.api.premises import CLEAN, NAME
from tests.api.settled import settle
from tests.browser.conftest import Shoot
from tests.browser.office_floor import Clerk, running_office

pytestmark = pytest.mark.browser
PAYMENTS: list[int] = []


async def settled(dsn: str) -> None:
    """What the payments are called, for the tests."""
    PAYMENTS[:] = await settle(dsn)


@pytest.fixture
def site(database_dsn: str) -> Iterator[str]:
    """An office whose payments were laid over charges."""
    with running_office(database_dsn, happens=settled) as url:
        yield url


def test_a_payment_shows_line_by_line_what_it_paid_for(vera: Clerk, shoot: Shoot) -> None:
    vera.go(f"payments/{PAYMENTS[0]}")
    lines = vera.page.locator(".settled tbody tr")
    expect(lines).to_have_count(5)
    expect(lines.last).to_contain_text("Аванс: оплатит следующие начисления")
    expect(lines.last).to_contain_text("335,10")
    assert "Сходится до копейки" in vera.text(".settled tfoot")
    assert "5 000,00" in vera.text(".settled tfoot")
    shoot(vera.page, "office-14-payment")


def test_an_undone_payment_and_one_that_waits_say_so(vera: Clerk) -> None:
    vera.go(f"payments/{PAYMENTS[1]}")
    expect(vera.page.locator(".history__what").first).to_have_text("Отменён")
    expect(vera.page.locator(".head__tools")).to_contain_text("отменён")
    vera.go(f"payments/{PAYMENTS[2]}")
    expect(vera.page.locator(".settled__look")).to_contain_text("Ещё не разнесено")
    assert "Сходится до копейки" in vera.text(".settled tfoot")


def test_from_a_registrys_line_to_its_payment_and_back(vera: Clerk) -> None:
    vera.upload(NAME, CLEAN)
    vera.page.wait_for_selector(".buckets")
    vera.page.locator(".lines tbody a").first.click()
    vera.page.wait_for_selector("[data-payment-page] .history")
    vera.press("Escape")
    vera.page.wait_for_selector(".buckets")


def test_a_payment_is_found_by_its_account(vera: Clerk, shoot: Shoot) -> None:
    vera.press("p")
    rows = vera.page.locator("tr[data-payment]")
    expect(rows.first).to_have_attribute("data-payment", str(PAYMENTS[2]))
    assert "Показано: 10 платежей" in vera.text(".table__foot")
    shoot(vera.page, "office-19-payments")
    vera.press("/")
    vera.page.keyboard.type("1000005")
    expect(rows).to_have_count(len(PAYMENTS))
    vera.press("Escape", "j", "Enter")
    vera.page.wait_for_selector(f"[data-payment-page='{PAYMENTS[2]}'] .settled")
    vera.press("Escape")
    expect(rows).to_have_count(len(PAYMENTS))
    vera.go("payments?text=77")
    expect(vera.page.get_by_text("Ничего не найдено")).to_be_visible()


def test_english_is_complete(vera: Clerk) -> None:
    vera.page.get_by_role("button", name="English").click()
    for payment in PAYMENTS:
        vera.go(f"payments/{payment}")
        vera.page.wait_for_selector(f"[data-payment-page='{payment}'] .history")
        heads = vera.page.locator("h1, h2, th, dt, .section__note, .history__what, .soft, .first")
        words = " ".join(heads.all_inner_texts()).replace("Холодная вода", "")
        assert not re.search("[а-яё]", words.replace("Отопление", ""), re.IGNORECASE)
