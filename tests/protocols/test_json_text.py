"""JSON replies hold any text that a database can hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.protocols import json_text


@given(st.dictionaries(st.text(), st.text() | st.integers(-(2**53), 2**53) | st.booleans()))
def test_what_is_written_reads_the_same(said: dict[str, object]) -> None:
    assert json.loads(json_text.encode(said)) == said


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\x00\ud83d", '"\ud800"\\'])
def test_half_a_character_becomes_a_question_mark(text: str) -> None:
    whole = "".join("?" if "\ud800" <= each <= "\udfff" else each for each in text)
    assert json.loads(json_text.encode({"name": text, "sum": 1})) == {"name": whole, "sum": 1}


def test_both_ways_of_writing_are_the_same_bytes() -> None:
    said = {"a": [1, "ё <&> \u2028 \x07"], "b": {"c": None, "d": True}}
    plain = json_text.encode(said)
    halved = json_text.encode({**said, "e": "\ud800"})
    assert halved == plain[:-1] + b',"e":"?"}'
