"""Business days: every moment has one, none comes back, whatever the clocks do."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.payments.days import ClockBounds, business_day, payment_day
from tests.payments.fakes import AGENT

ZONES = (
    "Europe/Kyiv",  # daylight saving time
    "Asia/Tashkent",  # none
    "Asia/Almaty",  # one hour back at midnight of 1 March 2024
    "Europe/Moscow",
    "Africa/Cairo",  # forward at midnight
    "America/St_Johns",  # until 2011 back over midnight: from 00:01 to 23:01
)
CUT_OFFS = tuple(dt.time(hour, minute) for hour in (0, 2, 3, 20, 23) for minute in (0, 30, 59))
MOMENTS = st.integers(1_100_000_000, 2_080_000_000).map(  # 2004 … 2035
    lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC)
)
# Around the changes, where a day could be counted wrongly.
CHANGES = (
    dt.datetime(2026, 3, 29, 1, 0, tzinfo=dt.UTC),  # Kyiv 03:00 -> 04:00
    dt.datetime(2026, 10, 25, 1, 0, tzinfo=dt.UTC),  # Kyiv 04:00 -> 03:00
    dt.datetime(2024, 2, 29, 18, 0, tzinfo=dt.UTC),  # Almaty 00:00 -> 23:00
    dt.datetime(2026, 4, 23, 22, 0, tzinfo=dt.UTC),  # Cairo 00:00 -> 01:00
    dt.datetime(2010, 11, 7, 2, 31, tzinfo=dt.UTC),  # St. John's 00:01 -> 23:01
)
NEAR_CHANGES = st.builds(
    lambda change, seconds: change + dt.timedelta(seconds=seconds),
    st.sampled_from(CHANGES),
    st.integers(-30 * 3600, 30 * 3600),
)


def day(zone: str, moment: str, cut_off: str = "00:00") -> str:
    agent = replace(AGENT, zone=zone, cut_off=dt.time.fromisoformat(cut_off))
    return business_day(agent, dt.datetime.fromisoformat(moment)).isoformat()


@pytest.mark.parametrize(
    ("zone", "cut_off", "moment", "expected"),
    [
        ("Europe/Moscow", "00:00", "2026-11-24T20:59:59+00:00", "2026-11-24"),
        ("Europe/Moscow", "00:00", "2026-11-24T21:00:00+00:00", "2026-11-25"),
        ("Asia/Tashkent", "00:00", "2026-11-24T18:59:59+00:00", "2026-11-24"),
        ("Asia/Tashkent", "00:00", "2026-11-24T19:00:00+00:00", "2026-11-25"),
        ("Europe/Moscow", "20:00", "2026-11-24T16:59:59+00:00", "2026-11-24"),
        ("Europe/Moscow", "20:00", "2026-11-24T17:00:00+00:00", "2026-11-25"),
        # Kyiv in winter is two hours from Greenwich, in summer three.
        ("Europe/Kyiv", "00:00", "2026-01-15T22:00:00+00:00", "2026-01-16"),
        ("Europe/Kyiv", "00:00", "2026-07-15T20:59:59+00:00", "2026-07-15"),
        ("Europe/Kyiv", "00:00", "2026-07-15T21:00:00+00:00", "2026-07-16"),
        # Almaty: six hours until the night to 1 March 2024, five since; that day had 25 hours.
        ("Asia/Almaty", "00:00", "2024-02-28T18:00:00+00:00", "2024-02-29"),
        ("Asia/Almaty", "00:00", "2024-02-29T18:30:00+00:00", "2024-02-29"),
        ("Asia/Almaty", "00:00", "2024-02-29T18:59:59+00:00", "2024-02-29"),
        ("Asia/Almaty", "00:00", "2024-02-29T19:00:00+00:00", "2024-03-01"),
        # The clock showed 23:30 twice: the day was over the first time.
        ("Asia/Almaty", "23:30", "2024-02-29T17:29:59+00:00", "2024-02-29"),
        ("Asia/Almaty", "23:30", "2024-02-29T17:30:00+00:00", "2024-03-01"),
        ("Asia/Almaty", "23:30", "2024-02-29T18:10:00+00:00", "2024-03-01"),
        # 03:30 twice in Kyiv, and in spring never: it passes when the clocks are set.
        ("Europe/Kyiv", "03:30", "2026-10-25T00:29:59+00:00", "2026-10-25"),
        ("Europe/Kyiv", "03:30", "2026-10-25T01:10:00+00:00", "2026-10-26"),
        ("Europe/Kyiv", "03:30", "2026-03-29T00:59:59+00:00", "2026-03-29"),
        ("Europe/Kyiv", "03:30", "2026-03-29T01:00:00+00:00", "2026-03-30"),
        # Over midnight and back: the new day goes on.
        ("America/St_Johns", "00:00", "2010-11-07T02:30:30+00:00", "2010-11-07"),
        ("America/St_Johns", "00:00", "2010-11-07T02:45:00+00:00", "2010-11-07"),
    ],
)
def test_a_moment_belongs_to_its_day(zone: str, cut_off: str, moment: str, expected: str) -> None:
    assert day(zone, moment, cut_off) == expected


@given(
    st.sampled_from(ZONES),
    st.sampled_from(CUT_OFFS),
    st.one_of(MOMENTS, NEAR_CHANGES),
    st.integers(0, 2 * 86_400),
)
def test_a_later_moment_never_belongs_to_an_earlier_day(
    zone: str, cut_off: dt.time, moment: dt.datetime, seconds: int
) -> None:
    agent = replace(AGENT, zone=zone, cut_off=cut_off)
    later = moment + dt.timedelta(seconds=seconds)
    assert business_day(agent, moment) <= business_day(agent, later)


@given(st.sampled_from(ZONES), st.sampled_from(CUT_OFFS), st.one_of(MOMENTS, NEAR_CHANGES))
def test_a_day_lasts_about_a_day_and_the_next_one_follows(
    zone: str, cut_off: dt.time, moment: dt.datetime
) -> None:
    agent = replace(AGENT, zone=zone, cut_off=cut_off)
    today = business_day(agent, moment)
    assert business_day(agent, moment + dt.timedelta(hours=26)) > today
    following = business_day(agent, moment + dt.timedelta(hours=22))
    assert following <= today + dt.timedelta(days=1)


@given(st.sampled_from(ZONES), st.sampled_from(CUT_OFFS), st.one_of(MOMENTS, NEAR_CHANGES))
def test_the_same_moment_has_one_day_however_it_is_written(
    zone: str, cut_off: dt.time, moment: dt.datetime
) -> None:
    """The agent writes it in its zone, we in UTC."""
    agent = replace(AGENT, zone=zone, cut_off=cut_off)
    there = moment.astimezone(ZoneInfo(zone))
    abroad = moment.astimezone(ZoneInfo("Asia/Vladivostok"))
    assert business_day(agent, there) == business_day(agent, moment) == business_day(agent, abroad)


@given(st.sampled_from(ZONES), st.sampled_from(CUT_OFFS), MOMENTS)
def test_away_from_changes_it_is_what_the_clock_on_the_wall_says(
    zone: str, cut_off: dt.time, moment: dt.datetime
) -> None:
    """What a registry's dates and times are counted by."""
    near = (moment + dt.timedelta(hours=hours) for hours in (-26, 26))
    if len({each.astimezone(ZoneInfo(zone)).utcoffset() for each in (moment, *near)}) > 1:
        return
    local = moment.astimezone(ZoneInfo(zone))
    over = cut_off != dt.time(0, 0) and local.time() >= cut_off
    agent = replace(AGENT, zone=zone, cut_off=cut_off)
    assert business_day(agent, moment) == local.date() + dt.timedelta(days=over)


