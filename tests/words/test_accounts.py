"""Accounts: spreading the advance keeps the sum."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.accounts import ServiceTurnover, is_account_number, spread_advance
from server.money import Money

turnovers = st.lists(
    st.tuples(st.integers(-(10**6), 10**9), st.integers(-(10**6), 10**9)), max_size=8
)


@given(turnovers, st.integers(-(10**9), 10**9))
def test_debts_by_service_always_add_up_to_the_debt(
    sums: list[tuple[int, int]], advance: int
) -> None:
    given_turnovers = tuple(
        ServiceTurnover(f"s{place}", "", Money(charged), Money(paid))
        for place, (charged, paid) in enumerate(sums)
    )
    debts = spread_advance(given_turnovers, Money(advance))
    debt = sum(charged - paid for charged, paid in sums) - advance
    assert sum(each.debt.kopecks for each in debts) == debt


def test_an_advance_takes_debts_off_in_order_and_the_rest_stands_alone() -> None:
    services = (
        ServiceTurnover("water", "Вода", Money(100), Money(0)),
        ServiceTurnover("gas", "Газ", Money(50), Money(70)),
        ServiceTurnover("heating", "Отопление", Money(30), Money(0)),
    )
    debts = spread_advance(services, Money(150))
    assert [(each.service, each.debt.kopecks) for each in debts] == [
        ("water", 0),
        ("gas", -20),
        ("heating", 0),
        ("advance", -20),
    ]


def test_account_numbers_have_no_spaces_and_at_most_thirty_characters() -> None:
    assert is_account_number("0000042")
    assert is_account_number("75АБ123456-01")
    assert not is_account_number("")
    assert not is_account_number("1 2")
    assert not is_account_number("1\x00")
    assert not is_account_number("9" * 31)
