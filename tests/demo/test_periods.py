"""The year behind the town, and its numbers and names."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from server.demo.bills import CONSUMPTIONS, PROFILES, Household, bills_of
from server.demo.fixed import FIXED_ACCOUNTS
from server.demo.habits import habits
from server.demo.names import STREETS
from server.demo.numbers import FIXED, ordinary_number
from server.demo.payments import SLOTS
from server.demo.periods import MONTHS, Year
from server.demo.residents import AMOUNT_MAX


def test_the_year_is_the_twelve_full_months_before_todays() -> None:
    year = Year.before(dt.date(2026, 3, 17))
    assert year.periods[0] == dt.date(2025, 3, 1)
    assert year.periods[-1] == dt.date(2026, 2, 1)
    assert year.pay_month(0) == dt.date(2025, 4, 1)
    assert year.pay_month(MONTHS - 1) == dt.date(2026, 3, 1)


@pytest.mark.parametrize(
    ("today", "k", "first", "last"),
    [
        (dt.date(2026, 3, 17), 11, 2, 16),
        (dt.date(2026, 3, 31), 11, 2, 30),
        (dt.date(2026, 3, 17), 10, 2, 27),
        (dt.date(2028, 3, 17), 10, 2, 28),
    ],
)
def test_people_pay_up_to_yesterday_but_not_on_the_edges_of_a_month(
    today: dt.date, k: int, first: int, last: int
) -> None:
    days = Year.before(today).pay_days(k)
    assert (days[0], days[-1]) == (first, last)


@pytest.mark.parametrize("day", [1, 2])
def test_nobody_has_paid_at_the_beginning_of_a_month(day: int) -> None:
    assert not Year.before(dt.date(2026, 3, day)).pay_days(11)


def test_ordinary_numbers_skip_every_fixed_one() -> None:
    assert ordinary_number(0) == 1_000_001
    assert ordinary_number(4_215) == 1_004_216
    assert ordinary_number(4_216) == 1_004_218
    far = [ordinary_number(place) for place in range(7_999_990, 8_000_010)]
    assert far == sorted(set(far))
    assert not {f"{number:07d}" for number in far} & set(FIXED)


def test_the_fixed_accounts_are_those_of_the_numbers() -> None:
    assert tuple(account.number for account in FIXED_ACCOUNTS) == FIXED


def test_no_street_is_mistaken_for_a_flat_by_the_mask() -> None:
    assert not [name for name in STREETS if re.search("кв|комн|пом|оф", name, re.IGNORECASE)]
    assert len(set(STREETS)) == len(STREETS)


def test_there_is_a_habit_for_every_slot_and_bills_are_paid_oldest_first() -> None:
    assert len(habits()) == SLOTS
    for habit in habits():
        assert [k for k, _ in habit] == sorted({k for k, _ in habit})
        assert all(until <= k + 1 for k, until in habit)


def test_no_bill_is_larger_than_one_payment_may_be() -> None:
    year = Year.before(dt.date(2026, 3, 17))
    for profile in range(len(PROFILES)):
        for course in (None, *range(CONSUMPTIONS)):
            bills = bills_of(year, Household(profile, 865, 4, course, course))
            assert all(0 < sum(month) <= AMOUNT_MAX for month in bills.amounts)
            assert bills.cover(0, MONTHS).total == sum(map(sum, bills.amounts))
