"""The kiosk in a real browser, on a running demo: a resident pays, whatever happens meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.chromium import LANDSCAPE, Faults
from tests.browser.conftest import MakePage, Shoot
from tests.browser.kiosk_hand import Hand
from tests.integration.demo import Demo

pytestmark = pytest.mark.browser
PAYMENTS = "**/api/v1/kiosk/payments"
FAILED_TO_LOAD = "Failed to load resource"


@pytest.fixture
def hand(page: Page, browser_server: Demo) -> Hand:
    """A resident in front of the kiosk."""
    hand = Hand(page, browser_server.url)
    hand.come()
    return hand


def payments(server: Demo, account: str) -> list[dict[str, Any]]:
    """What PostgreSQL has of the kiosk's payments to an account."""
    listed: list[dict[str, Any]] = server.json(
        "payment", "list", "--agent", "kiosk", "--account", account
    )
    return [payment for payment in listed if "-" in payment["agent_payment_id"]]


def test_a_resident_pays_gives_a_reading_and_takes_the_receipt(
    hand: Hand, browser_server: Demo, shoot: Shoot
) -> None:
    shoot(hand.page, "kiosk-1-account")
    hand.find("1004217")
    hand.see("debt")
    text = hand.text()
    assert "И*** И. И." in text
    assert "1 523,40 ₽" in text
    assert "Отопление" in text
    shoot(hand.page, "kiosk-2-debt")

    hand.main()
    hand.see("readings")
    hand.type("131")
    assert "Расход 7 м³" in hand.text()
    shoot(hand.page, "kiosk-3-reading")
    hand.main()
    expect(hand.page.get_by_text("Счётчик 2 из 2")).to_be_visible()
    hand.main()

    hand.see("sum")
    assert "Внести 1 523,40 ₽" in hand.text()
    shoot(hand.page, "kiosk-4-sum")
    hand.main()
    hand.see("cash")
    hand.insert(1000, 100)
    assert "423,40 ₽" in hand.text()
    shoot(hand.page, "kiosk-5-cash")
    hand.insert(500)
    assert "76,60 ₽" in hand.text()

    hand.main()
    hand.see("receipt")
    [payment] = payments(browser_server, "1004217")
    assert payment["amount_kopecks"] == 160_000
    text = hand.text()
    assert "1 600,00 ₽" in text
    assert str(payment["payment_id"]) in text
    assert "Вперёд, на следующие начисления" in text
    qr = hand.page.locator(".qr__picture")
    assert qr.evaluate("image => image.complete && image.naturalWidth > 0")
    assert str(payment["payment_id"]) in (qr.get_attribute("alt") or "")
    shoot(hand.page, "kiosk-6-receipt")
    assert browser_server.debt("1004217") == -7_660

    hand.main()
    hand.see("farewell")
    hand.main()
    hand.see("find")


def test_a_lost_answer_is_repeated_with_the_same_id_until_one_payment_is_certain(
    hand: Hand, browser_server: Demo, faults: Faults, shoot: Shoot
) -> None:
    faults.expected = (FAILED_TO_LOAD,)
    sent: list[str] = []

    def lose(route: Route, request: Request) -> None:
        sent.append(request.post_data or "")
        if len(sent) == 1:
            route.fetch()  # The server records it; the answer never arrives.
            route.abort()
        elif len(sent) == 2:
            route.fulfill(status=502, body="<html>Bad gateway</html>")
        elif len(sent) == 3:
            route.fulfill(status=200, json={"payment_id": 1, "agent_payment_id": "another"})
        else:
            route.continue_()

    hand.page.route(PAYMENTS, lose)
    hand.go_to_cash("9000005")
    hand.insert(100)
    hand.main()
    expect(hand.page.get_by_text("Было 2 попытки.")).to_be_visible()
    assert "Деньги приняты, ждём подтверждения" in hand.text()
    assert "Не вносите их ещё раз" in hand.text()
    shoot(hand.page, "kiosk-7-waiting")
    hand.see("receipt")

    assert len(sent) == 4
    assert len(set(sent)) == 1
    [payment] = payments(browser_server, "9000005")
    assert payment["agent_payment_id"] == json.loads(sent[0])["agent_payment_id"]
    assert browser_server.debt("9000005") == -1
    assert [entry["state"] for entry in hand.journal()] == ["credited"]


