"""Ten runs against the whole server: everything may break at any moment, and nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.theatre import Theatre
from tests.faults.total import Result

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ALONE, TWO_SERVERS, WITH_FAILOVER = (0, 2, 4, 6), (1, 3, 5), (1, 2, 3)


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    with Theatre(failover=False) as theatre:
        yield theatre


@pytest.fixture(scope="module")
def theatre_with_a_standby() -> Iterator[Theatre]:
    with Theatre(failover=True) as theatre:
        yield theatre


def is_as_promised(result: Result) -> None:
    """The schedule is told when it is not."""
    assert not result.faults, result
    assert result.numbers["payments"] > 0


@pytest.mark.parametrize("seed", ALONE)
def test_one_server_is_right_whatever_breaks(theatre: Theatre, seed: int) -> None:
    is_as_promised(theatre.run(seed, hosts=1))


@pytest.mark.parametrize("seed", TWO_SERVERS)
def test_two_servers_on_one_store_are_right_whatever_breaks(theatre: Theatre, seed: int) -> None:
    is_as_promised(theatre.run(seed, hosts=2))


@pytest.mark.parametrize("seed", WITH_FAILOVER)
def test_nothing_is_lost_when_the_standby_takes_over(
    theatre_with_a_standby: Theatre, seed: int
) -> None:
    is_as_promised(theatre_with_a_standby.run(seed, hosts=1))
