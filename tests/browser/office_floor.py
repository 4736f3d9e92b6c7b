"""An office that listens while a test drives its pages, and somebody's hands at the keyboard."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, expect

from server.money import Money
from tests.api.premises import opened

DESK = (1440, 900)


@contextmanager
def running_office(
    dsn: str,
    second_person_above: Money | None = None,
    happens: Callable[[str], Awaitable[None]] | None = None,
) -> Iterator[str]:
    """Its address, after `happens` (told the DSN). It lives in a thread with a loop of its own."""
    ready, done = threading.Event(), asyncio.Event()
    urls: list[str] = []
    loop = asyncio.new_event_loop()

    async def live() -> None:
        async with opened(dsn, second_person_above=second_person_above) as office:
            if happens is not None:
                await happens(dsn)
            urls.append(office.url)
            ready.set()
            await done.wait()

    def run() -> None:
        try:
            loop.run_until_complete(live())
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=run, name="office")
    thread.start()
    ready.wait(60)
    assert urls, "the office did not open"
    try:
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(30)
        assert not thread.is_alive()


class Clerk:
    """Somebody of the office at their page."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = f"{url}/office/"

    def enter(self, login: str = "accountant") -> None:
        """Log in by the demo's list of people."""
        self.page.goto(self._url)
        self.page.locator(f".door__person:has-text('{login}')").click()
        self.page.wait_for_selector(".nav")

    def go(self, address: str) -> None:
        """Open a page by its address."""
        self.page.goto(f"{self._url}#/{address}")

    def press(self, *keys: str) -> None:
        """Keys, one after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def upload(self, name: str, content: bytes, *, lenient: bool = False) -> None:
        """Bring a file in as a person would, from the list of registries."""
        self.page.get_by_role("button", name="Загрузить реестр").click()
        chosen = {"name": name, "mimeType": "text/csv", "buffer": content}
        self.page.set_input_files(".upload input[type=file]", chosen)  # type: ignore[arg-type]
        self.page.select_option("select[name=agent]", "osmp")
        if lenient:
            self.page.get_by_role("checkbox").check()
        self.page.get_by_role("button", name="Загрузить", exact=True).click()

    def open_case(self, kind: str) -> None:
        """From the list, the first case of a kind."""
        self.go("mismatches")
        row = self.page.locator(f"tr[data-kind='{kind}']").first
        number = row.get_attribute("data-case")
        row.click()
        self.page.wait_for_selector(f"[data-case-page='{number}'] .compare")

    def choose(self, action: str) -> Locator:
        """Choose a decision; its card, with the consequence."""
        card = self.page.locator(f".choice[data-action='{action}']")
        card.get_by_role("radio").first.check()
        return card

    def decide(self, reason: str) -> None:
        """Give a reason and carry the decision out by keyboard."""
        self.page.locator("textarea[name=reason]").fill(reason)
        self.press("Control+Enter")

    def see_outcome(self, words: str) -> None:
        """Wait until the case says how it ended."""
        expect(self.page.locator(".case__done .notice__title")).to_have_text(words)

    def text(self, selector: str = ".page") -> str:
        """What a part of the page says, with plain spaces."""
        return self.page.locator(selector).inner_text().replace("\u00a0", " ")