def test_inserted_money_survives_a_restart_of_the_kiosk(
    hand: Hand, browser_server: Demo, faults: Faults
) -> None:
    faults.expected = (FAILED_TO_LOAD,)
    hand.go_to_cash("0000042")
    hand.page.get_by_role("button", name="Назад").click()
    hand.see("sum")
    hand.press("Другая сумма")
    hand.type("200")
    hand.main()
    hand.insert(100)
    hand.page.reload()
    hand.see("cash")
    assert hand.inserted() == 10_000
    assert "Внесённые деньги не потеряны" in hand.text()
    hand.insert(50)

    hand.page.route(PAYMENTS, lambda route: route.abort())
    hand.main()
    hand.see("sending")
    hand.page.wait_for_timeout(300)
    [before] = hand.journal()
    hand.page.unroute(PAYMENTS)
    hand.page.reload()
    hand.see("receipt")

    [payment] = payments(browser_server, "0000042")
    assert payment["amount_kopecks"] == 15_000
    assert payment["agent_payment_id"] == before["agent_payment_id"]
    assert hand.journal()[0]["paid_at"] == before["paid_at"]


def test_a_resident_may_leave_while_the_payment_goes_on_by_itself(
    hand: Hand, browser_server: Demo, faults: Faults
) -> None:
    faults.expected = (FAILED_TO_LOAD,)
    hand.page.route(PAYMENTS, lambda route: route.abort())
    hand.go_to_cash("1000010")
    hand.insert(50)
    hand.press("Закончить")
    expect(hand.page.get_by_text("Зачислить внесённые 50 ₽?")).to_be_visible()
    hand.press("Зачислить и закончить")
    hand.see("sending")
    hand.page.get_by_role("button", name="Не ждать").click()
    hand.see("farewell")
    assert "Терминал сам передаст платёж" in hand.text()
    hand.main()
    hand.see("find")
    hand.page.unroute(PAYMENTS)
    hand.page.wait_for_function(
        "key => JSON.parse(localStorage.getItem(key))[0].state === 'credited'",
        arg="kvitok.kiosk.journal",
        timeout=20_000,
    )
    assert [each["amount_kopecks"] for each in payments(browser_server, "1000010")] == [5_000]


def test_a_refused_payment_says_that_the_money_is_in_the_terminal(
    hand: Hand, faults: Faults
) -> None:
    faults.expected = (FAILED_TO_LOAD,)
    error = {"code": "ACCOUNT_CLOSED", "message": "Лицевой счёт закрыт.", "final": True}
    hand.page.route(PAYMENTS, lambda route: route.fulfill(status=422, json={"error": error}))
    hand.go_to_cash("1000011")
    hand.insert(100)
    hand.main()
    hand.see("refused")
    assert "Деньги в терминале, но на счёт не зачислены" in hand.text()
    assert "Лицевой счёт закрыт." in hand.text()
    [entry] = hand.journal()
    assert entry["state"] == "refused"
    code = entry["agent_payment_id"].replace("-", "")[:8].upper()
    assert f"{code[:4]}-{code[4:]}" in hand.text()


@pytest.mark.parametrize(
    ("account", "screen", "words"),
    [
        ("9000001", "trouble", "Счёт закрыт"),
        ("9000003", "trouble", "Приём платежей на этот счёт приостановлен"),
        ("9000002", "debt", "Переплата"),
        ("9000004", "debt", "Долга нет"),
        ("9000005", "debt", 'ООО "Рога & Копыта" <филиал>'),
    ],
)
def test_every_state_of_an_account_is_said_plainly(
    hand: Hand, faults: Faults, account: str, screen: str, words: str
) -> None:
    faults.expected = (FAILED_TO_LOAD,)
    hand.find(account)
    hand.see(screen)
    assert words in hand.text()


def test_an_unknown_account_is_corrected_at_its_digit(hand: Hand, faults: Faults) -> None:
    faults.expected = (FAILED_TO_LOAD,)
    hand.find("9000804")
    expect(hand.page.get_by_text("Такого счёта нет")).to_be_visible()
    expect(hand.page.locator("[data-main]")).to_be_disabled()
    hand.page.locator(".digit").nth(4).click()
    hand.type("0")
    expect(hand.page.locator(".digits")).to_have_attribute("data-digits", "9000004")
    hand.main()
    hand.see("debt")


def test_without_the_server_the_kiosk_asks_nobody_for_money(hand: Hand, faults: Faults) -> None:
    faults.expected = (FAILED_TO_LOAD,)
    hand.page.route("**/api/v1/kiosk/accounts/**", lambda route: route.abort())
    hand.find("1004217")
    hand.see("trouble")
    assert "Деньги не вносите" in hand.text()
    hand.page.unroute("**/api/v1/kiosk/accounts/**")
    hand.see("debt")  # It tries again by itself.


