"""One demo with two workers for all tests that leave it running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.demo import Demo


@pytest.fixture(scope="session")
def shared_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The server of this run."""
    demo = Demo(tmp_path_factory.mktemp("demo"), workers=2)
    demo.start()
    yield demo
    assert demo.stop() == 0


@pytest.fixture(scope="module")
def demo(shared_demo: Demo) -> Iterator[Demo]:
    """The same for a module, which may not pay on the accounts that others find as promised."""
    before = shared_demo.paid_on_fixed()
    yield shared_demo
    assert shared_demo.paid_on_fixed() - before == set()
