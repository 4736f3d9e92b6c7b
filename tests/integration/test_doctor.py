"""What the doctor says of settings that no server of the tests has."""

from __future__ import annotations

from typing import Any, cast

import pytest

from server.cli.doctor import _standbys


class Answers:
    """A connection to a PostgreSQL with these standbys."""

    def __init__(self, names: str) -> None:
        self._names = names

    async def fetchval(self, query: str) -> str:
        assert query == "show synchronous_standby_names"
        return self._names


@pytest.mark.parametrize(
    ("names", "ok"),
    [("", True), ("standby", True), ("ANY 1 (a, b)", True), ("*", False), ("FIRST 1 (*)", False)],
)
async def test_a_standby_that_is_waited_for_must_be_named(names: str, ok: bool) -> None:
    check = await _standbys(cast("Any", Answers(names)))
    assert check.ok is ok
    assert names in check.detail
