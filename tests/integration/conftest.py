"""One demo with two workers for all tests that leave it running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.demo import Demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"), workers=2)
    demo.start()
    yield demo
    assert demo.stop() == 0
