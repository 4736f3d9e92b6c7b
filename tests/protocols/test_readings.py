"""Readings as texts: read strictly, written as a dial shows them, told when they are not taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.messages import Reading, ReadingResult
from server.protocols import readings
from server.protocols.osmp.codes import CODES
from server.refusals import Refusal, Refused


def test_pairs_are_read_in_their_order_and_empty_ones_are_none() -> None:
    given_pairs = [("data1", "18-004217:130.25"), ("data2", ""), ("data3", "A:B:0")]
    assert readings.pairs(given_pairs) == (Reading("18-004217", 130_250), Reading("A:B", 0))


@pytest.mark.parametrize(
    "text",
    [
        *("130.25", ":1", "m:", "m:1,5", "m:1e3", "m:-1", "m:+1", "m: 1", "m:1.", "m:.5"),
        *("m:1.0005", "m:1234567890", "m m:1", "м:1", "m:٣", f"{'m' * 41}:1", "m:1\n"),
    ],
)
def test_what_is_no_pair_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(Refused) as refused:
        readings.pairs([("data7", text)])
    assert (refused.value.refusal, refused.value.field) == (Refusal.MALFORMED, "data7")


def test_one_meter_has_one_reading() -> None:
    with pytest.raises(Refused):
        readings.pairs([("data1", "m:1"), ("data2", "m:1")])


def test_a_comma_is_a_point_only_where_the_dialect_has_it() -> None:
    assert readings.thousandths("130,25", "x", comma=True) == 130_250
    with pytest.raises(Refused):
        readings.thousandths("130,25", "x")


@given(st.integers(0, 999_999_999_999))
def test_a_dial_is_read_as_it_is_written(value: int) -> None:
    assert readings.thousandths(readings.dial(value), "x") == value


def test_only_readings_that_were_not_taken_are_told() -> None:
    taken = ReadingResult("m1")
    refused = ReadingResult("m2", Refusal.READING_IMPLAUSIBLE)
    assert readings.refused((taken,), CODES) == ""
    told = readings.refused((taken, refused), CODES)
    assert told == "Показания не приняты. m2: Неправдоподобное показание"
