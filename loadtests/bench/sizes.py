"""The same check with ten thousand, a million and ten million accounts."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loadtests.bench import shapes
from loadtests.bench.figures import Spread, paired
from loadtests.bench.filling import fill_valkey
from loadtests.bench.goals import costs
from loadtests.bench.keys import UNIFORM, drawn
from loadtests.bench.load import Generator, Sample, Target
from loadtests.bench.lookups import PATH, never_cached
from loadtests.bench.machine import Cores
from loadtests.bench.ours import OurServer, Store
from loadtests.bench.rounds import Samples, interleaved

ASKED, CACHED = "Redis asked every time", "near cache of 1 M entries"
_DRAWS = 300_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """What that run found."""

    counts: tuple[int, ...]
    samples: Samples
    bytes_per_account: dict[int, float]

    def costs(self, mode: str, count: int) -> list[float]:
        """µs, round by round."""
        return costs(self.samples, _row(mode, count))

    def ratio(self, mode: str) -> Spread:
        """Cost at the most accounts over cost at the fewest."""
        few, many = self.costs(mode, self.counts[0]), self.costs(mode, self.counts[-1])
        return paired(many, few)


def run(
    counts: tuple[int, ...], rounds: int, seconds: float, directory: Path, cores: Cores
) -> Sizes:
    """Every size has a Valkey and two servers of its own; PostgreSQL knows none of the accounts."""
    with ExitStack() as stack:
        targets: dict[str, tuple[Target, int]] = {}
        memory: dict[int, float] = {}
        for count in counts:
            # Without accounts in PostgreSQL nothing but their snapshots differs between sizes.
            store = stack.enter_context(Store(directory / f"size-{count}", 0, cores))
            fill_valkey("snapshots", count, store.valkey.url)
            memory[count] = store.bytes_per_account(count)
            for mode, settings in ((ASKED, never_cached()), (CACHED, {})):
                name = f"size-{count}-{mode.split(' ')[0]}"
                server = stack.enter_context(
                    OurServer(store.where, directory, name, cores, settings)
                )
                server.wait_until_complete()
                target = Target(server.port, shapes.check(PATH), [server.pid], [store.valkey_pid])
                targets[_row(mode, count)] = target, count
            store.pin()
        generator = Generator(directory, cores)

        def measured(name: str, number: int) -> Sample:
            target, count = targets[name]
            keys = drawn(UNIFORM, count, _DRAWS, 2_000 + number)
            return generator.closed(target, keys, seconds, number + 10)

        samples = interleaved({name: partial(measured, name) for name in targets}, rounds)
    return Sizes(counts, samples, memory)


def _row(mode: str, count: int) -> str:
    return f"{count}, {mode}"
