"""`make faults-mutants`: every mutant in a copy of the tree, and who finds it."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.faults.cluster_mutants import CLUSTER
from tests.faults.mutants import MUTANTS, SQL, Mutant

ROOT = Path(__file__).parents[2]
_COPIED = ("server", "tests", "ui_kit", "kiosk_ui", "office_ui", "docs", "pyproject.toml")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", ".*_cache", "vectors", "browser")
_SECONDS_MAX = 600


def main(words: Sequence[str]) -> int:
    """The exit code: 0 when every mutant was found."""
    parser = argparse.ArgumentParser(prog="make faults-mutants")
    parser.add_argument("--only", default="", help="those with this in their name")
    wanted = parser.parse_args(words).only
    missed = []
    for mutant in (each for each in (*MUTANTS, *CLUSTER) if wanted in each.name):
        started = time.monotonic()
        found = hunt(mutant)
        print(f"{mutant.name}: {found or 'NOT FOUND'} ({time.monotonic() - started:.0f} s)")
        sys.stdout.flush()
        missed += [] if found else [mutant.name]
    return 1 if missed else 0


def hunt(mutant: Mutant) -> str:
    """Who finds it, in a sentence; empty when nobody does."""
    with copied(mutant) as tree:
        if mutant.tests:
            return _found_by_tests(mutant, tree)
        return _found_by_runs(mutant, tree)


@contextmanager
def copied(mutant: Mutant) -> Iterator[Path]:
    """A copy of the tree that has the fault."""
    with tempfile.TemporaryDirectory(prefix="kvitok-mutant-") as directory:
        tree = Path(directory)
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=_NOT_COPIED)
            else:
                shutil.copy(source, tree / name)
        apply(mutant, tree)
        yield tree


def apply(mutant: Mutant, tree: Path) -> None:
    """Change the files. Raises AssertionError when the code is no longer what the mutant knew."""
    for patch in mutant.patches:
        path = tree / patch.file
        text = path.read_text(encoding="utf-8")
        assert text.count(patch.old) == 1, f"{mutant.name}: {patch.file} has changed"
        path.write_text(text.replace(patch.old, patch.new), encoding="utf-8")
    if mutant.sql:
        (tree / SQL).write_text(mutant.sql, encoding="utf-8")


def _found_by_runs(mutant: Mutant, tree: Path) -> str:
    for seed in mutant.seeds:
        words = ["-m", "tests.faults", "--seed", str(seed), "--hosts", str(mutant.hosts)]
        done = _python(words, tree)
        faults = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ! ")]
        if faults:
            return f"found by seed {seed} {faults[0][:150]}"
    return ""


def _found_by_tests(mutant: Mutant, tree: Path) -> str:
    done = _python(["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests], tree)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    return f"found by {failed[0].removeprefix('FAILED ')[:150]}" if failed else ""


def _python(words: list[str], tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
