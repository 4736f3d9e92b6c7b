"""Fees in a real browser: of a registry, of a payment, and a case when others were told before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.api.fees import tell_fees
from tests.browser.conftest import Shoot
from tests.browser.office_floor import Clerk, running_office

pytestmark = pytest.mark.browser


@pytest.fixture
def site(database_dsn: str) -> Iterator[str]:
    """An office whose bank has told its fees."""
    with running_office(database_dsn, happens=tell_fees) as url:
        yield url


def test_a_registry_tells_what_is_kept_back_and_what_is_transferred(
    vera: Clerk, shoot: Shoot
) -> None:
    vera.go("registries/1")
    told = vera.page.locator("[data-fees]")
    expect(told).to_contain_text("Удержано агентом")
    assert "48,14" in vera.text("[data-fees]")
    assert "4 767,51" in vera.text("[data-fees]")
    shoot(vera.page, "office-15-fees")


def test_another_fee_is_a_case_and_both_stand_on_the_payments_page(
    vera: Clerk, shoot: Shoot
) -> None:
    vera.open_case("FEE_DIFFERS")
    assert "Реестр называет другую комиссию" in vera.text("[data-case-page]")
    row = vera.page.locator(".compare [data-field=withheld]")
    expect(row).to_contain_text("9,99")
    expect(row).to_contain_text("14,98")
    shoot(vera.page, "office-16-other-fee")
    card = vera.choose("accept")
    expect(card.locator(".choice__then")).to_contain_text("984,92")
    vera.decide("Банк поднял комиссию, письмо 12")
    vera.see_outcome("Решено: принято как есть")
    vera.page.locator(".compare__source a[href^='#/payments/']").click()
    sums = vera.page.locator(".amounts [data-sum=withheld]")
    expect(sums).to_have_count(2)
    expect(sums.last).to_contain_text("14,98")
    shoot(vera.page, "office-17-amounts")
    vera.page.locator(".amounts a").first.click()
    vera.page.wait_for_selector("[data-registry-page='1'] [data-fees]")
