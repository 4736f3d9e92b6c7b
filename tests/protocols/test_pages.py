"""docs/protocols.md and the page of each protocol are what code and vectors say."""

from __future__ import annotations

import pytest

from server.protocols import Operation, load
from tests.protocols.pages import DOCS, cells, examples, pages

PAGES = {str(path.relative_to(DOCS)): text for path, text in pages().items()}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == PAGES[name], "run make docs"


def test_there_is_a_page_for_each_protocol_and_no_other() -> None:
    assert {path.stem for path in (DOCS / "protocols").glob("*.md")} == set(load())


@pytest.mark.parametrize("name", sorted(load()))
def test_a_page_shows_every_operation_once(name: str) -> None:
    shown = [vector.operation for vector in examples(load()[name])]
    assert sorted(shown, key=str) == sorted(load()[name].operations, key=str)
    assert Operation.UNKNOWN in shown


@pytest.mark.parametrize(
    ("name", "column", "cell"),
    [
        ("osmp", "cancel", "setting"),
        ("osmp", "readings", "setting"),
        ("paynet", "readings", "yes"),
        ("paynet", "repeat", "`201`"),
        ("debtxml", "breakdown", "yes"),
        ("sber", "cancel", "–"),
        ("erip", "pay", "two phases"),
        ("rncb", "reconciliation", "yes"),
        ("gorod", "encoding", "windows-1251, utf-8"),
        ("click", "check", "–"),
    ],
)
def test_a_cell_is_known(name: str, column: str, cell: str) -> None:
    assert cells(load()[name])[column] == cell