# --- clocks that are wrong ----------------------------------------------------------------------

NOW = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
TODAY = dt.date(2026, 11, 24)


@pytest.mark.parametrize(
    ("paid_at", "expected"),
    [
        ("2026-11-23T12:00:00+00:00", "2026-11-23"),
        ("2026-10-01T12:00:00+00:00", "2026-10-01"),
        ("2026-11-24T09:59:00+00:00", "2026-11-24"),
        # A clock that is wrong: the day of arrival.
        ("2026-11-25T12:00:00+00:00", "2026-11-24"),
        ("2126-11-24T12:00:00+00:00", "2026-11-24"),
        ("9999-12-31T23:59:59+00:00", "2026-11-24"),
        ("1970-01-01T00:00:00+00:00", "2026-11-24"),
        ("0001-01-01T00:00:00+00:00", "2026-11-24"),
        ("2026-09-20T12:00:00+00:00", "2026-11-24"),
    ],
)
def test_a_terminals_word_counts_unless_its_clock_is_wrong(paid_at: str, expected: str) -> None:
    moment = dt.datetime.fromisoformat(paid_at)
    assert payment_day(AGENT, moment, NOW).isoformat() == expected


def test_how_wrong_a_clock_may_be_is_a_setting() -> None:
    strict = ClockBounds(dt.timedelta(minutes=5), dt.timedelta(days=1))
    for paid_at in (NOW + dt.timedelta(minutes=6), NOW - dt.timedelta(days=2)):
        assert payment_day(AGENT, paid_at, NOW, strict) == TODAY
    assert payment_day(AGENT, NOW - dt.timedelta(hours=23), NOW, strict) == dt.date(2026, 11, 23)


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_any_paid_at_has_a_day_within_the_bounds(paid_at: dt.datetime) -> None:
    found = payment_day(AGENT, paid_at, NOW)
    assert dt.date(2026, 9, 22) <= found <= dt.date(2026, 11, 25)
