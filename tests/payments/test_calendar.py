"""Working days, and when an agent's money has to be there."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.payments.calendar import Calendar

USUAL = Calendar()
# As a year's calendar may say: a Friday off, a Saturday to work on, and one holiday moved away.
SAID = Calendar(
    {dt.date(2026, 1, 9): False, dt.date(2026, 11, 7): True, dt.date(2026, 6, 12): True}
)


@pytest.mark.parametrize(
    ("day", "working"),
    [
        ("2026-11-24", True),
        ("2026-11-21", False),  # Saturday
        ("2026-01-08", False),
        ("2026-01-07", False),
        ("2026-01-09", True),
        ("2026-02-23", False),
        ("2027-03-08", False),
        ("2026-05-01", False),
        ("2028-05-09", False),
        ("2026-06-12", False),
        ("2026-11-04", False),
        ("2026-12-31", True),
    ],
)
def test_weekends_and_public_holidays_are_days_off(day: str, working: bool) -> None:
    assert USUAL.is_working(dt.date.fromisoformat(day)) is working


def test_the_calendar_of_a_year_has_the_last_word() -> None:
    assert not SAID.is_working(dt.date(2026, 1, 9))
    assert SAID.is_working(dt.date(2026, 11, 7))
    assert SAID.is_working(dt.date(2026, 6, 12))


@pytest.mark.parametrize(
    ("business_day", "working_days", "expected"),
    [
        ("2026-11-24", 1, "2026-11-25"),
        ("2026-11-20", 1, "2026-11-23"),  # Friday -> Monday
        ("2026-11-21", 1, "2026-11-23"),  # Saturday -> Monday
        ("2026-11-20", 3, "2026-11-25"),
        ("2026-11-24", 0, "2026-11-24"),
        ("2026-11-22", 0, "2026-11-23"),
        ("2025-12-31", 1, "2026-01-09"),
        ("2026-11-03", 1, "2026-11-05"),
    ],
)
def test_money_comes_so_many_working_days_later(
    business_day: str, working_days: int, expected: str
) -> None:
    found = USUAL.settlement_day(dt.date.fromisoformat(business_day), working_days)
    assert found.isoformat() == expected


def test_a_day_that_the_year_moved_counts_as_it_says() -> None:
    assert SAID.settlement_day(dt.date(2025, 12, 31), 1) == dt.date(2026, 1, 12)
    assert SAID.settlement_day(dt.date(2026, 11, 6), 1) == dt.date(2026, 11, 7)


@given(st.dates(dt.date(2020, 1, 1), dt.date(2040, 1, 1)), st.integers(0, 10))
def test_it_is_a_working_day_and_exactly_so_many_lie_before_it(
    business_day: dt.date, working_days: int
) -> None:
    found = SAID.settlement_day(business_day, working_days)
    assert SAID.is_working(found)
    between = (
        business_day + dt.timedelta(days=n) for n in range(1, (found - business_day).days + 1)
    )
    assert sum(map(SAID.is_working, between)) == working_days or working_days == 0


def test_a_calendar_without_working_days_is_told() -> None:
    nothing = Calendar({dt.date(2026, 1, 1) + dt.timedelta(days=n): False for n in range(800)})
    with pytest.raises(ValueError, match="no working day"):
        nothing.settlement_day(dt.date(2026, 1, 1), 1)
