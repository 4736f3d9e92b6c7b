"""The accountants' workbench in a real browser: registries come in, cases are settled by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from server.money import Money
from tests.api.premises import CLEAN, FAULTY, NAME, of_another_day
from tests.browser.chromium import Faults
from tests.browser.conftest import MakePage, Shoot
from tests.browser.office_floor import DESK, Clerk, running_office

OFFICE_UI = Path(__file__).parents[2] / "office_ui"
REFUSED = "Failed to load resource: the server responded with a status of"
NAMED = re.compile(
    r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch)a?\(|(?<![\w.-])[\d.]+(?:px|rem|pt|v[wh]|m?s)\b",
    re.IGNORECASE,
)


@pytest.fixture
def site(database_dsn: str) -> Iterator[str]:
    """An office whose decisions above 1 200 roubles need a second person."""
    with running_office(database_dsn, Money(120_000)) as url:
        yield url


def colleague(make_page: MakePage, site: str, login: str) -> Clerk:
    clerk = Clerk(make_page(DESK), site)
    clerk.enter(login)
    return clerk


@pytest.mark.browser
def test_an_accountant_uploads_a_file_and_settles_one_case_of_each_kind(
    vera: Clerk, make_page: MakePage, site: str, shoot: Shoot
) -> None:
    expect(vera.page.get_by_text("Реестров пока нет")).to_be_visible()
    vera.upload(NAME, FAULTY, lenient=True)
    vera.page.wait_for_selector(".buckets")
    assert "7 501,60 ₽" in vera.text(".sums")
    assert "Сходится до копейки" in vera.text(".buckets")
    shoot(vera.page, "office-2-registry")
    vera.press("Enter")
    vera.page.wait_for_selector("tr[data-case]")
    assert "11 расхождений" in vera.text(".cases")
    shoot(vera.page, "office-3-mismatches")

    _settle_by_hand(vera, shoot)
    for kind, action in (
        ("ACCOUNT_DIFFERS", "accept"),
        ("DATE_DIFFERS", "accept"),
        ("CLOSED_ACCOUNT", "return"),
        ("BAD_LINE", "accept"),
        ("NOT_IN_REGISTRY", "accept"),
        ("TOTAL_DIFFERS", "accept"),
    ):
        vera.open_case(kind)
        vera.choose(action)
        vera.decide("Проверено по выписке")
        vera.see_outcome(
            {"accept": "Решено: принято как есть", "return": "Решено: возврат"}[action]
        )

    petr = colleague(make_page, site, "controller")
    _settle_with_a_second_person(vera, petr)
    vera.open_case("BAD_LINE")  # There were two.
    vera.choose("accept")
    vera.decide("Сеть пришлёт исправленный файл")
    vera.see_outcome("Решено: принято как есть")
    _see_the_list(vera, shoot)


def _settle_by_hand(vera: Clerk, shoot: Shoot) -> None:
    """The story is read, the decision is taken: once by key, once by mouse."""
    vera.open_case("AMOUNT_DIFFERS")
    assert "Агент передаёт на 50,00 ₽ больше, чем учтено у нас" in vera.text(".case__title")
    differing = vera.page.locator("[data-field=amount] .digit--differs")
    assert differing.all_inner_texts() == ["5", "0"]
    vera.press("1")
    expect(vera.page.locator(".choice--on")).to_have_attribute("data-action", "return")
    shoot(vera.page, "office-4-case")
    vera.decide("Сеть вернёт разницу, письмо 118")
    vera.see_outcome("Решено: возврат")

    vera.open_case("UNIDENTIFIED")
    card = vera.choose("assign")
    card.get_by_role("button", name="1000004").click()
    expect(card.locator(".choice__then")).to_contain_text("станет долг")
    vera.decide("Плательщик переставил цифры")
    vera.see_outcome("Решено: проведено")
    assert "Разнесено на счёт 1000004" in vera.text(".history")


def _settle_with_a_second_person(vera: Clerk, petr: Clerk) -> None:
    """Above the limit: proposed by one, confirmed by another."""
    for kind, action in (("NOT_RECORDED", "post"), ("DUPLICATE_LINE", "accept")):
        vera.open_case(kind)
        vera.choose(action)
        vera.decide("Подтверждено сетью")
        expect(vera.page.locator(".decide")).to_contain_text("Решение ждёт контролёра")
        petr.open_case(kind)
        petr.page.get_by_role("button", name="Подтвердить").click()
        petr.page.wait_for_selector(".case__done")
        assert "подтверждает Пётр Сомов" in petr.text(".case__done")


def _see_the_list(vera: Clerk, shoot: Shoot) -> None:
    """Two more files, and the first one is settled."""
    for days_back in (1, 2):
        vera.go("registries")
        vera.upload(*of_another_day(days_back))
        vera.page.wait_for_selector(".buckets")
    vera.go("registries")
    expect(vera.page.locator("tr[data-registry='1']")).to_contain_text("Разобран")
    expect(vera.page.locator("tr[data-registry='2']")).to_contain_text("2 открыто")
    shoot(vera.page, "office-1-registries")


@pytest.mark.browser
def test_a_controller_closes_a_registry_that_is_settled(
    vera: Clerk, make_page: MakePage, site: str, shoot: Shoot
) -> None:
    vera.upload(NAME, CLEAN)
    vera.page.wait_for_selector(".buckets")
    assert "Закрывает реестр контролёр" in vera.text(".closing")
    petr = colleague(make_page, site, "controller")
    petr.go("registries/1")
    petr.page.get_by_role("button", name="Закрыть реестр").click()
    expect(petr.page.locator(".closing .notice--safe")).to_contain_text("Пётр Сомов")
    expect(petr.page.locator(".head__tools")).to_contain_text("Закрыт")
    shoot(petr.page, "office-13-closed")
    vera.go("registries")
    expect(vera.page.locator("tr[data-registry='1']")).to_contain_text("Закрыт")


@pytest.mark.browser
def test_two_accountants_one_case_the_second_is_told_who_was_faster(
    vera: Clerk, make_page: MakePage, site: str, faults: Faults, shoot: Shoot
) -> None:
    faults.expected = (f"{REFUSED} 409",)
    vera.upload(NAME, FAULTY, lenient=True)
    vera.page.wait_for_selector(".buckets")
    galina = colleague(make_page, site, "galina")
    for clerk in (vera, galina):
        clerk.open_case("UNIDENTIFIED")
    vera.choose("return")
    galina.choose("accept")
    vera.decide("Счёта нет, вернуть")
    vera.see_outcome("Решено: возврат")
    galina.decide("Другой получатель")
    late = galina.page.locator(".case__late")
    expect(late).to_contain_text("Вера Демина")
    expect(late).to_contain_text("оформлен возврат")
    expect(late).to_contain_text("Ваша причина не записана: «Другой получатель»")
    expect(galina.page.locator(".decide")).to_have_count(0)
    shoot(galina.page, "office-5-conflict")


@pytest.mark.browser
def test_a_refused_file_shows_its_line_and_column(
    vera: Clerk, faults: Faults, shoot: Shoot
) -> None:
    faults.expected = (f"{REFUSED} 422",)
    vera.upload(NAME, FAULTY)
    refusal = vera.page.locator(".upload .notice--risk")
    expect(refusal).to_contain_text("Строка 11, позиция 41")
    expect(refusal.locator(".excerpt__at")).to_have_text("12О.00")
    expect(refusal).to_contain_text("Ничего не учтено и не изменено.")
    shoot(vera.page, "office-6-refused")
    vera.press("Escape")
    expect(vera.page.locator(".refusals")).to_contain_text(NAME)


@pytest.mark.browser
def test_a_file_that_is_too_large_is_not_even_sent(vera: Clerk) -> None:
    vera.upload(NAME, b"x" * ((1 << 20) + 1))
    expect(vera.page.locator(".upload .notice--risk")).to_contain_text("Файл больше 1\u00a0МБ")


@pytest.mark.browser
def test_a_file_is_dropped_onto_the_window(vera: Clerk) -> None:
    transfer = vera.page.evaluate_handle(
        """([name, text]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([text], name));
            return transfer;
        }""",
        [NAME, CLEAN.decode()],
    )
    vera.page.dispatch_event(".sheet", "dragenter", {"dataTransfer": transfer})
    expect(vera.page.locator(".drop")).to_be_visible()
    vera.page.dispatch_event(".sheet", "drop", {"dataTransfer": transfer})
    expect(vera.page.locator(".pick__name")).to_contain_text(NAME)
    vera.page.select_option("select[name=agent]", "osmp")
    vera.page.get_by_role("button", name="Загрузить", exact=True).click()
    vera.page.wait_for_selector(".buckets")
    assert "Все строки сошлись с платежами" in vera.text()


@pytest.mark.browser
def test_the_hands_stay_on_the_keyboard(vera: Clerk) -> None:
    vera.upload(NAME, FAULTY, lenient=True)
    vera.page.wait_for_selector(".buckets")
    selected = vera.page.locator("[aria-selected=true]")
    vera.press("m")
    vera.page.wait_for_selector("tr[data-case]")
    vera.press("j", "j", "k")
    expect(selected).to_have_attribute("data-case", "1")
    vera.press("Enter")
    vera.page.wait_for_selector("[data-case-page='1'] .decide")
    vera.press("j")
    vera.page.wait_for_selector("[data-case-page='2'] .decide")
    vera.press("t")
    expect(vera.page.locator(".case__line")).to_contain_text("У вас")
    vera.press("Escape")
    expect(vera.page.locator(".case")).to_have_count(0)
    vera.press("/")
    vera.page.keyboard.type("1000040")
    expect(vera.page.locator("tr[data-case]")).to_have_count(1)
    vera.press("Escape", "?")
    expect(vera.page.get_by_role("dialog", name="Клавиши")).to_be_visible()
    vera.press("Escape")
    expect(vera.page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.browser
def test_shortcuts_work_under_a_russian_layout(vera: Clerk) -> None:
    vera.page.evaluate(
        """() => document.body.dispatchEvent(
            new KeyboardEvent("keydown", { key: "ь", code: "KeyM", bubbles: true }))"""
    )
    expect(vera.page.get_by_role("heading", name="Расхождения")).to_be_visible()


@pytest.mark.browser
def test_the_door_names_the_demo_and_keeps_strangers_out(
    make_page: MakePage, site: str, faults: Faults, shoot: Shoot
) -> None:
    faults.expected = (f"{REFUSED} 401",)
    page = make_page(DESK)
    page.goto(f"{site}/office/")
    expect(page.get_by_text("Демонстрация. Город и люди вымышлены")).to_be_visible()
    shoot(page, "office-0-log-in")
    page.get_by_label("Имя").fill("accountant")
    page.get_by_label("Пароль").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Имя или пароль не подходят.")
    page.get_by_label("Пароль").fill("demo")
    page.keyboard.press("Enter")
    page.wait_for_selector(".nav")
    page.context.clear_cookies()
    page.keyboard.press("m")
    page.wait_for_selector(".door")  # The session ended: whatever was open, log in again.


@pytest.mark.browser
def test_without_a_network_the_page_says_so_and_goes_on_when_it_is_back(
    vera: Clerk, faults: Faults
) -> None:
    faults.expected = ("net::ERR_INTERNET_DISCONNECTED",)
    vera.page.wait_for_selector(".blank")
    vera.page.context.set_offline(True)
    vera.press("m")
    expect(vera.page.get_by_text("Нет связи с сервером")).to_be_visible()
    vera.page.context.set_offline(False)
    vera.page.get_by_role("button", name="Попробовать снова").click()
    expect(vera.page.get_by_text("Всё разобрано")).to_be_visible()


@pytest.mark.browser
def test_english_is_complete(vera: Clerk) -> None:
    vera.upload(NAME, FAULTY, lenient=True)
    vera.page.wait_for_selector(".buckets")
    vera.page.get_by_role("button", name="English").click()
    assert "Adds up to the kopeck" in vera.text(".buckets")
    vera.go("mismatches")
    for number in range(1, 12):
        vera.go(f"mismatches/{number}")
        vera.page.wait_for_selector(f"[data-case-page='{number}'] .decide")
        titles = vera.page.locator(
            ".case h1, .case h2, .choice__name, .choice__then, .section__note, .raw li"
        )
        assert not re.search("[а-яё]", " ".join(titles.all_inner_texts()), re.IGNORECASE)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("left", "right", "marked_left", "marked_right"),
    [
        ("1000040", "1000004", "40", "04"),
        ("1000001", "100001", "0", ""),
        ("1000001", "1000001", "", ""),
        ("", "7", "", "7"),
    ],
)
def test_the_difference_is_found_digit_by_digit(
    vera: Clerk, left: str, right: str, marked_left: str, marked_right: str
) -> None:
    pairs: list[dict[str, Any]] = vera.page.evaluate(
        """async ([left, right]) =>
            (await import("/office/case/digits.js")).aligned(left, right)""",
        [left, right],
    )
    assert "".join(pair["left"] for pair in pairs) == left
    assert "".join(pair["right"] for pair in pairs) == right
    differing = [pair for pair in pairs if not pair["same"]]
    assert "".join(pair["left"] for pair in differing) == marked_left
    assert "".join(pair["right"] for pair in differing) == marked_right


@pytest.mark.browser
def test_the_api_documents_itself_offline(make_page: MakePage, site: str, shoot: Shoot) -> None:
    page = make_page(DESK)
    page.goto(f"{site}/docs")
    expect(page.get_by_role("heading", name="Mismatches", exact=True)).to_be_visible()
    page.get_by_role("link", name="Decide it; 409 when somebody else was faster").click()
    expect(page.locator(".operation:target")).to_contain_text("/mismatches/{mismatch_id}/resolve")
    shoot(page, "office-7-api")


def test_only_the_tokens_name_a_colour_a_size_or_a_duration() -> None:
    named = {
        f"{sheet.relative_to(OFFICE_UI)}: {found}"
        for sheet in OFFICE_UI.rglob("*.css")
        for found in NAMED.findall(sheet.read_text())
    }
    assert named == set()
