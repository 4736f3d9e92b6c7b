"""Interleaved rounds: everybody once in each, in another order every time."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping

from loadtests.bench.load import Sample

Work = Mapping[str, Callable[[int], Sample]]
"""By row: measures it once; told the round, so that all rows of a round ask for the same."""
Samples = dict[str, list[Sample]]


def interleaved(work: Work, rounds: int, *, seed: int = 1, warm_up: int = 1) -> Samples:
    """Every row's samples, round by round. What warms up is not kept."""
    found: Samples = {name: [] for name in work}
    for number, name in shuffled(list(work), rounds, seed=seed, warm_up=warm_up):
        sample = work[name](number)
        if number >= 0:
            found[name].append(sample)
    return found


def shuffled(
    names: list[str], rounds: int, *, seed: int = 1, warm_up: int = 0
) -> Iterator[tuple[int, str]]:
    """Round and row; rounds that warm up have numbers below 0."""
    generator = random.Random(seed)
    for number in range(-warm_up, rounds):
        order = list(names)
        generator.shuffle(order)
        for name in order:
            yield number, name
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
