"""A demo for the pages, one browser a module, a page a test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import PORTRAIT, Faults, open_page, running_chromium
from tests.integration.demo import Demo

PICTURES = Path(__file__).parents[2] / "docs" / "img"
MakePage = Callable[[tuple[int, int]], Page]
Shoot = Callable[[Page, str], None]


@pytest.fixture(scope="session")
def browser_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The running demo whose pages are driven; `url` is where it listens."""
    demo = Demo(tmp_path_factory.mktemp("pages"), accounts=200)
    demo.start()
    yield demo
    assert demo.stop() == 0


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Chromium."""
    with running_chromium(chromium) as browser:
        yield browser


@pytest.fixture
def faults(browser_server: Demo) -> Iterator[Faults]:
    """What the pages of a test did wrong; anything unexpected fails the test."""
    faults = Faults(browser_server.url)
    yield faults
    assert faults.unexpected() == []


@pytest.fixture
def make_page(browser: Browser, faults: Faults) -> Iterator[MakePage]:
    """Makes pages of a given size, each with a memory of its own."""
    pages: list[Page] = []

    def make(size: tuple[int, int]) -> Page:
        pages.append(open_page(browser, size, faults))
        return pages[-1]

    yield make
    for page in pages:
        page.context.close()


@pytest.fixture
def page(make_page: MakePage) -> Page:
    """A page of the kiosk's portrait screen."""
    return make_page(PORTRAIT)


@pytest.fixture
def shoot(tmp_path: Path) -> Shoot:
    """Takes a picture; with KVITOK_PICTURES=1 into docs/img, where the documents show it."""
    place = PICTURES if os.environ.get("KVITOK_PICTURES") == "1" else tmp_path

    def shoot(page: Page, name: str) -> None:
        page.wait_for_timeout(200)
        page.screenshot(path=place / f"{name}.png", scale="css")

    return shoot
