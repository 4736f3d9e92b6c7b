"""What is a difference between a network and us, and what is none."""

from __future__ import annotations

import datetime as dt

import pytest

from server.messages import PaymentState
from server.money import Money
from server.protocols.agents_side import Intent, Listed
from server.simulate.beliefs import (
    Belief,
    Claim,
    Held,
    compare,
    compare_list,
    compare_statuses,
    silence,
)

NOW = dt.datetime(2026, 1, 15, tzinfo=dt.UTC)


def claim(belief: Belief, number: str = "7") -> Claim:
    return Claim(Intent(number, "1004217", Money(500), NOW, NOW), belief, is_sent=True)


def held(state: PaymentState, account: str = "1004217", kopecks: int = 500) -> dict[str, Held]:
    return {"7": Held(account, Money(kopecks), state)}


AGREED = {
    (Belief.CREDITED, PaymentState.CREDITED),
    (Belief.CANCELLED, PaymentState.CANCELLED),
    (Belief.CANCELLED, PaymentState.REVERSED),
    (Belief.NOT_CREDITED, PaymentState.HELD),
    (Belief.NOT_CREDITED, PaymentState.EXPIRED),
    (Belief.NOT_CREDITED, PaymentState.CANCELLED),
    (Belief.NOT_CREDITED, PaymentState.REVERSED),
}


@pytest.mark.parametrize("belief", list(Belief))
@pytest.mark.parametrize("state", list(PaymentState))
def test_belief_and_ledger_agree_in_these_cells_only(belief: Belief, state: PaymentState) -> None:
    assert (compare([claim(belief)], held(state)) == ()) is ((belief, state) in AGREED)


@pytest.mark.parametrize("belief", list(Belief))
def test_nothing_is_recorded_of_what_was_not_credited(belief: Belief) -> None:
    assert (compare([claim(belief)], {}) == ()) is (belief is Belief.NOT_CREDITED)


def test_another_account_or_sum_is_a_difference() -> None:
    paid = [claim(Belief.CREDITED)]
    assert compare(paid, held(PaymentState.CREDITED)) == ()
    assert len(compare(paid, held(PaymentState.CREDITED, account="1004218"))) == 1
    assert len(compare(paid, held(PaymentState.CREDITED, kopecks=501))) == 1


def test_answers_that_contradict_each_other_are_a_difference() -> None:
    paid = claim(Belief.CREDITED)
    paid.contradictions.append("pay: answered both 0 and 300")
    (found,) = compare([paid], held(PaymentState.CREDITED))
    assert found.said == "pay: answered both 0 and 300"


def test_the_list_shows_what_is_credited_and_nothing_else() -> None:
    claims = [claim(Belief.CREDITED), claim(Belief.CANCELLED, "8"), claim(Belief.NOT_CREDITED, "9")]
    right = (Listed("7", Money(500)), Listed("a stranger's", Money(1)))
    assert compare_list(claims, right) == ()
    assert len(compare_list(claims, None)) == 1
    assert len(compare_list(claims, ())) == 1
    assert len(compare_list(claims, (Listed("7", Money(501)),))) == 1
    assert len(compare_list(claims, (*right, Listed("7", Money(500))))) == 1
    assert len(compare_list(claims, (*right, Listed("8", Money(500))))) == 1
    assert len(compare_list(claims, (*right, Listed("9", Money(500))))) == 1


def test_the_status_is_compared_where_there_is_one() -> None:
    claims = [claim(Belief.CREDITED), claim(Belief.CANCELLED, "8"), claim(Belief.UNKNOWN, "9")]
    assert compare_statuses(claims, {"7": True, "8": False, "9": True}) == ()
    assert len(compare_statuses(claims, {"7": False, "8": True})) == 2
    assert compare_statuses(claims, {}) == ()


def test_a_day_on_which_nobody_answered_is_no_agreement() -> None:
    turned_away = Claim(Intent("7", "1004217", Money(500), NOW, NOW), is_turned_away=True)
    assert compare([turned_away], {}) == ()
    assert len(silence([turned_away])) == 1
    assert silence([turned_away, claim(Belief.CREDITED, "8")]) == ()
    assert silence([]) == ()
