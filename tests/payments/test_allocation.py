"""Which charge a payment settles: by each rule, to the kopeck, however it is batched."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.payments.allocation import (
    ANY,
    Billed,
    Book,
    Charge,
    Credited,
    Event,
    Line,
    Rule,
    Rules,
    Supplier,
    Undone,
    allocate,
    in_order,
)
from tests.payments.histories import ORDERS, RULES, START, histories

JANUARY, FEBRUARY, MARCH = (dt.date(2026, month, 1) for month in (1, 2, 3))
HEATING, WATER, POWER = 1, 2, 3
LATER = START + dt.timedelta(hours=1)
LAST = START + dt.timedelta(hours=2)

BILLS = Billed(
    START,
    (
        Charge(HEATING, JANUARY, 100),
        Charge(WATER, JANUARY, 50),
        Charge(HEATING, FEBRUARY, 70),
        Charge(WATER, FEBRUARY, 30),
    ),
)


def paid(kopecks: int, parts: dict[int, int] | None = None, number: int = 1) -> Credited:
    return Credited(LATER, number, kopecks, parts or {})


def placed(lines: Iterable[Line]) -> list[tuple[int, int, int]]:
    """(service, month, kopecks) of each line."""
    return [(line.service, line.period.month, line.kopecks) for line in lines]


def settle(rules: Rules, *events: Event) -> tuple[list[Line], Book]:
    book = Book()
    return allocate(book, events, rules), book


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule.OLDEST_FIRST, [(HEATING, 1, 100), (WATER, 1, 50), (HEATING, 2, 10)]),
        (Rule.CURRENT_FIRST, [(HEATING, 2, 70), (WATER, 2, 30), (HEATING, 1, 60)]),
        # Of 160 heating gets 170/250 and water 80/250: 108.8 and 51.2.
        (Rule.PRO_RATA, [(HEATING, 1, 100), (HEATING, 2, 9), (WATER, 1, 50), (WATER, 2, 1)]),
    ],
)
def test_each_rule_settles_in_its_own_order(
    rule: Rule, expected: list[tuple[int, int, int]]
) -> None:
    lines, _ = settle(Rules(rule), BILLS, paid(160))
    assert placed(lines) == expected
    assert {line.rule for line in lines} == {rule}


def test_current_first_turns_to_the_oldest_debt_when_the_newest_period_is_paid() -> None:
    march = Billed(START, (Charge(WATER, MARCH, 20),))
    lines, _ = settle(Rules(Rule.CURRENT_FIRST), BILLS, march, paid(130))
    assert placed(lines) == [(WATER, 3, 20), (HEATING, 1, 100), (WATER, 1, 10)]


def test_equal_remainders_give_the_odd_kopeck_to_the_lower_service() -> None:
    equal = Billed(START, tuple(Charge(service, JANUARY, 100) for service in (1, 2, 3)))
    lines, _ = settle(Rules(Rule.PRO_RATA), equal, paid(101))
    assert placed(lines) == [(1, 1, 34), (2, 1, 34), (3, 1, 33)]


def test_the_largest_remainder_gets_the_odd_kopeck() -> None:
    uneven = Billed(START, (Charge(1, JANUARY, 100), Charge(2, JANUARY, 170)))
    lines, _ = settle(Rules(Rule.PRO_RATA), uneven, paid(100))
    assert placed(lines) == [(1, 1, 37), (2, 1, 63)]


def test_what_the_payer_said_goes_there_and_the_rest_by_the_rule() -> None:
    lines, book = settle(Rules(), BILLS, paid(100, {WATER: 60}))
    assert placed(lines) == [(WATER, 1, 50), (WATER, 2, 10), (HEATING, 1, 40)]
    assert [line.rule for line in lines] == [Rule.AS_SAID, Rule.AS_SAID, Rule.OLDEST_FIRST]
    assert book.left == []


def test_more_than_the_named_service_owes_stays_with_it_and_settles_its_next_charge() -> None:
    lines, book = settle(Rules(), BILLS, paid(100, {WATER: 100}))
    assert placed(lines) == [(WATER, 1, 50), (WATER, 2, 30)]
    assert [(each.service, each.kopecks) for each in book.left] == [(WATER, 20)]
    assert book.advance == 0
    march = Billed(LAST, (Charge(HEATING, MARCH, 5), Charge(WATER, MARCH, 15)))
    assert placed(allocate(book, [march], Rules())) == [(WATER, 3, 15)]
    assert [(each.service, each.kopecks) for each in book.left] == [(WATER, 5)]


def test_an_overpayment_is_an_advance_that_settles_the_next_charge() -> None:
    lines, book = settle(Rules(), BILLS, paid(300))
    assert sum(line.kopecks for line in lines) == 250
    assert book.advance == 50
    more = allocate(book, [Billed(LAST, (Charge(POWER, MARCH, 80),))], Rules())
    assert [(line.payment_id, line.kopecks) for line in more] == [(1, 50)]
    assert book.advance == 0
    assert book.owed == {(POWER, MARCH): 30}


def test_the_payment_that_was_credited_first_settles_first() -> None:
    later = Credited(LAST, 1, 30)
    first = paid(30, number=2)
    _, book = settle(Rules(), *in_order([later, first]))
    lines = allocate(book, [Billed(LAST, (Charge(POWER, MARCH, 40),))], Rules())
    assert [(line.payment_id, line.kopecks) for line in lines] == [(2, 30), (1, 10)]


def test_the_division_is_the_companys_and_the_order_each_suppliers_own() -> None:
    rules = Rules(
        Rule.OLDEST_FIRST,
        {HEATING: Supplier(1, Rule.CURRENT_FIRST), WATER: Supplier(2, Rule.OLDEST_FIRST)},
    )
    lines, _ = settle(rules, BILLS, paid(120))
    assert placed(lines) == [(HEATING, 2, 70), (HEATING, 1, 30), (WATER, 1, 20)]
    assert [line.rule.value for line in lines] == ["current_first"] * 2 + ["oldest_first"]


def test_a_recalculation_pays_for_its_own_service_first() -> None:
    _, book = settle(Rules(), Billed(START, (Charge(WATER, JANUARY, 100),)), paid(100))
    refund = Billed(LATER, (Charge(WATER, JANUARY, -30),))
    assert allocate(book, [refund], Rules()) == []
    bill = Billed(LAST, (Charge(WATER, FEBRUARY, 100), Charge(HEATING, FEBRUARY, 10)))
    lines = allocate(book, [bill, Credited(LAST, 2, 80)], Rules())
    assert placed(lines) == [(HEATING, 2, 10), (WATER, 2, 70)]
    assert sum(book.owed.values()) == 0


def test_undoing_writes_the_opposite_lines_and_frees_the_charges_for_other_money() -> None:
    lines, book = settle(Rules(), BILLS, paid(250), Credited(LAST, 2, 60))
    assert book.advance == 60
    undone = allocate(book, [Undone(LAST, 1)], Rules())
    back = [line for line in undone if line.payment_id == 1]
    assert placed(back) == [(s, month, -kopecks) for s, month, kopecks in placed(lines)]
    assert placed(line for line in undone if line.payment_id == 2) == [(HEATING, 1, 60)]
    assert book.advance == 0


def test_undoing_what_waits_as_an_advance_leaves_no_line() -> None:
    lines, book = settle(Rules(), paid(70), Undone(LAST, 1))
    assert (lines, book.left) == ([], [])


def test_of_one_moment_bills_come_before_payments_and_what_was_undone_before_both() -> None:
    undone_later, undone_at_once = Undone(START, 1), Undone(START, 2)
    two, three = Credited(START, 2, 1), Credited(START, 3, 1)
    events: list[Event] = [undone_at_once, three, two, BILLS, undone_later]
    assert in_order(events) == [undone_later, BILLS, two, three, undone_at_once]


# --- whatever happens ---------------------------------------------------------------------------


@given(histories(), RULES)
def test_every_kopeck_of_a_payment_settles_a_charge_or_is_left(
    events: list[Event], rules: Rules
) -> None:
    lines, book = settle(rules, *events)
    undone = {event.payment_id for event in events if isinstance(event, Undone)}
    for event in events:
        if isinstance(event, Credited):
            settled = sum(line.kopecks for line in lines if line.payment_id == event.payment_id)
            left = sum(each.kopecks for each in book.left if each.payment_id == event.payment_id)
            expected = 0 if event.payment_id in undone else event.kopecks
            assert settled + left == expected


@given(histories(), RULES)
def test_by_service_and_period_what_is_owed_is_what_was_charged_less_what_is_settled(
    events: list[Event], rules: Rules
) -> None:
    lines, book = settle(rules, *events)
    expected: Counter[tuple[int, dt.date]] = Counter()
    for event in events:
        if isinstance(event, Billed):
            for charge in event.charges:
                expected[charge.service, charge.period] += charge.kopecks
    for line in lines:
        expected[line.service, line.period] -= line.kopecks
    assert book.owed == {key: kopecks for key, kopecks in expected.items() if kopecks}


@given(histories(), RULES)
def test_nothing_waits_as_an_advance_while_something_is_owed(
    events: list[Event], rules: Rules
) -> None:
    """So a check, which lays the advance over the debts, shows what is allocated."""
    _, book = settle(rules, *events)
    debt: Counter[int] = Counter()
    for (service, _), kopecks in book.owed.items():
        debt[service] += kopecks
    if book.advance:
        assert max(debt.values(), default=0) <= 0
    for left in book.left:
        assert left.kopecks > 0
        assert left.service == ANY or debt[left.service] <= 0


@given(histories(), RULES)
def test_money_of_a_named_service_settles_that_service_only(
    events: list[Event], rules: Rules
) -> None:
    lines, _ = settle(rules, *events)
    said: Counter[tuple[int, int]] = Counter()
    for line in lines:
        if line.rule is Rule.AS_SAID:
            said[line.payment_id, line.service] += line.kopecks
    for event in events:
        if isinstance(event, Credited):
            for service in {key[1] for key in said if key[0] == event.payment_id}:
                assert 0 <= said[event.payment_id, service] <= event.parts[service]


@given(histories(), RULES, st.lists(st.integers(0, 12), max_size=6))
def test_the_same_history_gives_the_same_lines_in_any_batching(
    events: list[Event], rules: Rules, cuts: list[int]
) -> None:
    whole, book = settle(rules, *events)
    ends = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    kept = Book()
    parts: list[Line] = []
    for since, until in itertools.pairwise(ends):
        # As the store keeps it: lines of a payment in their order, what is owed in any.
        owed = list(kept.owed.items())
        random.Random(since).shuffle(owed)
        again = Book(dict(owed), list(kept.left), list(kept.lines))
        parts += allocate(again, events[since:until], rules)
        kept = again
    assert parts == whole
    assert (kept.owed, kept.left) == (book.owed, book.left)


@given(histories(), RULES, st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_handed_over_does_not_matter(
    events: list[Event], rules: Rules, luck: random.Random
) -> None:
    shuffled = list(events)
    luck.shuffle(shuffled)
    assert settle(rules, *in_order(shuffled))[0] == settle(rules, *events)[0]


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=9), st.data())
def test_pro_rata_is_within_a_kopeck_of_the_exact_share(
    debts: list[int], data: st.DataObject
) -> None:
    total = sum(debts)
    kopecks = data.draw(st.integers(1, total))
    bill = Billed(START, tuple(Charge(s, JANUARY, debt) for s, debt in enumerate(debts, 1)))
    lines, _ = settle(Rules(Rule.PRO_RATA), bill, paid(kopecks))
    assert sum(line.kopecks for line in lines) == kopecks
    shares = {line.service: line.kopecks for line in lines}
    for service, debt in enumerate(debts, 1):
        assert abs(shares.get(service, 0) * total - kopecks * debt) < total


@given(histories(), st.sampled_from(ORDERS))
def test_a_supplier_with_the_rule_of_the_division_changes_nothing(
    events: list[Event], rule: Rule
) -> None:
    alike = Rules(rule, {service: Supplier(service, rule) for service in (1, 2, 3, 4)})
    assert settle(alike, *events)[0] == settle(Rules(rule), *events)[0]
