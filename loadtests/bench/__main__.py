"""`python -m loadtests.bench`: measures us beside others and writes docs/performance.md."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from loadtests.bench import lookups, memory_run, posting_run, sizes, sync_run
from loadtests.bench.load import Generator
from loadtests.bench.lookups import Plan
from loadtests.bench.machine import Cores, busy_now, described
from loadtests.bench.report import Run, section, write
from loadtests.bench.sync_run import SyncPlan

_ROOT = Path(__file__).parents[2]
_PAGE, _PICTURES = _ROOT / "docs/performance.md", _ROOT / "docs/img"
Found = TypeVar("Found")
_PARTS = ("lookups", "sizes", "memory", "posting", "sync")

FULL = Plan(accounts=1_000_000, rounds=7, warm_up=3, seconds=2, latency_seconds=3)
QUICK = Plan(accounts=100_000, rounds=3, warm_up=1, seconds=1, latency_seconds=2)
_SIZES_FULL, _SIZES_QUICK = (10_000, 1_000_000, 10_000_000), (10_000, 300_000)
_MEMORY_FULL, _MEMORY_QUICK = (1_000_000, 10_000_000), (10_000, 100_000)
_NEAR_FULL, _NEAR_QUICK = 1_000_000, 50_000
_POSTING_ACCOUNTS = 100_000
_SYNC_FULL = SyncPlan(accounts=1_000_000, rounds=3, lag_seconds=12)
_SYNC_QUICK = SyncPlan(accounts=30_000, rounds=1, lag_seconds=5)


def main() -> int:
    """Run what is asked for; 0 unless a row could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="five minutes; does not count")
    parser.add_argument("--data", type=Path, default=Path("var/bench"), help="kept between runs")
    parser.add_argument("--part", choices=_PARTS, action="append", help="only this, repeatable")
    parser.add_argument("--rounds", type=int, help="instead of 7 (quick: 3)")
    parser.add_argument("--sync-accounts", type=int, help="instead of 1,000,000 (quick: 30,000)")
    parser.add_argument("--print", action="store_true", help="print, leave docs/ alone")
    options = parser.parse_args()
    run = _measured(options)
    if options.print or options.quick or options.part:
        sys.stdout.write(section(run))
    else:
        write(run, _PAGE, _PICTURES)
        print(f"bench: written to {_PAGE.relative_to(_ROOT)}")
    return 0


def _measured(options: argparse.Namespace) -> Run:
    plan = QUICK if options.quick else FULL
    plan = dataclasses.replace(plan, rounds=options.rounds or plan.rounds)
    directory = options.data.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    cores = Cores.here()
    parts = options.part or _PARTS
    loads = [busy_now()]

    def measured(part: str, measure: Callable[[], Found]) -> Found | None:
        if part not in parts:
            return None
        found = measure()
        loads.append(busy_now())
        return found

    run = Run(
        machine=described(),
        generator=Generator(directory, cores).name,
        cores_are_apart=cores.are_apart,
        accounts=plan.accounts,
        lookups=measured("lookups", lambda: lookups.run(plan, directory, cores)),
        sizes=measured("sizes", lambda: _sizes(options.quick, plan, directory, cores)),
        memory=measured("memory", lambda: _memory(options.quick, directory)),
        posting=measured("posting", lambda: _posting(plan, directory, cores)),
        synced=measured("sync", lambda: sync_run.run(_sync_plan(options), directory, cores)),
        load_averages=tuple(loads),
    )
    for log in directory.glob(
        "*.log"
    ):  # an access log of millions of checks; wanted on failure only
        log.unlink()
    record = json.dumps(dataclasses.asdict(run), ensure_ascii=False, indent=1)
    (directory / "latest.json").write_text(record, encoding="utf-8")
    return run


def _sizes(quick: bool, plan: Plan, directory: Path, cores: Cores) -> sizes.Sizes:
    counts = _SIZES_QUICK if quick else _SIZES_FULL
    return sizes.run(counts, plan.rounds, plan.seconds, directory, cores)


def _memory(quick: bool, directory: Path) -> memory_run.Memory:
    counts = _MEMORY_QUICK if quick else _MEMORY_FULL
    return memory_run.run(counts, _NEAR_QUICK if quick else _NEAR_FULL, directory)


def _posting(plan: Plan, directory: Path, cores: Cores) -> posting_run.Posting:
    seconds = max(2, round(plan.seconds))
    return posting_run.run(_POSTING_ACCOUNTS, plan.rounds, seconds, directory, cores)


def _sync_plan(options: argparse.Namespace) -> SyncPlan:
    plan = _SYNC_QUICK if options.quick else _SYNC_FULL
    return dataclasses.replace(plan, accounts=options.sync_accounts or plan.accounts)


if __name__ == "__main__":
    sys.exit(main())
