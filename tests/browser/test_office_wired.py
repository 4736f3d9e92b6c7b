"""The office of a whole running demo: what an accountant posts, the next terminal sees."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.api.premises import DAY, line, registry
from tests.browser.conftest import MakePage
from tests.browser.office_floor import DESK, Clerk
from tests.integration.demo import Demo

pytestmark = pytest.mark.browser
ACCOUNT = "1000123"


def shown_debt(server: Demo) -> int:
    """Kopecks, as a terminal is told."""
    _, answer = server.get("/pay/osmp", command="check", txn_id="1", account=ACCOUNT, sum="0.00")
    found = re.search(r"<field2[^>]*>(-?\d+)\.(\d\d)</field2>", answer)
    assert found, answer
    return int(found[1] + found[2])


def test_a_posted_line_is_in_the_next_check_and_the_books_agree(
    make_page: MakePage, browser_server: Demo
) -> None:
    before = shown_debt(browser_server)
    vera = Clerk(make_page(DESK), browser_server.url)
    vera.enter()
    content = registry([line("88000000000001", ACCOUNT, "123.45")], "123.45")
    vera.upload(f"QIWI_7009_{DAY:%Y%m%d}.csv", content)
    vera.page.wait_for_selector(".buckets")
    vera.open_case("NOT_RECORDED")
    card = vera.choose("post")
    expect(card.locator(".choice__then")).to_contain_text("получит 123,45")
    vera.decide("Сеть подтвердила платёж")
    vera.see_outcome("Решено: проведено")
    assert shown_debt(browser_server) == before - 12_345
    (payment,) = browser_server.json("payment", "list", "--agent", "osmp", "--account", ACCOUNT)[
        -1:
    ]
    assert payment["agent_payment_id"] == "88000000000001"
    assert browser_server.json("doctor")["ok"] is True
    assert browser_server.run("cache", "verify")[0] == 0
