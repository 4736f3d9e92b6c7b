"""Everything that readers say about a file is said in English too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import server.reconciliation.formats
from server.reconciliation.formats.english import english
from tests.reconciliation.vectors import Vector, load_vectors

FORMATS = Path(server.reconciliation.formats.__file__).parent
SOURCES = (
    *sorted(
        each for each in FORMATS.rglob("*.py") if each.name not in ("english.py", "encodings.py")
    ),
    FORMATS.parent / "intake.py",
    FORMATS.parents[1] / "storage" / "registries.py",
)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
ITS_PLACE = " (строка 7, позиция 7)"
"""What FileRefused adds for logs; pages say the place themselves."""


def said(source: Path) -> Iterator[str]:
    """Every Russian text of a module, with a value for each place."""
    nodes = list(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))
    docs = {ast.get_docstring(node, clean=False) for node in nodes if isinstance(node, DOCUMENTED)}
    inside = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    titles = {
        id(keyword.value)
        for node in nodes
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "title"
    }
    for node in nodes:
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(map(_piece, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = "" if {id(node)} & (inside | titles) or node.value in docs else node.value
        if CYRILLIC.search(text) and not text.endswith(ITS_PLACE):
            yield text


def _piece(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    match ast.unparse(part.value):
        case "what" | "title":
            return "сумма"
        case _:
            return "7"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_sentence_and_name_of_a_reader_has_its_english(source: Path) -> None:
    assert [text for text in said(source) if CYRILLIC.search(english(text))] == []


REFUSED = [vector for vector in load_vectors() if "refused" in vector.expected()]


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector.name)
def test_a_refused_sample_is_refused_in_english(vector: Vector) -> None:
    message = vector.expected()["refused"]["message"]
    assert not CYRILLIC.search(re.sub("«.*»", "", english(message)))


def test_values_stay_as_they_were_written() -> None:
    assert english("сумма: не сумма: «12О.00»") == "sum: not a sum: «12О.00»"
    assert english("оплачено: заявлено 10.00, а по строкам 9.50") == (
        "paid: 10.00 is declared, and the lines add up to 9.50"
    )


def test_what_is_none_of_ours_stays_as_it_is() -> None:
    assert english("что-то своё") == "что-то своё"
