"""Local times of agents: strict digits, one moment for each, also where clocks are changed."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.protocols import local_time
from server.refusals import Refusal, Refused

SBER = "%d.%m.%Y_%H:%M:%S"
OSMP = "%Y%m%d%H%M%S"
MOMENT = dt.datetime(2026, 1, 15, 7, 20, 30, tzinfo=dt.UTC)
ZONES = ("Europe/Moscow", "Asia/Kamchatka", "Europe/Berlin", "America/Sao_Paulo", "UTC")


def utc(*fields: int) -> dt.datetime:
    year, month, day, hour, minute = fields
    return dt.datetime(year, month, day, hour, minute, tzinfo=dt.UTC)


@pytest.mark.parametrize("form", [SBER, OSMP])
@given(
    zone=st.sampled_from(ZONES),
    moment=st.datetimes(
        dt.datetime(2000, 1, 2),  # noqa: DTZ001
        dt.datetime(2099, 12, 30),  # noqa: DTZ001
        timezones=st.just(dt.UTC),
    ),
)
def test_what_is_written_reads_as_a_moment_with_the_same_clock(
    form: str, zone: str, moment: dt.datetime
) -> None:
    written = local_time.write(moment, form, zone)
    read = local_time.read(written, form, zone)
    assert read.tzinfo is dt.UTC
    assert local_time.write(read, form, zone) == written
    assert moment.replace(microsecond=0) - read in (dt.timedelta(0), dt.timedelta(hours=1))


def test_moscow_is_three_hours_ahead() -> None:
    assert local_time.read("20260115102000", OSMP, "Europe/Moscow") == utc(2026, 1, 15, 7, 20)


def test_a_time_in_the_gap_counts_from_the_old_offset() -> None:
    assert local_time.read("20260329023000", OSMP, "Europe/Berlin") == utc(2026, 3, 29, 1, 30)
    assert local_time.read("20260329033000", OSMP, "Europe/Berlin") == utc(2026, 3, 29, 1, 30)


def test_a_time_that_occurs_twice_is_its_first_occurrence() -> None:
    assert local_time.read("20261025023000", OSMP, "Europe/Berlin") == utc(2026, 10, 25, 0, 30)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "20260115",
            "2026011510200",
            "202601151020000",
            " 20260115102000",
            "20260115102000\n",
        ),
        *("20260015102000", "20260132102000", "20260229102000", "20260115240000", "20260115106000"),
        *("20260115102060", "00000115102000", "19991231235959", "21000101000000", "٢٠٢٦0115102000"),
        *("2026-1-15 1020", "+2026115102000", "2026011510200x"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        local_time.read(text, OSMP, "Europe/Moscow")
    assert refused.value.refusal is Refusal.DATE_MALFORMED


def test_separators_are_meant_literally() -> None:
    with pytest.raises(Refused):
        local_time.read("15x01x2026_10:20:30", SBER, "Europe/Moscow")


@pytest.mark.parametrize("form", local_time.SPELLINGS)
def test_every_known_spelling_is_read_back(form: str) -> None:
    written = local_time.write(MOMENT, form, "Asia/Yekaterinburg")
    assert local_time.read_any(written, "Asia/Yekaterinburg") == MOMENT


@pytest.mark.parametrize("text", ["", "15/01/26", "2026-02-30T00:00:00", "20260115", "1e13"])
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        local_time.read_any(text, "Europe/Moscow")
    assert refused.value.refusal is Refusal.DATE_MALFORMED


def test_no_text_fits_two_spellings() -> None:
    for form in local_time.SPELLINGS:
        written = local_time.write(MOMENT, form, "UTC")
        assert sum(_fits(written, other) for other in local_time.SPELLINGS) == 1


def _fits(text: str, form: str) -> bool:
    try:
        local_time.read(text, form, "UTC")
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-15T10:20:30+03:00", MOMENT),
        ("2026-01-15T10:20:30.196+03:00", MOMENT),
        ("2026-01-15T07:20:30Z", MOMENT),
        ("2026-01-15T10:20:30", MOMENT),
    ],
)
def test_an_iso_time_may_have_a_fraction_and_an_offset(text: str, moment: dt.datetime) -> None:
    assert local_time.read_iso(text, "Europe/Moscow") == moment


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-01-15", "2026-01-15 10:20:30", "20260115T102030", "2026-02-31T10:20:30"),
        *("2026-01-15T24:00:00", "2026-01-15T10:20:30+25:00", "0001-01-15T10:20:30Z"),
        *("2026-01-15T10:20:30+0300", "٢٠٢٦-01-15T10:20:30", "2026-01-15T10:20:30.Z"),
    ],
)
def test_what_is_no_iso_time_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        local_time.read_iso(text, "Europe/Moscow")
    assert refused.value.refusal is Refusal.DATE_MALFORMED
