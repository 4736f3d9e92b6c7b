"""Medians, spreads and paired ratios: a figure is worth what its rounds agree on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of some rounds and how far they lie apart."""

    median: float
    low: float
    high: float
    rounds: int

    def shown(self, decimals: int = 1) -> str:
        """`12.3 (11.8–13.0)`."""
        low, high = f"{self.low:.{decimals}f}", f"{self.high:.{decimals}f}"
        return f"{self.median:.{decimals}f} ({low}–{high})"


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(quantile(values, 0.5), min(values), max(values), len(values))


def paired(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Ratio by ratio within each round, so that what slows a whole round down cancels out."""
    return spread([a / b for a, b in zip(numerators, denominators, strict=True)])


def quantile(values: Sequence[float], share: float) -> float:
    """Between the two nearest values, in proportion."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
