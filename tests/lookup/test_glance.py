"""The quick look at a snapshot shows what the long one does, or nothing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.accounts import AccountState, AccountView, Meter, ServiceNames
from server.lookup.glance import Glances
from server.lookup.packing import SnapshotError
from server.lookup.snapshot import billed_half, decode, join, paid_half

CATALOGUE = {
    **{number: (f"s{number}", f"Услуга {number}", "м³") for number in range(1, 14)},
    300: ("lift", "Лифт", ""),
}


@dataclass(frozen=True)
class Shown:
    holder: str
    address: str
    debt: int
    debts: list[tuple[str, str, int]]
    meters: tuple[Meter, ...]


class Look:
    """Renders nothing, but keeps what it was shown."""

    def __init__(self, catalogue: dict[int, tuple[str, str, str]] | None = None) -> None:
        self.glances = Glances(CATALOGUE if catalogue is None else catalogue)
        self.shown: Shown | None = None

    def render(
        self,
        holder: str,
        address: str,
        debt: int,
        services: ServiceNames,
        debts: list[int],
        meters: tuple[Meter, ...],
    ) -> bytes:
        rows = list(zip(services.codes, services.names, debts, strict=True))
        self.shown = Shown(holder, address, debt, rows, meters)
        return b"shown"

    def at(self, value: bytes, with_meters: bool = True) -> Shown | None:
        self.shown = None
        answer = self.glances.show(value, self.render, with_meters)
        assert (answer is None) == (self.shown is None)
        return self.shown


def expected(view: AccountView, with_meters: bool) -> Shown:
    return Shown(
        view.holder,
        view.address,
        view.debt.kopecks,
        [(each.service, each.name, each.debt.kopecks) for each in view.services],
        view.meters if with_meters else (),
    )


ids = st.lists(st.integers(1, 13), unique=True).map(lambda found: tuple(sorted(found)))
sums = st.one_of(st.integers(0, 2**24 - 1), st.integers(0, 2**32 - 1), st.integers(-(2**60), 2**60))
texts = st.one_of(
    st.sampled_from(["И*** И. И.", "г. Заречный, ул. Садовая, д. 12, кв. ***", "ООО «Ёж»", "日本"]),
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=150),
)


def amounts(count: int, of: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(of, min_size=count, max_size=count).map(tuple)


@st.composite
def snapshots(draw: st.DrawFn, state: str = "active") -> bytes:
    billed = draw(ids)
    alike = draw(st.booleans())
    paid = billed if alike else tuple(each for each in billed if draw(st.booleans()))
    of = draw(st.sampled_from([st.integers(0, 3), st.integers(0, 2**24 - 1), sums]))
    meters = draw(st.sampled_from([b"", b"18-1\t2\t124500\t2025-12-20\nE4\t3\t\t"]))
    texts_of = draw(texts).encode(), draw(texts).encode()
    charged = draw(amounts(len(billed), of))
    received = draw(amounts(len(paid), of))
    advance = draw(st.one_of(st.just(0), st.integers(-200, 200), sums))
    first = billed_half(state.encode(), *texts_of, billed, charged, meters)
    return join(1, 7, first, 9, paid_half(paid, received, advance))


@given(st.lists(snapshots(), min_size=1, max_size=5), st.booleans())
def test_an_account_of_a_usual_shape_is_shown_as_the_long_way_shows_it(
    values: list[bytes], with_meters: bool
) -> None:
    look = Look()
    for value in [*values, *values]:  # the second time its shape and texts are known
        view = decode(value, "1", CATALOGUE)
        assert view is not None
        assert look.at(value, with_meters) == expected(view, with_meters)


@given(snapshots(), st.sampled_from(["suspended", "closed"]), st.data())
def test_an_account_that_takes_no_payments_is_not_for_the_quick_look(
    active: bytes, state: str, data: st.DataObject
) -> None:
    look = Look()
    look.at(active)
    assert look.at(data.draw(snapshots(state))) is None


@given(snapshots(), st.data())
def test_a_damaged_snapshot_is_shown_as_the_long_way_reads_it_or_not_at_all(
    value: bytes, data: st.DataObject
) -> None:
    look = Look()
    look.at(value)
    cut = value[: data.draw(st.integers(0, len(value)))]
    try:
        view = decode(cut, "1", CATALOGUE)
    except SnapshotError:
        view = None
    shown = look.at(cut)
    if view is not None and view.state is AccountState.ACTIVE:
        assert shown in (None, expected(view, True))
    else:
        assert shown is None


@pytest.mark.parametrize("billed", [(300,), (1, 300), tuple(range(1, 14))])
def test_lists_that_are_no_bitmap_take_the_long_way(billed: tuple[int, ...]) -> None:
    paid = paid_half(billed, (0,) * len(billed), 0)
    half = billed_half(b"active", b"a", b"b", billed, (1,) * len(billed), b"")
    shown = Look().at(join(1, 1, half, 1, paid))
    assert (shown is None) == (300 in billed)


def test_services_paid_but_not_billed_take_the_long_way() -> None:
    half = billed_half(b"active", b"a", b"b", (1,), (1,), b"")
    assert Look().at(join(1, 1, half, 1, paid_half((2,), (1,), 0))) is None


def test_half_a_snapshot_is_not_shown() -> None:
    half = billed_half(b"active", b"a", b"b", (1,), (1,), b"")
    paid = paid_half((1,), (1,), 0)
    look = Look()
    assert look.at(join(1, 1, half, 1, paid)) is not None
    assert look.at(join(1, 1, half, 0, b"")) is None
    assert look.at(join(1, 0, b"", 1, paid)) is None


def test_a_service_that_the_catalogue_lacks_takes_the_long_way() -> None:
    half = billed_half(b"active", b"a", b"b", (1, 2), (1, 1), b"")
    value = join(1, 1, half, 1, paid_half((1, 2), (1, 1), 0))
    assert Look({1: CATALOGUE[1]}).at(value) is None
    assert Look().at(value) is not None
