"""The quick reading of a plain row and the careful one agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.reconciliation.formats.fields import FieldFault, Fields
from server.reconciliation.formats.pack.rows import plain, row

PLAIN = "@@@|15|УК12|33|2|1004217|15.01.2026|01.01.2026|0000|5.00|1523.40|0|0|0|0.00||"
_PIECES = (
    "", "0", "00", "7", "0.00", "1523.40", ".05", "-1.00", "1,5", "1004217", " 42 ", "УК",
    "15.01.2026", "31.02.2026", "15.01.1926", "x" * 101, "1" * 21, "\u00a0", "\x1f",
)  # fmt: skip


def careful(text: str) -> object:
    try:
        return row(Fields.split(1, text, "|"), "!1.00", True)
    except FieldFault:
        return None


def test_a_plain_row_is_read_quickly() -> None:
    assert plain(1, PLAIN) is not None
    assert plain(1, PLAIN) == careful(PLAIN)


@pytest.mark.parametrize("end", ["", "|", "||", "|||"])
def test_whatever_the_line_ends_with(end: str) -> None:
    text = PLAIN.rstrip("|") + end
    assert plain(1, text) == careful(text)


@given(st.dictionaries(st.integers(1, 16), st.sampled_from(_PIECES), max_size=3))
def test_what_is_read_quickly_is_read_so_with_care(changes: dict[int, str]) -> None:
    fields = PLAIN.split("|")
    for place, piece in changes.items():
        if place < len(fields):
            fields[place] = piece
    text = "|".join(fields)
    quick = plain(1, text)
    assert quick is None or quick == careful(text)
