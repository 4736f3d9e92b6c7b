"""A demo for the pages, one browser a module, a page a test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import PORTRAIT, Faults, open_page, running_chromium
from tests.browser.office_floor import DESK, Clerk
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
def site(browser_server: Demo) -> str:
    """Where the pages are; a module that needs a server of its own says otherwise."""
    return browser_server.url


@pytest.fixture
def faults(site: str) -> Iterator[Faults]:
    """What the pages of a test did wrong; anything unexpected fails the test."""
    faults = Faults(site)
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
def vera(make_page: MakePage, site: str) -> Clerk:
    """An accountant, logged in."""
    vera = Clerk(make_page(DESK), site)
    vera.enter()
    return vera


@pytest.fixture
def petr(make_page: MakePage, site: str) -> Clerk:
    """A controller, logged in."""
    petr = Clerk(make_page(DESK), site)
    petr.enter("controller")
    return petr


@pytest.fixture
def shoot(tmp_path: Path) -> Shoot:
    """Takes a picture; with KVITOK_PICTURES=1 into docs/img, where the documents show it."""
    place = PICTURES if os.environ.get("KVITOK_PICTURES") == "1" else tmp_path

    def shoot(page: Page, name: str) -> None:
        page.wait_for_timeout(200)
        page.screenshot(path=place / f"{name}.png", scale="css")

    return shoot
