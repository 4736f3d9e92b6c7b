"""A stage with one server and people who pay and look while something is wrong with it."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from server.embedded import processes
from tests.faults.background import Background
from tests.faults.crowd import Told, crowd
from tests.faults.proxy import Proxy, Weather
from tests.faults.run import facts_now, is_equal
from tests.faults.shim import Control
from tests.faults.stage import Stage

SHARE_MIN = 0.9
"""Of the checks during the outage of one component, so many are answered with a debt."""
_names = (f"8{number:03d}" for number in itertools.count())


@dataclass(frozen=True)
class House:
    """A stage with one server."""

    stage: Stage
    background: Background

    @contextmanager
    def people(self, name: str) -> Iterator[Told]:
        """Somebody pays and looks all the time; everybody knows what is owed at first."""
        debts = self.background.run(facts_now(self.stage.database.dsn))
        place = self.stage.hosts[0].place
        with crowd(self.background, place, debts, next(_names)) as told:
            yield told
        print(
            f"\n{name}: checks {dict(told.checks)}, {100 * told.share:.1f} % with a debt;"
            f" payments {dict(told.payments)}; slowest answer {told.slowest:.2f} s"
        )

    def is_whole(self) -> bool:
        """Whether Redis is PostgreSQL, and the books add up."""
        return self.background.run(is_equal(self.stage.database.dsn, self.stage.valkey.url))

    def signal_valkey(self, number: signal.Signals) -> None:
        pid = self.stage.valkey.pid
        assert pid is not None
        processes.send([pid], number)

    def machine(self) -> Control:
        """Of PostgreSQL. Skips the test where there is no C compiler."""
        if self.stage.shim is None:
            pytest.skip("clocks and disks need a C compiler")
        return self.stage.shim.postgres

    def change(self, proxy: Proxy, weather: Weather) -> None:
        self.background.run(proxy.change(weather))
