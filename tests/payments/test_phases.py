"""Payments in two phases at the desk: held, confirmed, cancelled, expired; and repeats of each."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from server.accounts import AccountState
from server.messages import (
    Cancel,
    Command,
    Confirm,
    Expected,
    GetStatement,
    GetStatus,
    Hold,
    Part,
    Pay,
    PaymentAccepted,
    PaymentCancelled,
    PaymentHeld,
    PaymentState,
    PaymentStatus,
    RefusedOutcome,
    Statement,
)
from server.money import Money
from server.refusals import Refusal
from tests.payments.fakes import AGENT, NOON, view
from tests.payments.test_desk import PAY, Room

HOLD = Hold("1", "1004217", Money(152340), valid_seconds=3600, terminal="T-7")
REMEMBERING = replace(AGENT, settings={"remember_refusals": "yes"})


@pytest.fixture
def room() -> Room:
    return Room()


def later(room: Room, **passed: float) -> None:
    room.now += dt.timedelta(**passed)


async def test_a_hold_credits_nothing_and_a_confirm_credits_once(room: Room) -> None:
    held = await room.handle(HOLD)
    assert isinstance(held, PaymentHeld)
    assert not held.repeated
    assert held.payment.state is PaymentState.HELD
    assert (held.payment.held_at, held.payment.terminal) == (NOON, "T-7")
    assert room.ledger.credited == {}
    later(room, seconds=3599)
    confirmed = await room.handle(Confirm("1"))
    assert isinstance(confirmed, PaymentAccepted)
    assert not confirmed.repeated
    assert confirmed.payment.credited_at == room.now
    again = await room.handle(Confirm(payment_id=held.payment.payment_id))
    assert again == PaymentAccepted(confirmed.payment, repeated=True)
    assert room.ledger.credited == {"1004217": 152340}
    assert room.accounts.published == ["1004217", "1004217"]


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        (Expected(agent_payment_id="2"), Refusal.PAYMENT_NOT_FOUND),
        (Expected(payment_id=1), Refusal.PAYMENT_NOT_FOUND),
        (Expected(account="1004218"), Refusal.PAYMENT_CONFLICT),
        (Expected(amount=Money(152341)), Refusal.PAYMENT_CONFLICT),
    ],
)
async def test_what_is_said_of_another_payment_moves_none(
    room: Room, said: Expected, refusal: Refusal
) -> None:
    held = await room.handle(HOLD)
    assert isinstance(held, PaymentHeld)
    own = Expected("1", held.payment.payment_id, "1004217", Money(152340))
    for command in (Confirm("1", expected=said), Cancel("1", expected=said)):
        assert await room.refusal(command) is refusal
        assert await room.refusal(GetStatus("1", expected=said)) is refusal
    status = await room.handle(GetStatus("1", expected=own))
    assert isinstance(status, PaymentStatus)
    assert status.payment == held.payment
    assert isinstance(await room.handle(Confirm("1", expected=own)), PaymentAccepted)
    assert isinstance(await room.handle(Cancel("1", expected=own)), PaymentCancelled)


async def test_a_cancel_may_name_the_payment_by_either_of_two_numbers(room: Room) -> None:
    await room.handle(PAY)
    assert await room.refusal(Cancel("8", or_else="9")) is Refusal.PAYMENT_NOT_FOUND
    other = Cancel("8", or_else="1", expected=Expected(amount=Money(1)))
    assert await room.refusal(other) is Refusal.PAYMENT_CONFLICT
    cancelled = await room.handle(Cancel("8", or_else="1"))
    assert isinstance(cancelled, PaymentCancelled)
    assert not cancelled.repeated
    again = await room.handle(Cancel("8", or_else="1"))
    assert again == PaymentCancelled(cancelled.payment, repeated=True)


async def test_the_first_number_of_a_cancel_is_the_payments_when_both_could_be(room: Room) -> None:
    await room.handle(PAY)
    await room.handle(replace(PAY, agent_payment_id="2"))
    cancelled = await room.handle(Cancel("2", or_else="1"))
    assert isinstance(cancelled, PaymentCancelled)
    assert cancelled.payment.agent_payment_id == "2"


@pytest.mark.parametrize(("setting", "may"), [("no", False), ("person", False), ("yes", True)])
async def test_who_is_to_cancel_hears_before_that_it_would_be_refused(
    room: Room, setting: str, may: bool
) -> None:
    agent = replace(AGENT, settings={"cancel_after_close": setting})
    await room.handle(PAY, agent)
    asked = GetStatus("1", before_cancel=True)
    assert isinstance(await room.handle(asked, agent), PaymentStatus)
    room.ledger.closed_days.add(NOON.date())
    told = await room.handle(asked, agent)
    if may:
        assert isinstance(told, PaymentStatus)
    else:
        assert isinstance(told, RefusedOutcome)
        assert told.refusal is Refusal.REVERSAL_FORBIDDEN
    assert room.ledger.asked == []
    assert isinstance(await room.handle(GetStatus("1"), agent), PaymentStatus)


async def test_a_failure_that_is_reported_gives_up_what_is_held_and_nothing_else(
    room: Room,
) -> None:
    failed = Cancel("1", only_held=True)
    assert await room.refusal(failed) is Refusal.PAYMENT_NOT_FOUND
    await room.handle(HOLD)
    confirmed = await room.handle(Confirm("1"))
    assert isinstance(confirmed, PaymentAccepted)
    told = await room.handle(failed)
    assert told == RefusedOutcome(Refusal.REVERSAL_FORBIDDEN, confirmed.payment)
    assert room.ledger.credited == {"1004217": 152340}
    await room.handle(replace(HOLD, agent_payment_id="2"))
    given_up = await room.handle(replace(failed, agent_payment_id="2"))
    assert isinstance(given_up, PaymentCancelled)
    again = await room.handle(replace(failed, agent_payment_id="2"))
    assert again == PaymentCancelled(given_up.payment, repeated=True)
    assert await room.refusal(Confirm("2")) is Refusal.PAYMENT_CANCELLED


async def test_a_status_is_told_although_the_stores_clock_is_behind_ours(room: Room) -> None:
    held = await room.handle(HOLD)
    assert isinstance(held, PaymentHeld)
    store_now = room.now
    room.ledger.clock = lambda: store_now
    later(room, hours=2)
    assert await room.handle(GetStatus("1")) == PaymentStatus(held.payment)


async def test_a_payment_is_dated_as_exactly_as_its_protocol_says(room: Room) -> None:
    room.now += dt.timedelta(microseconds=654_321)
    exact = NOON - dt.timedelta(milliseconds=588)
    dated = await room.handle(replace(HOLD, paid_at=exact))
    assert isinstance(dated, PaymentHeld)
    assert dated.payment.paid_at == exact
    arrived = await room.handle(replace(HOLD, agent_payment_id="2"))
    assert isinstance(arrived, PaymentHeld)
    assert arrived.payment.paid_at == NOON


async def test_a_repeated_hold_is_answered_as_what_became_of_it(room: Room) -> None:
    held = await room.handle(HOLD)
    assert isinstance(held, PaymentHeld)
    assert await room.handle(HOLD) == PaymentHeld(held.payment, repeated=True)
    await room.handle(Confirm("1"))
    late = await room.handle(HOLD)
    assert isinstance(late, PaymentHeld)
    assert late.repeated
    assert late.payment.state is PaymentState.CREDITED
    await room.handle(Cancel("1"))
    assert await room.refusal(HOLD) is Refusal.PAYMENT_CANCELLED


@pytest.mark.parametrize(
    "other",
    [
        replace(HOLD, amount=Money(1000)),
        replace(HOLD, account="9000001"),
        replace(HOLD, breakdown=(Part("water", Money(10)),)),
        PAY,
    ],
)
async def test_a_hold_with_other_content_or_a_payment_under_its_id_is_a_conflict(
    room: Room, other: Command
) -> None:
    held = await room.handle(HOLD)
    assert isinstance(held, PaymentHeld)
    outcome = await room.handle(other)
    assert outcome == RefusedOutcome(Refusal.PAYMENT_CONFLICT, held.payment)
    assert room.ledger.credited == {}


async def test_a_hold_under_a_paid_id_says_that_it_is_paid(room: Room) -> None:
    await room.handle(PAY)
    held = await room.handle(HOLD)
    assert isinstance(held, PaymentHeld)
    assert held.repeated
    assert held.payment.state is PaymentState.CREDITED
    assert room.ledger.credited == {"1004217": 152340}


async def test_a_held_payment_that_is_cancelled_is_never_confirmed(room: Room) -> None:
    await room.handle(HOLD)
    cancelled = await room.handle(Cancel("1", reason="5"))
    assert isinstance(cancelled, PaymentCancelled)
    assert (cancelled.payment.reason, cancelled.payment.credited_at) == ("5", None)
    assert await room.refusal(Confirm("1")) is Refusal.PAYMENT_CANCELLED
    again = await room.handle(Cancel("1", reason="4"))
    assert again == PaymentCancelled(cancelled.payment, repeated=True)


@pytest.mark.parametrize("command", [Confirm("1"), HOLD])
async def test_what_comes_after_the_validity_is_refused_without_any_janitor(
    room: Room, command: Command
) -> None:
    await room.handle(HOLD)
    later(room, seconds=3600)
    outcome = await room.handle(command)
    assert isinstance(outcome, RefusedOutcome)
    assert outcome.refusal is Refusal.PAYMENT_CANCELLED
    assert outcome.payment is not None
    assert outcome.payment.state is PaymentState.EXPIRED
    assert room.ledger.credited == {}


async def test_the_status_after_the_validity_is_expired_and_stays_so(room: Room) -> None:
    await room.handle(HOLD)
    later(room, hours=2)
    first = await room.handle(GetStatus("1"))
    assert isinstance(first, PaymentStatus)
    assert (first.payment.state, first.payment.state_at) == (PaymentState.EXPIRED, room.now)
    later(room, hours=2)
    assert await room.handle(GetStatus("1")) == first
    cancelled = await room.handle(Cancel("1"))
    assert cancelled == PaymentCancelled(first.payment, repeated=True)


async def test_a_confirm_is_taken_although_the_account_was_closed_and_the_limits_shrank(
    room: Room,
) -> None:
    await room.handle(HOLD)
    room.accounts.views["1004217"] = view(state=AccountState.CLOSED)
    strict = replace(AGENT, limits=replace(AGENT.limits, amount_max=Money(500)))
    assert isinstance(await room.handle(HOLD, strict), PaymentHeld)
    assert isinstance(await room.handle(Confirm("1"), strict), PaymentAccepted)


async def test_a_paused_agent_confirms_nothing_new_but_hears_of_the_old(room: Room) -> None:
    paused = replace(AGENT, paused=True)
    await room.handle(HOLD)
    assert await room.refusal(Confirm("1"), paused) is Refusal.TRY_LATER
    assert isinstance(await room.handle(HOLD, paused), PaymentHeld)
    await room.handle(Confirm("1"))
    assert isinstance(await room.handle(Confirm("1"), paused), PaymentAccepted)
    assert await room.refusal(Confirm("2"), paused) is Refusal.PAYMENT_NOT_FOUND


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (replace(HOLD, account="nope"), Refusal.ACCOUNT_NOT_FOUND),
        (replace(HOLD, account="9000001"), Refusal.ACCOUNT_CLOSED),
        (replace(HOLD, amount=Money(99)), Refusal.AMOUNT_TOO_SMALL),
        (replace(HOLD, agent_payment_id=""), Refusal.PAYMENT_ID_MALFORMED),
        (replace(HOLD, agent_payment_id="1\0"), Refusal.PAYMENT_ID_MALFORMED),
        (replace(PAY, agent_payment_id="1" * 101), Refusal.PAYMENT_ID_MALFORMED),
        (Confirm("unknown"), Refusal.PAYMENT_NOT_FOUND),
        (Confirm(payment_id=10**20), Refusal.PAYMENT_NOT_FOUND),
        (Cancel(payment_id=10**20), Refusal.PAYMENT_NOT_FOUND),
        (GetStatus(payment_id=10**20), Refusal.PAYMENT_NOT_FOUND),
        (GetStatus("1\0"), Refusal.PAYMENT_NOT_FOUND),
    ],
)
async def test_refusals_name_their_reason(room: Room, command: Command, refusal: Refusal) -> None:
    assert await room.refusal(command) is refusal
    assert not room.ledger.rows


async def test_a_confirm_after_the_day_closed_is_entered_on_the_next_open_day(room: Room) -> None:
    await room.handle(HOLD)
    room.ledger.closed_days.add(dt.date(2026, 11, 24))
    assert isinstance(await room.handle(Confirm("1")), PaymentAccepted)


@pytest.mark.parametrize(("setting", "asked"), [("no", 0), ("person", 1), ("Yes", 0), ("", 0)])
async def test_a_cancel_after_the_close_is_refused_unless_the_agent_may(
    room: Room, setting: str, asked: int
) -> None:
    accepted = await room.handle(PAY)
    assert isinstance(accepted, PaymentAccepted)
    room.ledger.closed_days.add(dt.date(2026, 11, 24))
    agent = replace(AGENT, settings={"cancel_after_close": setting})
    outcome = await room.handle(Cancel("1"), agent)
    assert outcome == RefusedOutcome(Refusal.REVERSAL_FORBIDDEN, accepted.payment)
    assert len(room.ledger.asked) == asked


async def test_a_statement_lists_every_state_when_it_is_asked_to(room: Room) -> None:
    await room.handle(HOLD)
    await room.handle(replace(HOLD, agent_payment_id="2"))
    await room.handle(Cancel("2"))
    await room.handle(replace(PAY, agent_payment_id="3"))
    credited = await room.handle(GetStatement(NOON, NOON))
    assert isinstance(credited, Statement)
    assert [each.agent_payment_id for each in credited.payments] == ["3"]
    every = await room.handle(GetStatement(NOON, NOON, every_state=True))
    assert isinstance(every, Statement)
    assert [each.state for each in every.payments] == [
        PaymentState.HELD,
        PaymentState.CANCELLED,
        PaymentState.CREDITED,
    ]


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (replace(PAY, account="nope"), Refusal.ACCOUNT_NOT_FOUND),
        (replace(PAY, account="9000001"), Refusal.ACCOUNT_CLOSED),
        (replace(PAY, account="1 2"), Refusal.ACCOUNT_MALFORMED),
        (replace(PAY, amount=Money(1_500_001)), Refusal.AMOUNT_TOO_LARGE),
        (replace(HOLD, account="9000003"), Refusal.PAYMENTS_SUSPENDED),
    ],
)
async def test_a_remembered_refusal_stays_whatever_changes(
    room: Room, command: Pay | Hold, refusal: Refusal
) -> None:
    assert await room.refusal(command, REMEMBERING) is refusal
    for number in ("nope", "9000001", "9000003"):
        room.accounts.views[number] = view(number)
    generous = replace(REMEMBERING, limits=replace(AGENT.limits, amount_max=Money(9_000_000)))
    assert await room.refusal(command, generous) is refusal
    other = replace(command, account="1004217", amount=Money(777))
    assert await room.refusal(other, generous) is Refusal.PAYMENT_CONFLICT
    assert not room.ledger.rows


async def test_a_pause_is_not_remembered(room: Room) -> None:
    paused = replace(REMEMBERING, paused=True)
    assert await room.refusal(PAY, paused) is Refusal.TRY_LATER
    assert isinstance(await room.handle(PAY, REMEMBERING), PaymentAccepted)


async def test_a_refusal_is_forgotten_unless_the_agent_wants_it_kept(room: Room) -> None:
    late = replace(PAY, account="9000001")
    assert await room.refusal(late) is Refusal.ACCOUNT_CLOSED
    room.accounts.views["9000001"] = view("9000001")
    assert isinstance(await room.handle(late), PaymentAccepted)


async def test_a_terminal_that_cannot_be_kept_does_not_cost_the_payment(room: Room) -> None:
    accepted = await room.handle(replace(PAY, terminal="T\0"))
    assert isinstance(accepted, PaymentAccepted)
    assert accepted.payment.terminal == ""
