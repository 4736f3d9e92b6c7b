"""A protocol that `kvitok protocol new` has begun passes the tests of all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_SHOWN = _ROOT / "docs/adding-a-protocol.md"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a new protocol may be tried."""
    copy = tmp_path_factory.mktemp("sources")
    ignored = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in ("server", "tests"):
        shutil.copytree(_ROOT / name, copy / name, ignore=ignored)
    shutil.copy(_ROOT / "pyproject.toml", copy)
    return copy


def python(sources: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=sources,
        env=os.environ | {"PYTHONPATH": str(sources), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_what_is_begun_works(sources: Path) -> None:
    code, said = python(sources, "server", "protocol", "new", "oblbank", "--title", "Облбанк")
    assert code == 0, said
    touched = {line.strip() for line in said.splitlines() if "oblbank/" in line}
    assert touched
    assert all((sources / path).is_file() for path in touched)
    page = _SHOWN.read_text("utf-8")
    assert [path for path in touched if path not in page] == []
    # Only these: nothing else had to be changed for it.
    tests = ("tests/test_protocols.py", "tests/protocols/test_agents_side.py")
    code, said = python(sources, "pytest", "-q", "-p", "no:cacheprovider", *tests, "-k", "oblbank")
    assert code == 0, said[-3000:]
    code, said = python(sources, "ruff", "format", "--check", "server/protocols/oblbank")
    assert code == 0, said
    code, said = python(sources, "mypy", "--strict", "server/protocols/oblbank")
    assert code == 0, said


def test_nothing_is_overwritten_and_names_are_plain(sources: Path) -> None:
    for name in ("osmp", "Obl", "../x", "a"):
        code, said = python(sources, "server", "protocol", "new", name)
        assert code == 2, said
