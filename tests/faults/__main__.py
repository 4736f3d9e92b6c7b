"""`make faults`: many seeds, one after the other; says what was promised and what was kept."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.faults.shim import compiler
from tests.faults.theatre import Theatre
from tests.faults.total import Kept, Total


def main(words: Sequence[str]) -> int:
    """The exit code: 0 when every run was as promised."""
    parser = argparse.ArgumentParser(prog="make faults")
    parser.add_argument("--seeds", type=int, default=10, help="so many runs")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one only")
    parser.add_argument("--hosts", type=int, help="servers on one store; by default 1 or 2 by seed")
    parser.add_argument("--failover", action="store_true", help="with a synchronous standby")
    parser.add_argument("--until-failure", action="store_true", help="stop at the first failure")
    parser.add_argument("--results", type=Path, help="a file to keep results in; go on from there")
    options = parser.parse_args(words)
    seeds: Sequence[int] = range(options.first, options.first + options.seeds)
    if options.seed is not None:
        seeds = [options.seed]
    if compiler() is None:
        print("no C compiler: jumps of clocks and slow disks are left out")
    kept = Kept(options.results)
    total = Total(kept.results())
    done = {result.seed for result in kept.results()}
    with Theatre(options.failover) as theatre:
        left = [(options.hosts or 1 + seed % 2, seed) for seed in seeds if seed not in done]
        for hosts, seed in sorted(left):  # a stage is used again by the next run with as many
            result = theatre.run(seed, hosts)
            kept.add(result)
            total.add(result)
            if result.faults and options.until_failure:
                break
    print(total)
    return 0 if total.is_as_promised else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
