"""Which accounts are asked for: all alike, or a few of them most of the time."""

from __future__ import annotations

import math
import random
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from itertools import accumulate

_FIRST_ACCOUNT = 20_000_000
_STRIDE = 7_368_787
"""A prime, so that neighbours in rank are no neighbours in number; see `number_of`."""

ZIPF, UNIFORM = "Zipf 1.0", "uniform"


def account_number(place: int) -> str:
    """The account at a place; eight digits, so that all requests are equally long."""
    return str(_FIRST_ACCOUNT + place)


def number_of(rank: int, count: int) -> str:
    """The account of a popularity, 0 = the most popular; every account has one rank."""
    assert math.gcd(_STRIDE, count) == 1
    return account_number(rank * _STRIDE % count)


def drawn(distribution: str, count: int, draws: int, seed: int) -> list[str]:
    """Accounts drawn from `count` of them."""
    generator = random.Random(seed)
    if distribution == UNIFORM:
        return [account_number(generator.randrange(count)) for _ in range(draws)]
    return [number_of(rank, count) for rank in zipf_ranks(count, draws, generator)]


def zipf_ranks(count: int, draws: int, generator: random.Random) -> list[int]:
    """Ranks from 0; the one at r comes 1 / (r + 1) times as often as the first."""
    heights = _heights(count)
    top = heights[-1]
    return [bisect_right(heights, generator.random() * top) for _ in range(draws)]


@cache
def _heights(count: int) -> Sequence[float]:
    return array("d", accumulate(1 / rank for rank in range(1, count + 1)))
