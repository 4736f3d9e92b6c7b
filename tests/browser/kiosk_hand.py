"""A resident's hand at the kiosk: touches what a person would touch, reads what a person sees."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page

JOURNAL = "kvitok.kiosk.journal"


class Hand:
    """Drives one kiosk page."""

    def __init__(self, page: Page, server: str) -> None:
        self.page = page
        self._address = f"{server}/kiosk/"

    def come(self) -> None:
        """Step in front of the kiosk."""
        self.page.goto(self._address)
        self.see("find")

    def type(self, digits: str) -> None:
        """Press keys of the number pad."""
        for digit in digits:
            self.page.locator(".keypad").get_by_role("button", name=digit, exact=True).click()

    def main(self) -> None:
        """Press the main button."""
        self.page.locator("[data-main]").click()

    def press(self, name: str) -> None:
        """Press a button by its words."""
        self.page.get_by_role("button", name=name).click()

    def see(self, screen: str) -> None:
        """Wait for a screen."""
        self.page.wait_for_selector(f'.kiosk[data-screen="{screen}"]')

    def text(self) -> str:
        """What the screen says, with plain spaces."""
        return self.page.locator(".kiosk").inner_text().replace("\u00a0", " ")

    def find(self, account: str) -> None:
        """Type an account and ask for its debt."""
        self.type(account)
        self.main()

    def go_to_sum(self, account: str) -> None:
        """From the first screen to the choice of the sum, skipping every meter."""
        self.find(account)
        self.see("debt")
        self.main()
        self.page.wait_for_selector('.kiosk:not([data-screen="debt"])')
        while self.page.locator('.kiosk[data-screen="readings"]').count():
            self.main()
            self.page.wait_for_timeout(50)

    def go_to_cash(self, account: str) -> None:
        """From the first screen to the open acceptor: the recommended sum, or the first offered."""
        self.go_to_sum(account)
        self.see("sum")
        if not self.page.get_by_role("radio", checked=True).count():
            self.page.get_by_role("radio").first.click()
        self.main()
        self.see("cash")

    def insert(self, *notes: int) -> None:
        """Insert notes (roubles) one by one, each shown before the next."""
        for note in notes:
            before = self.inserted()
            self.page.locator(f'[data-note="{note}"]').click()
            self.page.wait_for_selector(f'[data-inserted="{before + 100 * note}"]')

    def inserted(self) -> int:
        """Kopecks that the screen says are in."""
        return int(self.page.locator("[data-inserted]").get_attribute("data-inserted") or "")

    def journal(self) -> list[dict[str, Any]]:
        """What the kiosk has written about money."""
        kept = self.page.evaluate("key => localStorage.getItem(key)", JOURNAL)
        entries: list[dict[str, Any]] = json.loads(kept or "[]")
        return entries
