"""Snapshots: what goes in comes out, in exactly these bytes, and debts are those of the words."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.accounts import (
    AccountState,
    AccountView,
    Meter,
    ServiceDebt,
    ServiceTurnover,
    spread_advance,
)
from server.lookup.packing import SnapshotError
from server.lookup.snapshot import (
    UnknownServiceError,
    billed_half,
    decode,
    is_whole,
    join,
    paid_half,
    split,
)
from server.money import Money

CATALOGUE = {
    1: ("heating", "Отопление", "Гкал"),
    2: ("cold_water", "Холодное водоснабжение", "м³"),
    3: ("electricity", "Электроснабжение", "кВт·ч"),
    40: ("lift", "Лифт", ""),
    300: ("waste", "Обращение с ТКО", ""),
}
BILLED = billed_half(
    b"active",
    "И*** И. И.".encode(),
    "г. Заречный, ул. Садовая, д. 12, кв. ***".encode(),
    (1, 2, 3),
    (1_000_000, 300_000, 120_000),
    b"18-004217\t2\t124500\t2025-12-20\nE4217\t3\t\t",
)
PAID = paid_half((1, 2, 3), (900_000, 279_675, 88_000), -3)
VALUE = join(7, 30, BILLED, 1, PAID)

VIEW = AccountView(
    account="1004217",
    state=AccountState.ACTIVE,
    holder="И*** И. И.",
    address="г. Заречный, ул. Садовая, д. 12, кв. ***",
    charged=Money(1_420_000),
    paid=Money(1_267_672),
    version=31,
    services=(
        ServiceDebt("heating", "Отопление", Money(100_000)),
        ServiceDebt("cold_water", "Холодное водоснабжение", Money(20_325)),
        ServiceDebt("electricity", "Электроснабжение", Money(32_000)),
        ServiceDebt("advance", "Аванс", Money(3)),
    ),
    meters=(
        Meter(
            "18-004217",
            "cold_water",
            "Холодное водоснабжение",
            "м³",
            124_500,
            dt.date(2025, 12, 20),
        ),
        Meter("E4217", "electricity", "Электроснабжение", "кВт·ч", None, None),
    ),
)

sums = st.integers(-(10**17), 10**17)
services = st.lists(st.sampled_from(sorted(CATALOGUE)), unique=True).map(lambda s: tuple(sorted(s)))
texts = st.text(
    st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=200
) | st.text(", квул.пр-тдг*И \u0001\t₽Ӧ😀", min_size=1)
numbers = st.text(
    st.characters(exclude_categories=("Z", "C")),
    min_size=1,
    max_size=30,
)
dates = st.dates(dt.date(1970, 1, 2), dt.date(2149, 6, 6))
meters = st.tuples(
    numbers,
    st.sampled_from(sorted(CATALOGUE)),
    st.none() | st.integers(0, 2**63 - 1),
    st.none() | dates,
)


def lane(ids: tuple[int, ...], draw: st.DataObject) -> tuple[int, ...]:
    return tuple(draw.draw(sums) for _ in ids)


def test_a_snapshot_is_exactly_these_bytes() -> None:
    """Written down by hand from the module's description: Redis holds them across upgrades."""
    pieces = (
        "00000007 0000001e 00000001 0041",  # epoch 7, versions 30 and 1, 65 bytes of billed half
        "10",  # format 1, active, sums of three bytes
        "07",  # services 1, 2, 3
        "0f4240 0493e0 01d4c0",
        "0c c8 08 c8 09 c8 2e",  # И, "*** ", И, ". ", И, "."
        "2a 07 c7e0f0e5f7edfbe9 02 d1e0e4eee2e0ff 06 3132 01",  # "г. ", …, ", кв. ***"
        "12 31382d303034323137 13 4fda 01e654",  # 18-004217, service 2, 2025-12-20, 124500
        "0a 4534323137 18 0000",  # E4217, service 3, no reading
        "10 07 0dbba0 04447b 0157c0 05",  # paid by service, advance -3
    )
    assert VALUE.hex() == "".join(pieces).replace(" ", "")


def test_a_view_is_read_from_a_snapshot() -> None:
    assert decode(VALUE, "1004217", CATALOGUE) == VIEW


def test_the_version_is_the_sum_of_both_lanes() -> None:
    view = decode(join(7, 31, BILLED, 5, PAID), "1004217", CATALOGUE)
    assert view == replace(VIEW, version=36)


@pytest.mark.parametrize("value", [join(7, 30, BILLED, 0, b""), join(7, 0, b"", 1, PAID)])
def test_half_a_snapshot_is_a_miss(value: bytes) -> None:
    assert not is_whole(value)
    assert decode(value, "1004217", CATALOGUE) is None


@pytest.mark.parametrize("place", [14, 14 + len(BILLED)])
def test_a_half_of_another_format_is_refused(place: int) -> None:
    other = VALUE[:place] + bytes((VALUE[place] ^ 0x30,)) + VALUE[place + 1 :]
    with pytest.raises(SnapshotError, match="another version"):
        decode(other, "1004217", CATALOGUE)


