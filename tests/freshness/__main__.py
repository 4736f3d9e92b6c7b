"""`make freshness`: a campaign over one server's workers, and one over two servers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.faults.background import Background
from tests.faults.stage import Stage
from tests.faults.town import Town
from tests.freshness.campaign import ENVIRONMENT, Found, Size, run_campaign
from tests.freshness.mutants import FRESHNESS, hunt
from tests.servers import short_directory

FROM_MEMORY_MIN = 0.9
_PAYMENTS_MAX = 10_000_000


def main(words: Sequence[str]) -> int:
    """The exit code: 0 when nothing stale was shown, and enough came from memory."""
    parser = argparse.ArgumentParser(prog="make freshness")
    parser.add_argument("--pairs", type=int, default=100_000, help="that count, in each campaign")
    parser.add_argument("--payments", type=int, default=_PAYMENTS_MAX, help="but no more than that")
    parser.add_argument("--minutes", type=float, default=60, help="and no longer")
    parser.add_argument("--payers", type=int, default=4)
    parser.add_argument("--hosts", type=int, help="one campaign with so many servers; else 1 and 2")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--calm", type=int, default=900, help="payments from fault to fault")
    parser.add_argument("--mutants", action="store_true", help="faults put in, and who finds each")
    options = parser.parse_args(words)
    if options.mutants:
        return _hunted()
    size = Size(options.payers, options.payments, options.pairs, options.minutes * 60, options.calm)
    is_fine = True
    for hosts in [options.hosts] if options.hosts else [1, 2]:
        found = _campaign(hosts, size, options.seed)
        print(found, flush=True)
        is_fine = is_fine and not found.faults and found.from_memory >= FROM_MEMORY_MIN
    return 0 if is_fine else 1


def _campaign(hosts: int, size: Size, seed: int) -> Found:
    with short_directory() as directory, Background() as background:
        town = Town(directory / "town")
        stage = Stage(background, directory, town, hosts=hosts, environment=ENVIRONMENT)
        with stage:
            return run_campaign(stage, size, seed)


def _hunted() -> int:
    missed = 0
    for mutant in FRESHNESS:
        found = hunt(mutant)
        print(f"{mutant.name}: {found or 'NOT FOUND'}", flush=True)
        missed += not found
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
