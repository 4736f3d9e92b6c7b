"""Chromium as the tests drive it: a kiosk's screen, and a page that reports its own faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

PATIENCE_MS = 45_000
"""How long a page may take for what it is waited for: on a busy machine that is long."""
PORTRAIT = (1080, 1920)
LANDSCAPE = (1280, 1024)
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def running_chromium(path: str) -> Iterator[Browser]:
    """One headless browser. It is not kept beyond a module: its loop would be in the way."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass(slots=True)
class Faults:
    """What a page did wrong by itself; a test that provokes some names them in `expected`."""

    origin: str
    seen: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def watch(self, page: Page) -> None:
        """Collect exceptions, console errors (so also policy violations) and foreign requests."""
        page.on("pageerror", lambda error: self.seen.append(str(error)))
        page.on("console", lambda message: self._console(message))
        page.on("request", lambda request: self._origin(request.url))

    def unexpected(self) -> list[str]:
        """The faults that no test asked for."""
        return [fault for fault in self.seen if not any(part in fault for part in self.expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.seen.append(f"{message.text} {message.location.get('url', '')}")

    def _origin(self, url: str) -> None:
        if not url.startswith((self.origin, "data:")):
            self.seen.append(f"asked a foreign server: {url}")


def open_page(browser: Browser, size: tuple[int, int], faults: Faults) -> Page:
    """A page of its own context, so with an empty memory."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    faults.watch(page)
    return page
