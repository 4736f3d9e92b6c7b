"""Both sides of a protocol understand each other: requests are read, answers are believed."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.messages import (
    AccountChecked,
    Cancel,
    CheckAccount,
    Confirm,
    GetStatus,
    Hold,
    Outcome,
    Pay,
    PaymentAccepted,
    PaymentCancelled,
    PaymentHeld,
    PaymentState,
    PaymentStatus,
    RefusedOutcome,
)
from server.money import Money
from server.protocols import Operation
from server.protocols.agents_side import (
    Decision,
)
from server.protocols.facts import MoneyForm
from server.refusals import Refusal
from tests.protocols.both_sides import DEMO_FILES, PAID_AT, PAYMENT_ID, Sides, sides, view

every_network = pytest.mark.parametrize("name", sorted(DEMO_FILES))


# --- requests ---------------------------------------------------------------------------------


@every_network
def test_a_payment_is_asked_for_in_one_phase_or_in_two(name: str) -> None:
    both = sides(name)
    asked = set(both.network.asks)
    assert asked <= both.codec.operations
    assert (Operation.PAY in asked) is not ({Operation.HOLD, Operation.CONFIRM} <= asked)


@every_network
def test_every_request_means_to_the_server_what_the_network_wants(name: str) -> None:
    both = sides(name)
    number = both.network.payment_id(17)
    for operation in both.network.asks:
        match both.understood(operation):
            case CheckAccount(account):
                assert operation is Operation.CHECK
                assert account == "1004217"
            case (Pay() | Hold()) as paid:
                assert operation is (Operation.PAY if isinstance(paid, Pay) else Operation.HOLD)
                assert paid.agent_payment_id == number
                assert (paid.account, paid.amount) == ("1004217", Money(152340))
                assert paid.paid_at in (PAID_AT, None)
            case Confirm(by_agent, by_us):
                assert operation is Operation.CONFIRM
                assert (by_agent == number) != (by_us == PAYMENT_ID)
            case Cancel(by_agent, by_us):
                assert operation is Operation.CANCEL
                assert (by_agent == number) != (by_us == PAYMENT_ID)
            case GetStatus(by_agent, by_us):
                assert operation is Operation.STATUS
                assert (by_agent == number) != (by_us == PAYMENT_ID)
            case other:
                raise AssertionError(other)


@every_network
def test_a_sum_is_written_as_the_facts_say(name: str) -> None:
    both = sides(name)
    assert both.codec.facts is not None
    asked = both.asked(Operation.PAY if Operation.PAY in both.network.asks else Operation.HOLD)
    text = unquote_plus(f"{asked.query} {asked.body.decode('latin-1')}")
    found = [
        form for form in MoneyForm if re.search(rf"(?<!\d){re.escape(form.value)}(?!\d)", text)
    ]
    assert found == [both.codec.facts.money]


@every_network
def test_a_network_numbers_its_payments_differently(name: str) -> None:
    numbers = [sides(name).network.payment_id(n) for n in (1, 2, 17, 10**6, 10**12)]
    assert len(set(numbers)) == len(numbers)


@every_network
def test_the_same_intent_is_the_same_bytes(name: str) -> None:
    both = sides(name)
    for operation in both.network.asks:
        assert both.asked(operation) == both.asked(operation)


@every_network
def test_what_is_held_can_be_given_up(name: str) -> None:
    both = sides(name)
    ask = both.network.abandon or both.network.asks.get(Operation.CANCEL)
    if Operation.HOLD not in both.network.asks:
        assert both.network.abandon is None
        return
    assert ask is not None
    command = both.understood_as(ask)
    assert isinstance(command, Cancel)
    assert (command.agent_payment_id == both.network.payment_id(17)) != (
        command.payment_id == PAYMENT_ID
    )
    cancelled = PaymentCancelled(both.payment(PaymentState.CANCELLED))
    assert both.reply_to(ask, Operation.CANCEL, cancelled).decision is Decision.ACCEPTED
    refused = RefusedOutcome(Refusal.PAYMENT_NOT_FOUND)
    assert both.reply_to(ask, Operation.CANCEL, refused).decision is Decision.REFUSED


@every_network
def test_what_must_be_asked_before_a_cancellation_undoes_nothing_yet(name: str) -> None:
    both = sides(name)
    ask = both.network.before_cancel
    if ask is None:
        return
    assert isinstance(both.understood_as(ask), GetStatus)
    credited = PaymentStatus(both.payment(PaymentState.CREDITED))
    assert both.reply_to(ask, Operation.CANCEL, credited).decision is Decision.ACCEPTED
    refused = RefusedOutcome(Refusal.PAYMENT_NOT_FOUND)
    assert both.reply_to(ask, Operation.CANCEL, refused).decision is Decision.REFUSED


# --- answers ----------------------------------------------------------------------------------


def successes(both: Sides) -> dict[Operation, Outcome]:
    credited = both.payment(PaymentState.CREDITED)
    return {
        Operation.CHECK: AccountChecked(view()),
        Operation.PAY: PaymentAccepted(credited),
        Operation.HOLD: PaymentHeld(both.payment(PaymentState.HELD)),
        Operation.CONFIRM: PaymentAccepted(credited),
        Operation.CANCEL: PaymentCancelled(both.payment(PaymentState.CANCELLED)),
        Operation.STATUS: PaymentStatus(credited),
    }


@every_network
def test_a_success_is_believed(name: str) -> None:
    both = sides(name)
    for operation in both.network.asks:
        verdict = both.answered(operation, successes(both)[operation])
        assert verdict.decision is Decision.ACCEPTED, operation
        assert verdict.payment_id in ("", str(PAYMENT_ID))
        assert verdict.debt in (None, view().debt)


@every_network
def test_a_repeated_success_is_believed_or_asked_about(name: str) -> None:
    both = sides(name)
    for operation, outcome in successes(both).items():
        if operation in both.network.asks and isinstance(
            outcome, PaymentAccepted | PaymentHeld | PaymentCancelled
        ):
            verdict = both.answered(operation, replace(outcome, repeated=True))
            assert verdict.decision in (Decision.ACCEPTED, Decision.ASK_STATUS), operation


@every_network
def test_whoever_holds_a_payment_learns_its_number_to_confirm_it(name: str) -> None:
    both = sides(name)
    if Operation.HOLD in both.network.asks:
        command = both.understood(Operation.CONFIRM)
        assert isinstance(command, Confirm)
        verdict = both.answered(Operation.HOLD, successes(both)[Operation.HOLD])
        assert not command.payment_id or verdict.payment_id == str(command.payment_id)


@every_network
@pytest.mark.parametrize("refusal", list(Refusal))
def test_a_final_refusal_ends_it_and_try_later_does_not(name: str, refusal: Refusal) -> None:
    both = sides(name)
    for operation in both.network.asks:
        response = both.response(operation, RefusedOutcome(refusal))
        decision = both.read(operation, response).decision
        assert decision is not Decision.ACCEPTED, operation
        # Whatever has another status than 200 is a failed exchange to its network.
        failed = response.status != 200
        assert (decision is Decision.REPEAT) is (failed or not refusal.final), operation


@every_network
def test_an_undone_payment_is_not_credited(name: str) -> None:
    both = sides(name)
    if Operation.STATUS in both.network.asks:
        outcome = PaymentStatus(both.payment(PaymentState.CANCELLED))
        assert both.answered(Operation.STATUS, outcome).decision is Decision.REFUSED


@every_network
@given(data=st.data())
def test_no_answer_but_a_whole_one_is_believed(name: str, data: st.DataObject) -> None:
    """Cut off anywhere, or nonsense: never accepted, and never an exception."""
    both = sides(name)
    operation = data.draw(st.sampled_from(sorted(both.network.asks, key=str)))
    whole = both.response(operation, successes(both)[operation])
    cut = whole.body.rstrip()[: data.draw(st.integers(0, len(whole.body.rstrip()) - 1))]
    body = data.draw(st.sampled_from([cut, b"<html>", b"\xff", b"{}", b"[]", b"null"]))
    verdict = both.read(operation, replace(whole, body=body))
    assert verdict.decision is not Decision.ACCEPTED
    assert both.read(operation, replace(whole, status=502)).decision is Decision.REPEAT


@every_network
def test_pauses_never_shrink_and_end_within_the_lifetime(name: str) -> None:
    habits = sides(name).network.habits
    assert list(habits.pauses_seconds) == sorted(habits.pauses_seconds)
    assert 0 < habits.pauses_seconds[0] <= habits.pauses_seconds[-1] < habits.lifetime_seconds
