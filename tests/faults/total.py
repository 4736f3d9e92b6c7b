"""What many runs have shown together, kept run by run in a file: they may be interrupted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.faults.run import Run
from tests.faults.schedule import Component

_SPARED = (Component.POSTGRES, Component.REDIS, Component.SYNC, Component.WORKER)
"""Without one of them most checks are answered all the same."""
_SHARE_MIN = 0.9
_CHECKS_MIN = 500
"""Fewer say nothing yet."""


@dataclass(frozen=True, slots=True)
class Result:
    """What is kept of a run."""

    seed: int
    hosts: int
    seconds: float
    faults: list[str]
    """None = the run was as promised."""
    kinds: dict[str, int] = field(default_factory=dict)
    """What was done to it."""
    numbers: dict[str, int] = field(default_factory=dict)
    slowest_seconds: float = 0.0
    answered: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By component: checks with a debt while it alone was away, and all."""


def result_of(run: Run, hosts: int, seconds: float) -> Result:
    """Without the history."""
    verdict = run.verdict
    return Result(
        seed=run.seed,
        hosts=hosts,
        seconds=round(seconds, 1),
        faults=verdict.faults,
        kinds=dict(Counter(fault.kind.value for fault in run.faults)),
        numbers=dict(verdict.numbers),
        slowest_seconds=round(verdict.slowest_seconds, 2),
        answered={each.value: counts for each, counts in verdict.answered.items()},
    )


class Kept:
    """A file with a line for each run; without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def results(self) -> Iterator[Result]:
        """Those of earlier calls."""
        if self._path is not None and self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                yield Result(**json.loads(line))

    def add(self, result: Result) -> None:
        """At once: the next run may be interrupted."""
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")


class Total:
    """Sums of results."""

    def __init__(self, results: Iterable[Result] = ()) -> None:
        self.runs = 0
        self.failed: list[int] = []
        self.kinds: Counter[str] = Counter()
        self.numbers: Counter[str] = Counter()
        self.slowest_seconds = 0.0
        self.answered: dict[str, tuple[int, int]] = {}
        for result in results:
            self.add(result)

    def add(self, result: Result) -> None:
        """One more."""
        self.runs += 1
        self.kinds.update(result.kinds)
        self.numbers.update(result.numbers)
        self.slowest_seconds = max(self.slowest_seconds, result.slowest_seconds)
        if result.faults:
            self.failed.append(result.seed)
        for component, (good, every) in result.answered.items():
            before = self.answered.get(component, (0, 0))
            self.answered[component] = (before[0] + good, before[1] + every)

    @property
    def is_as_promised(self) -> bool:
        """Every run was, and all of them together answered enough while something was away."""
        return not self.failed and not self.poor

    @property
    def poor(self) -> list[str]:
        """Components whose outages left too many checks without a debt."""
        spared = {component.value for component in _SPARED}
        return [
            component
            for component, (good, every) in self.answered.items()
            if component in spared and every >= _CHECKS_MIN and good < _SHARE_MIN * every
        ]

    def __str__(self) -> str:
        lines = [f"{self.runs} runs, {len(self.failed)} failed {self.failed or ''}"]
        lines += [f"{sum(self.kinds.values())} times something was broken: {told(self.kinds)}"]
        lines += [told(self.numbers)]
        lines += [f"last payment credited {self.slowest_seconds:.1f} s after the last fault"]
        for component, (good, every) in sorted(self.answered.items()):
            poor = ", too few" if component in self.poor else ""
            share = 100 * good / every
            lines.append(f"{component} away: {share:.1f} % of {every} checks with a debt{poor}")
        return "\n".join(lines)


def told(numbers: Counter[str]) -> str:
    """In a line, the most frequent first."""
    return ", ".join(f"{count} {name}" for name, count in numbers.most_common())