def test_wrong_sums_and_readings_are_marked_at_the_digit(hand: Hand) -> None:
    hand.find("1004217")
    hand.see("debt")
    hand.main()
    hand.type("99")
    expect(hand.page.locator(".digit--wrong")).to_have_text("9")
    expect(hand.page.locator("[data-main]")).to_be_disabled()
    hand.type("9")
    expect(hand.page.locator("[data-main]")).to_have_text("Цифры верны")
    hand.press("Назад")
    hand.see("debt")
    hand.press("Закончить")
    hand.see("find")

    hand.go_to_sum("9000004")
    hand.press("Другая сумма")
    hand.type("15001")
    expect(hand.page.locator(".digit--wrong")).to_have_text("1")
    assert hand.page.locator(".digit").nth(4).get_attribute("class") == "digit digit--wrong"
    expect(hand.page.locator("[data-main]")).to_be_disabled()


def test_a_note_above_the_limit_comes_back_out(hand: Hand) -> None:
    hand.go_to_sum("9000004")
    hand.press("Другая сумма")
    hand.type("15000")
    hand.main()
    hand.see("cash")
    hand.insert(5000, 5000, 2000)
    hand.page.locator('[data-note="5000"]').click()
    expect(hand.page.get_by_text("Она возвращена")).to_be_visible()
    assert hand.inserted() == 1_200_000
    assert hand.journal()[0]["notes"] == [500_000, 500_000, 200_000]


def test_whoever_goes_away_is_asked_and_then_forgotten(page: Page, browser_server: Demo) -> None:
    page.clock.install()
    hand = Hand(page, browser_server.url)
    hand.come()
    hand.find("9000004")
    hand.see("debt")
    page.clock.run_for(41_000)
    expect(page.get_by_text("Вы ещё здесь?")).to_be_visible()
    hand.press("Я здесь, продолжить")
    page.clock.run_for(30_000)
    hand.see("debt")
    page.clock.run_for(31_000)
    hand.see("find")
    assert "9000 004" not in hand.text()


def test_money_of_whoever_goes_away_is_credited(page: Page, browser_server: Demo) -> None:
    page.clock.install()
    hand = Hand(page, browser_server.url)
    hand.come()
    hand.go_to_cash("1000012")
    page.locator('[data-note="50"]').click()
    page.clock.run_for(1_000)
    page.wait_for_selector('[data-inserted="5000"]')
    page.clock.run_for(61_000)
    hand.see("receipt")
    assert [each["amount_kopecks"] for each in payments(browser_server, "1000012")] == [5_000]


def test_the_kiosk_speaks_english_with_the_same_care(hand: Hand) -> None:
    hand.page.get_by_role("button", name="English").click()
    hand.find("9000002")
    hand.see("debt")
    assert "₽250.00" in hand.text()
    assert "Paid ahead" in hand.text()
    assert hand.page.evaluate("document.documentElement.lang") == "en"


def test_numbers_take_the_right_form_of_their_word(hand: Hand) -> None:
    forms = hand.page.evaluate(
        """async () => {
            const { counted } = await import("/ui_kit/words.js");
            const { formatMoney } = await import("/ui_kit/money.js");
            const words = ["платёж", "платежа", "платежей"];
            return [...[1, 2, 5, 11, 12, 21, 111, 0].map((n) => counted(n, words)),
                    formatMoney(152340), formatMoney(-25000), formatMoney(100000000),
                    formatMoney(160000, { short: true })];
        }"""
    )
    assert forms == [
        "1\u00a0платёж",
        "2\u00a0платежа",
        "5\u00a0платежей",
        "11\u00a0платежей",
        "12\u00a0платежей",
        "21\u00a0платёж",
        "111\u00a0платежей",
        "0\u00a0платежей",
        "1\u00a0523,40\u00a0₽",
        "\u2212250,00\u00a0₽",
        "1\u00a0000\u00a0000,00\u00a0₽",
        "1\u00a0600\u00a0₽",
    ]


def test_a_kiosk_that_cannot_keep_a_journal_takes_no_money(
    page: Page, browser_server: Demo
) -> None:
    page.add_init_script("Storage.prototype.setItem = () => { throw new Error('full'); };")
    hand = Hand(page, browser_server.url)
    hand.come()
    hand.go_to_sum("9000004")
    page.get_by_role("radio").first.click()
    hand.main()
    hand.see("trouble")
    assert "Терминал не принимает деньги" in hand.text()


def test_the_same_screens_lie_on_a_wide_monitor(
    make_page: MakePage, browser_server: Demo, shoot: Shoot
) -> None:
    page = make_page(LANDSCAPE)
    hand = Hand(page, browser_server.url)
    hand.come()
    hand.find("1000013")
    hand.see("debt")
    shoot(page, "kiosk-landscape-debt")
    hand.main()
    page.wait_for_selector('.kiosk:not([data-screen="debt"])')
    shoot(page, "kiosk-landscape-reading")
