"""`make fuzz`: a campaign for every codec, and a table of what was run and reached.

Ends with 1 when a promise was broken (the input is kept) or a codec was reached too little.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from server.protocols import load
from tests.fuzz.reached import lines_of, reached

SHARE_MIN = 0.9
DIRECTORY = Path("var/fuzz")
_RUNS = re.compile(r"^stat::number_of_executed_units: (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Result:
    """What became of one codec's campaign."""

    name: str
    runs: int
    inputs: int
    reached: int
    lines: int
    broken: str
    """The end of what the fuzzer wrote, when a promise was broken."""

    @property
    def share(self) -> float:
        """Of the codec's lines."""
        return self.reached / self.lines

    @property
    def is_good(self) -> bool:
        return not self.broken and self.share >= SHARE_MIN

    def row(self) -> str:
        verdict = "" if self.is_good else "  BROKEN" if self.broken else "  too little"
        return (
            f"{self.name:12} {self.runs:10,} {self.inputs:8,}"
            f" {self.reached:5}/{self.lines:<5} {self.share:6.1%}{verdict}"
        )


def campaign(name: str, directory: Path, limit: str, seed: int) -> Result:
    """Fuzz one codec, then run what the fuzzer kept once more and count the lines."""
    own = directory / name
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.campaign", str(own), limit, str(seed), name],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    said = done.stdout + done.stderr
    runs = _RUNS.search(said)
    inputs = [path.read_bytes()[1:] for path in sorted((own / "corpus").iterdir())]
    broken = said[-3000:] if done.returncode else ""
    hit = frozenset() if broken else reached(name, inputs)
    executed = int(runs[1]) if runs else 0
    return Result(name, executed, len(inputs), len(hit), len(lines_of(name)), broken)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for each codec")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", help="one protocol")
    parser.add_argument("--directory", type=Path, default=DIRECTORY)
    options = parser.parse_args()
    names = [options.only] if options.only else sorted(load())
    print("protocol           runs   inputs      lines")
    good = True
    with ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(
            lambda name: campaign(name, options.directory, f"{options.seconds}s", options.seed),
            names,
        ):
            print(result.row(), flush=True)
            print(result.broken, end="", file=sys.stderr)
            good = good and result.is_good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
