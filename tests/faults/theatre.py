"""Stages for many runs, and what the runs have shown together."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.background import Background
from tests.faults.run import Run, run_seed
from tests.faults.schedule import Component
from tests.faults.stage import Stage
from tests.faults.town import Town
from tests.servers import short_directory

_RUNS_PER_STAGE = 10
"""A stage is made anew now and then, and after every run that failed."""
_SPARED = (Component.POSTGRES, Component.REDIS, Component.SYNC, Component.WORKER)
"""Without one of them most checks are answered all the same."""
_SHARE_MIN = 0.9
_CHECKS_MIN = 500
"""Fewer say nothing yet."""


class Theatre:
    """A stage is used again as long as all goes well on it."""

    def __init__(self, failover: bool) -> None:
        self._failover = failover
        self._opened = self._open()
        self._stage: Stage | None = None
        self._runs = 0

    def __enter__(self) -> Theatre:
        self._background, self._town, self._directory = self._opened.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        self._close_stage()
        self._opened.__exit__(None, None, None)

    @contextmanager
    def _open(self) -> Iterator[tuple[Background, Town, Path]]:
        with short_directory() as directory, Background() as background:
            yield background, Town(directory / "town"), directory

    def run(self, seed: int, hosts: int) -> Run:
        """One seed, told on stdout as it ends."""
        stage = self._stage
        if stage is None or len(stage.hosts) != hosts or self._runs >= _RUNS_PER_STAGE:
            stage = self._new_stage(seed, hosts)
        self._runs += 1
        started = time.monotonic()
        try:
            run = run_seed(stage, seed)
        except BaseException:
            print(f"seed {seed} broke off\n{stage.log()}", flush=True)
            self._close_stage()
            raise
        seconds = time.monotonic() - started
        if run.verdict.faults:
            print(f"{run}\n{stage.log()}", flush=True)
            self._close_stage()
        else:
            phases = ", ".join(f"{name} {took}" for name, took in run.phases.items())
            told = f"seed {seed}: ok, {seconds:.1f} s ({phases}), {_told(run.verdict.numbers)}"
            print(told, flush=True)
        return run

    def _new_stage(self, seed: int, hosts: int) -> Stage:
        self._close_stage()
        directory = self._directory / f"stage-{seed}"
        directory.mkdir()
        stage = Stage(self._background, directory, self._town, hosts=hosts, failover=self._failover)
        self._stage = stage.__enter__()
        return stage

    def _close_stage(self) -> None:
        stage, self._stage = self._stage, None
        self._runs = 0
        if stage is not None:
            stage.__exit__()


class Total:
    """What many runs have shown together."""

    def __init__(self) -> None:
        self.runs = 0
        self.failed: list[int] = []
        self.numbers: Counter[str] = Counter()
        self.slowest_seconds = 0.0
        self.answered: dict[Component, tuple[int, int]] = {}

    def add(self, run: Run) -> None:
        """One more."""
        verdict = run.verdict
        self.runs += 1
        self.numbers += verdict.numbers
        self.slowest_seconds = max(self.slowest_seconds, verdict.slowest_seconds)
        if verdict.faults:
            self.failed.append(run.seed)
        for component, (good, every) in verdict.answered.items():
            before = self.answered.get(component, (0, 0))
            self.answered[component] = (before[0] + good, before[1] + every)

    @property
    def is_as_promised(self) -> bool:
        """Every run was, and all of them together answered enough while something was away."""
        return not self.failed and not self.poor

    @property
    def poor(self) -> list[Component]:
        """Components whose outages left too many checks without a debt."""
        return [
            component
            for component, (good, every) in self.answered.items()
            if component in _SPARED and every >= _CHECKS_MIN and good < _SHARE_MIN * every
        ]

    def __str__(self) -> str:
        lines = [f"{self.runs} runs, {len(self.failed)} failed {self.failed or ''}"]
        lines += [_told(self.numbers)]
        lines += [f"last payment credited {self.slowest_seconds:.1f} s after the last fault"]
        for component, (good, every) in sorted(self.answered.items(), key=lambda i: i[0].value):
            share = 100 * good / every
            poor = ", too few" if component in self.poor else ""
            lines.append(
                f"{component.value} away: {share:.1f} % of {every} checks with a debt{poor}"
            )
        return "\n".join(lines)


def _told(numbers: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in numbers.items())