def test_a_service_that_the_catalogue_lacks_is_told_apart_from_damage() -> None:
    with pytest.raises(UnknownServiceError):
        decode(VALUE, "1004217", {1: CATALOGUE[1]})


@given(st.integers(0, len(VALUE) - 1))
def test_a_snapshot_cut_off_anywhere_is_refused(length: int) -> None:
    with pytest.raises(SnapshotError) as refused:
        decode(VALUE[:length], "1004217", CATALOGUE)
    assert "1004217" not in str(refused.value)  # it goes to the log


@given(st.binary(max_size=200))
def test_junk_is_refused_or_shown_but_nothing_else_happens(junk: bytes) -> None:
    try:
        decode(VALUE[:14] + junk, "1004217", CATALOGUE)
    except SnapshotError:
        return


@given(
    state=st.sampled_from(AccountState),
    holder=texts,
    address=texts,
    charged_ids=services,
    paid_ids=services,
    shown=st.lists(meters, max_size=5),
    advance=sums,
    draw=st.data(),
)
def test_whatever_rows_hold_a_view_shows(
    state: AccountState,
    holder: str,
    address: str,
    charged_ids: tuple[int, ...],
    paid_ids: tuple[int, ...],
    shown: list[tuple[str, int, int | None, dt.date | None]],
    advance: int,
    draw: st.DataObject,
) -> None:
    charged, paid = lane(charged_ids, draw), lane(paid_ids, draw)
    lines = "\n".join(
        f"{number}\t{service}\t{'' if reading is None else reading}\t{date or ''}"
        for number, service, reading, date in shown
    )
    billed = billed_half(
        state.value.encode(),
        holder.encode(),
        address.encode(),
        charged_ids,
        charged,
        lines.encode(),
    )
    value = join(1, 2**32 - 1, billed, 2**32 - 1, paid_half(paid_ids, paid, advance))
    owed, settled = (
        dict(zip(charged_ids, charged, strict=True)),
        dict(zip(paid_ids, paid, strict=True)),
    )
    turnovers = tuple(
        ServiceTurnover(
            *CATALOGUE[service][:2], Money(owed.get(service, 0)), Money(settled.get(service, 0))
        )
        for service in sorted({*charged_ids, *paid_ids})
    )
    view = decode(value, "x", CATALOGUE)
    assert view == AccountView(
        "x",
        state,
        holder,
        address,
        Money(sum(charged)),
        Money(sum(paid) + advance),
        2 * (2**32 - 1),
        spread_advance(turnovers, Money(advance)),
        tuple(
            Meter(number, *CATALOGUE[service], reading, date)
            for number, service, reading, date in shown
        ),
    )
    assert view is not None
    assert sum(each.debt.kopecks for each in view.services) == view.debt.kopecks


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=300),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=300),
)
def test_halves_are_split_as_they_were_joined(
    epoch: int, billed_version: int, billed: bytes, paid_version: int, paid: bytes
) -> None:
    parts = (epoch, billed_version, billed, paid_version, paid)
    assert split(join(*parts)) == parts


def test_a_date_that_no_calendar_holds_is_not_shown() -> None:
    billed = billed_half(b"closed", b"x", b"", (), (), b"1\t1\t5\tinfinity")
    view = decode(join(1, 1, billed, 1, paid_half((), (), 0)), "1", CATALOGUE)
    assert view is not None
    assert view.meters[0].last_reading == 5
    assert view.meters[0].last_date is None


@pytest.mark.parametrize("sums", [(), (0,), (2**24 - 1, 5), (2**24, 5), (2**32 - 1,), (2**32, -1)])
def test_sums_of_every_width_are_read(sums: tuple[int, ...]) -> None:
    ids = (1, 300)[: len(sums)]
    billed = billed_half(b"suspended", b"x", b"y", ids, sums, b"")
    view = decode(join(1, 1, billed, 1, paid_half(ids, sums, 0)), "1", CATALOGUE)
    assert view is not None
    assert (view.charged, view.paid) == (Money(sum(sums)), Money(sum(sums)))


def test_six_services_and_two_meters_take_less_than_120_bytes() -> None:
    ids = (1, 2, 3, 4, 6, 7)
    billed = billed_half(
        b"active",
        "И*** И. И.".encode(),
        "г. Заречный, ул. Садовая, д. 12, кв. ***".encode(),
        ids,
        (2_628_816, 363_649, 480_099, 365_701, 1_105_883, 120_000),
        b"18-004217\t2\t124500\t2025-12-20\nE4217\t6\t8120000\t2025-12-20",
    )
    received = (2_528_816, 263_649, 380_099, 265_701, 1_005_883, 20_000)
    paid = paid_half(ids, received, 1000)
    assert len(join(1, 30, billed, 20, paid)) < 120
