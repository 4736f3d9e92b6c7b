"""How people pay: 256 courses of a year, in the proportions of a real town."""

from __future__ import annotations

from random import Random

from server.demo.periods import MONTHS

_SEED = 103
ROUND_SUM = -1

Habit = tuple[tuple[int, int], ...]
"""Steps (k, until): in pay month k the bills before `until` are paid; ROUND_SUM = on account."""


def habits() -> tuple[Habit, ...]:
    """256 courses; which of them an account follows is decided by its number."""
    random = Random(_SEED)
    return (
        *(_regular(random, 1) for _ in range(128)),
        *(_regular(random, 2) for _ in range(50)),
        *(_regular(random, 3) for _ in range(14)),
        *(_round_sums(random) for _ in range(22)),
        *(_given_up(random) for _ in range(26)),
        *(() for _ in range(7)),
        *(_ahead(random) for _ in range(9)),
    )


def _regular(random: Random, every: int) -> Habit:
    """Whole bills, every so many months; now and then a month is forgotten and made up for."""
    start = random.randrange(every)
    return tuple((k, k + 1) for k in range(start, MONTHS, every) if random.randrange(14))


def _round_sums(random: Random) -> Habit:
    """Round sums that name no service."""
    return tuple((k, ROUND_SUM) for k in range(MONTHS) if random.randrange(8))


def _given_up(random: Random) -> Habit:
    """Paid at first, has owed ever since."""
    stop = random.randrange(1, MONTHS - 1)
    return tuple((k, k + 1) for k in range(stop))


def _ahead(random: Random) -> Habit:
    """Every bill in full, and once a round sum in advance."""
    extra = random.randrange(2, MONTHS - 1)
    return tuple((k, ROUND_SUM if k == extra else k + 1) for k in range(MONTHS))
