"""Money: the one parser and its arithmetic."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.money import Money, MoneyError


@pytest.mark.parametrize(
    ("text", "kopecks"),
    [("0", 0), ("1", 100), ("1523.40", 152340), ("1523.4", 152340), ("007.05", 705), ("0.01", 1)],
)
def test_roubles_become_kopecks(text: str, kopecks: int) -> None:
    assert Money.parse(text) == Money(kopecks)


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "+1", "-1", "1e3", "10,5", "10.005", ".5", "5.", "1.2.3", "0x1", "１", "1_0",
     "NaN", "inf", "9" * 16, "1\n"],
)  # fmt: skip
def test_what_is_not_a_sum_is_refused(text: str) -> None:
    with pytest.raises(MoneyError):
        Money.parse(text)


def test_a_comma_is_read_only_where_the_dialect_has_it() -> None:
    assert Money.parse("10,5", comma=True) == Money(1050)
    with pytest.raises(MoneyError):
        Money.parse("10,5")


def test_further_decimals_must_be_zeros_and_allowed() -> None:
    assert Money.parse("10.5000", decimals=4) == Money(1050)
    with pytest.raises(MoneyError):
        Money.parse("10.5001", decimals=4)
    with pytest.raises(MoneyError):
        Money.parse("10.500")


@given(st.integers(0, 10**13))
def test_text_and_back_is_the_same_sum(kopecks: int) -> None:
    assert Money.parse(str(Money(kopecks))) == Money(kopecks)


@given(st.text(max_size=20))
def test_any_text_is_a_sum_or_a_money_error(text: str) -> None:
    with contextlib.suppress(MoneyError):
        assert Money.parse(text, comma=True, decimals=6).kopecks >= 0


def test_negative_sums_are_written_with_a_sign() -> None:
    assert str(Money(-5)) == "-0.05"
    assert str(Money(-25000)) == "-250.00"


@pytest.mark.parametrize("text", ["", "1.0", "-1", "1e3", "9" * 16])
def test_kopecks_are_digits_only(text: str) -> None:
    with pytest.raises(MoneyError):
        Money.parse_kopecks(text)
