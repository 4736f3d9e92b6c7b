"""The mutants fit the code as it is now, and docs/guarantees.md names each with who finds it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.cluster_mutants import CLUSTER
from tests.faults.mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
EVERY = (*MUTANTS, *CLUSTER)
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \|$", re.M)


def found_by(mutant: Mutant) -> str:
    """As the table says it."""
    if not mutant.tests:
        return "runs with two servers" if mutant.hosts > 1 else "runs"
    return ", ".join(f"`{name.removeprefix('tests/')}`" for name in mutant.tests)


@pytest.mark.parametrize("mutant", EVERY, ids=lambda mutant: mutant.name)
def test_what_a_mutant_changes_is_there_once(mutant: Mutant) -> None:
    assert mutant.patches or mutant.sql
    for patch in mutant.patches:
        assert (ROOT / patch.file).read_text(encoding="utf-8").count(patch.old) == 1, patch


@pytest.mark.parametrize("mutant", EVERY, ids=lambda mutant: mutant.name)
def test_what_finds_a_mutant_is_there(mutant: Mutant) -> None:
    assert bool(mutant.tests) != bool(mutant.seeds)
    for name in mutant.tests:
        file, _, test = name.partition("::")
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8") or not test


def test_the_table_of_mutants_is_that_of_the_code() -> None:
    text = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
    table = text.partition("| mutant | found by |\n|---|---|\n")[2].partition("\n\n")[0]
    assert ROW.findall(table) == [(mutant.wrong, found_by(mutant)) for mutant in EVERY]
