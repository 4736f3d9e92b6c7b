"""The office of a whole running demo: what an accountant posts, the next terminal sees."""

from __future__ import annotations

import re
import time

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


def paid(server: Demo, number: str) -> str:
    """What a terminal hears that pays a rouble."""
    asked = {"command": "pay", "txn_id": number, "account": ACCOUNT, "sum": "1.00"}
    _, answer = server.get("/pay/osmp", **asked, txn_date=f"{DAY:%Y%m%d}101500")
    found = re.search(r"<result>(\d+)</result>", answer)
    assert found, answer
    return found[1]


def first_put_off(server: Demo) -> str:
    """The first new payment that hears "try later"; a worker hears of the pause by a message."""
    for number in range(88_000_000_000_202, 88_000_000_000_802):
        if paid(server, str(number)) == "1":
            return str(number)
        time.sleep(0.05)
    raise AssertionError("payments go on")


def test_a_paused_agent_hears_try_later_until_it_goes_on(
    make_page: MakePage, browser_server: Demo
) -> None:
    assert paid(browser_server, "88000000000201") == "0"
    petr = Clerk(make_page(DESK), browser_server.url)
    petr.enter("controller")
    petr.go("agents/osmp")
    petr.page.locator("textarea[name=reason]").fill("Терминалы печатают чеки дважды")
    petr.press("Control+Enter")
    expect(petr.page.locator(".head__tools")).to_contain_text("Приостановлен")
    try:
        put_off = first_put_off(browser_server)
        assert paid(browser_server, "88000000000201") == "0"
        shown_debt(browser_server)
    finally:
        petr.page.get_by_role("button", name="Возобновить приём").click()
    expect(petr.page.locator(".head__tools")).to_contain_text("Работает")
    deadline = time.monotonic() + 60
    while paid(browser_server, put_off) != "0":
        assert time.monotonic() < deadline
        time.sleep(0.05)
