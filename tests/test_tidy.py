"""The size of things, their names, and what is not to be left lying about."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
LINE_CHARACTERS_MAX = 100
NESTING_MAX = 3

FORBIDDEN_FILES = frozenset({"utils", "util", "helpers", "helper", "common"})
FORBIDDEN_SUFFIXES = ("Manager", "Service", "Helper", "Helpers", "Util", "Utils", "Base", "Impl")

CATCH_ALL = frozenset(
    {
        "server/agent_book.py",
        "server/transport/answer.py",
        "server/supervisor.py",
        "server/lookup/sync.py",
        "server/storage/janitor.py",
        "server/storage/posting.py",
    }
)
"""Where `except Exception` may stand: the pipeline, and who looks after tasks and processes."""

LEFT_OPEN = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
"""Written in pieces, so that this file does not find itself."""
FOREIGN = re.compile(
    r"(?<![\w.~-])/(?:wo" + r"rk|ro" + r"ot)/"
    r"|py" + r"pi\.org|python" + r"hosted\.org|registry\.np" + r"mjs|deb\.deb" + r"ian\.org"
)
"""Paths of somebody's machine, and hosts of package registries."""

PRUNED = frozenset({".git", ".venv", "var", "dist", "vendor", "node_modules"})
"""Directories whose files are not ours; those whose name starts with a point are caches."""
Finding = tuple[int, str]
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def too_large(source: str, tree: ast.Module) -> Iterator[Finding]:
    """Modules, functions and lines above their limits."""
    lines = source.splitlines()
    if len(lines) > MODULE_LINES_MAX:
        yield 1, f"{len(lines)} lines in a module"
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_CHARACTERS_MAX:
            yield number, f"{len(line)} characters in a line"
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield node.lineno, f"{length} lines in {node.name}"


def too_deep(tree: ast.Module) -> Iterator[Finding]:
    """Control blocks inside control blocks of one function, deeper than three.

    if, for, while, with, try and match count one each. `elif`, `else`, `except` and `case` belong
    to the block that they continue; a function inside a function starts at none again.
    """
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            depth = _depth(node)
            if depth > NESTING_MAX:
                yield node.lineno, f"nesting {depth} in {node.name}"


def _depth(node: ast.AST) -> int:
    return max((_depth_below(node, child) for child in ast.iter_child_nodes(node)), default=0)


def _depth_below(parent: ast.AST, child: ast.AST) -> int:
    if isinstance(child, FUNCTIONS):
        return 0
    is_elif = isinstance(parent, ast.If) and isinstance(child, ast.If) and parent.orelse == [child]
    return (isinstance(child, BLOCKS) and not is_elif) + _depth(child)


def badly_named(path: Path, tree: ast.Module) -> Iterator[Finding]:
    """Files and classes whose name says nothing about what they own."""
    if path.stem in FORBIDDEN_FILES:
        yield 1, f"a file called {path.stem}"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith(FORBIDDEN_SUFFIXES):
            yield node.lineno, f"a class called {node.name}"


def unexplained(tree: ast.Module) -> Iterator[Finding]:
    """A module without a docstring."""
    if tree.body and not ast.get_docstring(tree):
        yield 1, "no docstring on the module"


def floats(tree: ast.Module) -> Iterator[Finding]:
    """`float(...)`: money is whole kopecks, and text becomes money in one strict parser."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="float")):
                yield node.lineno, "float()"


def catch_alls(tree: ast.Module) -> Iterator[Finding]:
    """Handlers that swallow everything: an unknown outcome must not be taken for a known one.

    One that ends in a bare `raise` only cleans up, and is free to.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and not _raises_again(node):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {item.id for item in caught if isinstance(item, ast.Name)}
            if node.type is None or names & {"Exception", "BaseException"}:
                yield node.lineno, "except Exception"


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def ours(*folders: str) -> list[Path]:
    """Every file of ours in these folders (the whole tree for `.`), relative to the root."""
    found = []
    for folder in folders:
        for directory, names, files in os.walk(ROOT / folder):
            names[:] = [n for n in names if n not in PRUNED and not _is_cache(n)]
            found += [Path(directory, file).relative_to(ROOT) for file in files]
    return sorted(found)


def _is_cache(name: str) -> bool:
    return (name.startswith(".") and name != ".ci") or name == "__pycache__"


