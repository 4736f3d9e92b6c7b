"""Sizes a standing person needs, and the rule that only tokens name colours, sizes, durations."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import LANDSCAPE, PORTRAIT
from tests.browser.conftest import MakePage
from tests.browser.kiosk_hand import Hand
from tests.integration.demo import Demo

ROOT = Path(__file__).parents[2]

# Targets of 96, text of 28 and sums of 72 pixels at least, and nothing to scroll.
MEASURE = """() => {
    const faults = [];
    const box = (node) => node.getBoundingClientRect();
    const font = (node) => parseFloat(getComputedStyle(node).fontSize);
    for (const button of document.querySelectorAll(".kiosk button:not(.digit)")) {
        const { width, height } = box(button);
        if (Math.min(width, height) < 96)
            faults.push(`small: ${button.textContent} ${width}x${height}`);
    }
    for (const node of document.querySelectorAll(".kiosk *")) {
        const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
        if (!own || node.closest("svg, .unseen")) continue;
        if (font(node) < 28) faults.push(`text: ${node.textContent}`);
    }
    for (const sum of document.querySelectorAll(".money--sum, .money--hero"))
        if (font(sum) < 72) faults.push(`sum: ${sum.textContent}`);
    for (const part of document.querySelectorAll(".body, .body__say, .body__hands, .foot, .slip")) {
        const wide = part.scrollWidth - part.clientWidth;
        const high = part.scrollHeight - part.clientHeight;
        if (wide > 4 || high > 4) faults.push(`overflow: ${part.className} ${wide} ${high}`);
    }
    const main = box(document.querySelector("[data-main]"));
    return { faults, main: [main.x, main.y, main.width, main.height].map(Math.round) };
}"""


@pytest.mark.browser
@pytest.mark.parametrize("size", [PORTRAIT, LANDSCAPE])
@pytest.mark.parametrize("language", ["Русский", "English"])
def test_everything_is_large_enough_and_nothing_scrolls_on_the_main_way(
    make_page: MakePage, browser_server: Demo, size: tuple[int, int], language: str
) -> None:
    page = make_page(size)
    hand = Hand(page, browser_server.url)
    hand.come()
    page.get_by_role("button", name=language).click()
    measured: dict[str, Any] = {}

    def measure(name: str, *acts: Callable[[], None]) -> None:
        for act in acts:
            act()
        page.wait_for_timeout(120)
        measured[name] = page.evaluate(MEASURE)

    measure("find")
    measure("typed", lambda: hand.type("1000013"))
    measure("debt", hand.main, lambda: hand.see("debt"))
    hand.main()
    while page.locator('.kiosk[data-screen="readings"]').count():
        measure("reading", lambda: hand.type("9"))
        page.locator(".key--word").first.click()
        hand.main()
        page.wait_for_timeout(80)
    measure("sum", lambda: hand.see("sum"))
    measure("own", lambda: page.locator(".offer--own").click())
    hand.type("100")
    measure("cash", hand.main)
    measure("paid", lambda: hand.insert(100))
    measure("receipt", hand.main, lambda: hand.see("receipt"))
    measure("farewell", hand.main)

    assert {name: found["faults"] for name, found in measured.items() if found["faults"]} == {}
    assert len({tuple(found["main"]) for found in measured.values()}) == 1


NAMED = re.compile(
    r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch)a?\(|(?<![\w.-])[\d.]+(?:px|rem|pt|v[wh]|m?s)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("folder", ["ui_kit", "kiosk_ui"])
def test_only_the_tokens_name_a_colour_a_size_or_a_duration(folder: str) -> None:
    named = {
        f"{sheet.relative_to(ROOT)}: {found}"
        for sheet in (ROOT / folder).rglob("*.css")
        if sheet.name != "tokens.css"
        for found in NAMED.findall(sheet.read_text())
    }
    assert named == set()
