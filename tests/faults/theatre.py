"""Stages for many runs."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.background import Background
from tests.faults.run import run_seed
from tests.faults.stage import Stage
from tests.faults.total import Result, result_of, told
from tests.faults.town import Town
from tests.servers import short_directory

_RUNS_PER_STAGE = 10
"""A stage is made anew now and then, and after every run that failed."""


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

    def run(self, seed: int, hosts: int) -> Result:
        """One seed, told on stdout as it ends. One that breaks off has failed too."""
        stage = self._stage
        if stage is None or len(stage.hosts) != hosts or self._runs >= _RUNS_PER_STAGE:
            stage = self._new_stage(seed, hosts)
        self._runs += 1
        try:
            result = _played(stage, seed)
        except Exception:
            print(f"seed {seed} broke off\n{traceback.format_exc()}\n{stage.log()}", flush=True)
            result = Result(seed, hosts, 0.0, [f"broke off: {traceback.format_exc()}"])
        except BaseException:
            self._close_stage()
            raise
        if result.faults:
            self._close_stage()
        return result

    def _new_stage(self, seed: int, hosts: int) -> Stage:
        self._close_stage()
        directory = self._directory / f"stage-{seed}"
        directory.mkdir(exist_ok=True)
        stage = Stage(
            self._background,
            directory,
            self._town,
            hosts=hosts,
            failover=self._failover,
            is_shimmed=True,
        )
        self._stage = stage.__enter__()
        return stage

    def _close_stage(self) -> None:
        stage, self._stage = self._stage, None
        self._runs = 0
        if stage is not None:
            stage.__exit__()


def _played(stage: Stage, seed: int) -> Result:
    started = time.monotonic()
    run = run_seed(stage, seed)
    seconds = time.monotonic() - started
    if run.verdict.faults:
        print(f"{run}\n{stage.log()}", flush=True)
    else:
        phases = ", ".join(f"{name} {took}" for name, took in run.phases.items())
        numbers = told(Counter(run.verdict.numbers))
        print(f"seed {seed}: ok, {seconds:.1f} s ({phases}), {numbers}", flush=True)
    return result_of(run, len(stage.hosts), seconds)
