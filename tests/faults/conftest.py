"""A town to copy and a loop for networks, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.background import Background
from tests.faults.counter import eventually
from tests.faults.house import House
from tests.faults.stage import Stage
from tests.faults.town import Town
from tests.servers import short_directory

OpenStage = Callable[..., Stage]
"""Takes Stage's options."""


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    with Background() as background:
        yield background


@pytest.fixture(scope="session")
def town() -> Iterator[Town]:
    with short_directory() as directory:
        yield Town(directory / "town")


@pytest.fixture(scope="module")
def lasting_stage(background: Background, town: Town) -> Iterator[Stage]:
    """One server that all tests of a module use, each of which leaves everything at work."""
    with (
        short_directory() as directory,
        Stage(background, directory, town, is_shimmed=True) as stage,
    ):
        yield stage


@pytest.fixture
def house(lasting_stage: Stage, background: Background) -> House:
    """The same, when everything in it works."""
    house = House(lasting_stage, background)
    eventually(house.is_whole)
    return house


@pytest.fixture
def open_stage(background: Background, town: Town) -> Iterator[OpenStage]:
    """Makes a stage of the test's own; it is cleared away afterwards."""
    with ExitStack() as stack:

        def opened(directory: Path | None = None, **options: Any) -> Stage:
            place = directory or stack.enter_context(short_directory())
            return stack.enter_context(Stage(background, place, town, **options))

        yield opened