def _read(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _text(path: Path) -> str:
    """A file in whatever encoding, as far as patterns in ASCII go; empty for pictures and fonts."""
    content = (ROOT / path).read_bytes()
    return "" if b"\0" in content else content.decode("ascii", "replace")


PYTHON = [path for path in ours("server", "tests", "loadtests") if path.suffix == ".py"]
SCRIPTS = [path for path in ours("ui_kit", "kiosk_ui", "office_ui") if path.suffix == ".js"]
FILES = ours(".")


@pytest.mark.parametrize("path", PYTHON, ids=str)
def test_a_module_is_tidy(path: Path) -> None:
    source = _read(path)
    tree = ast.parse(source)
    found = [*too_large(source, tree), *too_deep(tree), *badly_named(path, tree)]
    found += unexplained(tree)
    if path.parts[0] == "server":
        found += floats(tree)
        found += [] if str(path) in CATCH_ALL else catch_alls(tree)
    assert [f"{path}:{line}: {what}" for line, what in found] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=str)
def test_a_script_of_the_pages_is_not_too_long(path: Path) -> None:
    assert len(_read(path).splitlines()) <= MODULE_LINES_MAX


@pytest.mark.parametrize("pattern", [LEFT_OPEN, FOREIGN], ids=["left open", "foreign"])
def test_nothing_is_left_open_and_nothing_names_a_machine(pattern: re.Pattern[str]) -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in FILES
        for number, line in enumerate(_text(path).splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_a_place_where_everything_may_be_caught_still_does_so() -> None:
    idle = [name for name in CATCH_ALL if not list(catch_alls(ast.parse(_read(Path(name)))))]
    assert idle == []


# The checkers themselves: each of them finds what it is there for.


def test_size_is_measured() -> None:
    long_module = "x = 1\n" * (MODULE_LINES_MAX + 1)
    long_function = "def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX
    long_line = "#" * (LINE_CHARACTERS_MAX + 1)
    for source in (long_module, long_function, long_line):
        assert len(list(too_large(source, ast.parse(source)))) == 1
        shorter = source[source.index("\n") + 1 :] if "\n" in source else source[1:]
        shorter = "def f():\n" + shorter[10:] if source is long_function else shorter
        assert list(too_large(shorter, ast.parse(shorter))) == []


def test_nesting_is_counted_by_blocks() -> None:
    flat = "def f():\n if a:\n  for b in c:\n   with d:\n    e()"
    deep = "def f():\n if a:\n  for b in c:\n   with d:\n    try: e()\n    finally: g()"
    chain = "def f():\n if a: x\n elif b: x\n elif c: x\n elif d: x\n else: x"
    nested_else = (
        "def f():\n if a: x\n else:\n  b\n  if c:\n   while d:\n    match e:\n     case 1: x"
    )
    inner = "def f():\n if a:\n  if b:\n   def g():\n    if c:\n     if d: x"
    assert list(too_deep(ast.parse(flat))) == []
    assert list(too_deep(ast.parse(deep))) == [(1, "nesting 4 in f")]
    assert list(too_deep(ast.parse(chain))) == []
    assert list(too_deep(ast.parse(nested_else))) == [(1, "nesting 4 in f")]
    assert list(too_deep(ast.parse(inner))) == []


def test_empty_names_are_found() -> None:
    tree = ast.parse("class PaymentManager: ...\nclass Debt: ...\nclass Service: ...")
    assert list(badly_named(Path("server/debts.py"), tree)) == [
        (1, "a class called PaymentManager"),
        (3, "a class called Service"),
    ]
    assert list(badly_named(Path("server/utils.py"), ast.parse(""))) == [(1, "a file called utils")]


def test_a_missing_docstring_is_found() -> None:
    assert list(unexplained(ast.parse("x = 1"))) == [(1, "no docstring on the module")]
    assert list(unexplained(ast.parse('"""Says why."""\nx = 1'))) == []


def test_floats_are_found_where_they_are_made() -> None:
    assert list(floats(ast.parse("x = float('1.10')\ny: float = 1"))) == [(1, "float()")]


@pytest.mark.parametrize(
    "caught", ["", " Exception", " BaseException as e", " (OSError, Exception)"]
)
def test_catching_everything_is_found(caught: str) -> None:
    tree = ast.parse(f"try: x\nexcept{caught}: pass")
    assert list(catch_alls(tree)) == [(2, "except Exception")]
    assert list(catch_alls(ast.parse("try: x\nexcept (OSError, ValueError): pass"))) == []
    assert list(catch_alls(ast.parse("try: x\nexcept BaseException:\n y()\n raise"))) == []


@pytest.mark.parametrize("pieces", [("# TO", "DO later"), ("# FIX", "ME"), ("XX", "X")])
def test_what_is_left_open_is_found(pieces: tuple[str, str]) -> None:
    assert LEFT_OPEN.search("".join(pieces))


@pytest.mark.parametrize(
    "pieces", [("/wo", "rk/main"), ("see /ro", "ot/x"), ("https://py", "pi.org/simple")]
)
def test_what_names_a_machine_is_found(pieces: tuple[str, str]) -> None:
    assert FOREIGN.search("".join(pieces))
    assert not FOREIGN.search("server/network/homework/ and docs/roots/")
