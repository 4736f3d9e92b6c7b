"""The desk's rules, on stand-ins for the store and the lookup."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from server.accounts import AccountState
from server.agents import Agent
from server.messages import (
    AccountChecked,
    Cancel,
    CheckAccount,
    Command,
    GetStatement,
    GetStatus,
    Outcome,
    Pay,
    PaymentAccepted,
    PaymentCancelled,
    PaymentStatus,
    Reading,
    ReadingsTaken,
    RefusedOutcome,
    Statement,
    SubmitReadings,
)
from server.money import Money
from server.payments.desk import PaymentDesk
from server.payments.ports import MeterRecord
from server.refusals import Refusal, Refused
from tests.payments.fakes import AGENT, NOON, FakeAccounts, FakeLedger, view

PAY = Pay("1", "1004217", Money(152340))


class Room:
    """A desk with its stand-ins."""

    def __init__(self) -> None:
        closed = view("9000001", AccountState.CLOSED)
        suspended = view("9000003", AccountState.SUSPENDED)
        self.accounts = FakeAccounts(view(), closed, suspended)
        self.now = NOON
        self.ledger = FakeLedger(self.accounts, lambda: self.now)
        self.desk = PaymentDesk(self.accounts, self.ledger, lambda: self.now)

    async def handle(self, command: Command, agent: Agent = AGENT) -> Outcome:
        return await self.desk.handle(agent, command)

    async def refusal(self, command: Command, agent: Agent = AGENT) -> Refusal:
        try:
            outcome = await self.desk.handle(agent, command)
        except Refused as refused:
            return refused.refusal
        assert isinstance(outcome, RefusedOutcome), outcome
        return outcome.refusal


@pytest.fixture
def room() -> Room:
    return Room()


async def test_a_check_shows_an_active_account(room: Room) -> None:
    outcome = await room.handle(CheckAccount("1004217", Money(0)))
    assert isinstance(outcome, AccountChecked)
    assert outcome.view.account == "1004217"


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (CheckAccount("nope"), Refusal.ACCOUNT_NOT_FOUND),
        (CheckAccount("9000001"), Refusal.ACCOUNT_CLOSED),
        (CheckAccount("9000003"), Refusal.PAYMENTS_SUSPENDED),
        (CheckAccount("1 2"), Refusal.ACCOUNT_MALFORMED),
        (CheckAccount("1004217", Money(99)), Refusal.AMOUNT_TOO_SMALL),
        (CheckAccount("1004217", Money(1_500_001)), Refusal.AMOUNT_TOO_LARGE),
        (replace(PAY, account="nope"), Refusal.ACCOUNT_NOT_FOUND),
        (replace(PAY, account="9000001"), Refusal.ACCOUNT_CLOSED),
        (replace(PAY, account="9000003"), Refusal.PAYMENTS_SUSPENDED),
        (replace(PAY, amount=Money(0)), Refusal.AMOUNT_MALFORMED),
        (replace(PAY, amount=Money(99)), Refusal.AMOUNT_TOO_SMALL),
        (replace(PAY, amount=Money(1_500_001)), Refusal.AMOUNT_TOO_LARGE),
        (Cancel("unknown"), Refusal.PAYMENT_NOT_FOUND),
        (GetStatus("unknown"), Refusal.PAYMENT_NOT_FOUND),
        (SubmitReadings("nope", ()), Refusal.ACCOUNT_NOT_FOUND),
    ],
)
async def test_refusals_name_their_reason(room: Room, command: Command, refusal: Refusal) -> None:
    assert await room.refusal(command) is refusal
    assert not room.ledger.rows


async def test_a_payment_is_published_before_it_is_answered(room: Room) -> None:
    outcome = await room.handle(PAY)
    assert isinstance(outcome, PaymentAccepted)
    assert not outcome.repeated
    assert room.accounts.published == ["1004217"]


async def test_a_repeat_gives_the_recorded_payment_and_is_published_again(room: Room) -> None:
    first = await room.handle(PAY)
    again = await room.handle(PAY)
    assert isinstance(first, PaymentAccepted)
    assert isinstance(again, PaymentAccepted)
    assert again.repeated
    assert again.payment == first.payment
    assert room.accounts.published == ["1004217", "1004217"]
    assert len(room.ledger.rows) == 1


@pytest.mark.parametrize("other", [replace(PAY, amount=Money(1000)), replace(PAY, account="9")])
async def test_the_same_id_with_other_content_is_a_conflict(room: Room, other: Pay) -> None:
    first = await room.handle(PAY)
    assert isinstance(first, PaymentAccepted)
    outcome = await room.handle(other)
    assert isinstance(outcome, RefusedOutcome)
    assert outcome.refusal is Refusal.PAYMENT_CONFLICT
    assert outcome.payment == first.payment


async def test_a_repeat_is_answered_even_if_the_account_was_closed_since(room: Room) -> None:
    await room.handle(PAY)
    room.accounts.views["1004217"] = view(state=AccountState.CLOSED)
    outcome = await room.handle(PAY)
    assert isinstance(outcome, PaymentAccepted)


async def test_a_repeat_is_answered_even_if_the_limits_shrank_since(room: Room) -> None:
    await room.handle(PAY)
    strict = replace(AGENT, limits=replace(AGENT.limits, amount_max=Money(500)))
    assert isinstance(await room.handle(PAY, strict), PaymentAccepted)
    other = replace(PAY, amount=Money(152341))
    assert await room.refusal(other, strict) is Refusal.PAYMENT_CONFLICT


async def test_a_paused_agent_posts_nothing_new_but_hears_of_the_old(room: Room) -> None:
    paused = replace(AGENT, paused=True)
    assert await room.refusal(PAY, paused) is Refusal.TRY_LATER
    await room.handle(PAY)
    assert isinstance(await room.handle(PAY, paused), PaymentAccepted)


async def test_a_lost_store_is_try_later_and_never_final(room: Room) -> None:
    room.ledger.broken = True
    for command in (PAY, Cancel("1"), GetStatus("1")):
        assert await room.refusal(command) is Refusal.TRY_LATER


async def test_a_cancelled_payment_is_not_answered_as_paid(room: Room) -> None:
    await room.handle(PAY)
    outcome = await room.handle(Cancel("1"))
    assert isinstance(outcome, PaymentCancelled)
    assert not outcome.repeated
    again = await room.handle(Cancel("1"))
    assert isinstance(again, PaymentCancelled)
    assert again.repeated
    assert await room.refusal(PAY) is Refusal.PAYMENT_CANCELLED


async def test_a_cancel_after_the_day_closed_is_refused_unless_the_agent_may(room: Room) -> None:
    await room.handle(PAY)
    room.ledger.closed_days.add(dt.date(2026, 11, 24))
    assert await room.refusal(Cancel("1")) is Refusal.REVERSAL_FORBIDDEN
    trusted = replace(AGENT, settings={"cancel_after_close": "yes"})
    assert isinstance(await room.handle(Cancel("1"), trusted), PaymentCancelled)


async def test_a_payment_into_a_closed_day_is_posted_on_the_next_open_one(room: Room) -> None:
    room.ledger.closed_days.add(dt.date(2026, 11, 24))
    assert isinstance(await room.handle(PAY), PaymentAccepted)
    order, _ = room.ledger.rows[("osmp", "1")]
    assert order.business_day == dt.date(2026, 11, 25)


@pytest.mark.parametrize(
    ("paid_at", "day"),
    [
        (dt.datetime(2026, 11, 23, 20, 59, 59, tzinfo=dt.UTC), dt.date(2026, 11, 23)),
        (dt.datetime(2026, 11, 23, 21, 0, 0, tzinfo=dt.UTC), dt.date(2026, 11, 24)),
        (dt.datetime(2030, 1, 1, tzinfo=dt.UTC), dt.date(2026, 11, 24)),
    ],
)
async def test_the_business_day_is_the_agents_local_date(
    room: Room, paid_at: dt.datetime, day: dt.date
) -> None:
    await room.handle(replace(PAY, paid_at=paid_at))
    order, _ = room.ledger.rows[("osmp", "1")]
    assert order.business_day == day


async def test_an_implausible_reading_is_refused_and_the_money_taken(room: Room) -> None:
    room.ledger.known_meters = (MeterRecord("77", 100_000, dt.date(2026, 10, 24), 4_000),)
    readings = (Reading("77", 99_000), Reading("77", 104_000), Reading("78", 1))
    outcome = await room.handle(replace(PAY, readings=readings))
    assert isinstance(outcome, PaymentAccepted)
    assert [each.refusal for each in outcome.payment.readings] == [
        Refusal.READING_IMPLAUSIBLE,
        None,
        Refusal.METER_NOT_FOUND,
    ]


async def test_readings_alone_are_judged_and_only_plausible_ones_recorded(room: Room) -> None:
    room.ledger.known_meters = (MeterRecord("77", 100_000, dt.date(2026, 10, 24), 4_000),)
    command = SubmitReadings("1004217", (Reading("77", 104_000), Reading("77", 900_000)))
    outcome = await room.handle(command)
    assert isinstance(outcome, ReadingsTaken)
    assert room.ledger.readings == [Reading("77", 104_000)]
    windowed = replace(AGENT, settings={"reading_window": "1-23"})
    late = await room.handle(command, windowed)
    assert isinstance(late, ReadingsTaken)
    assert late.results[0].refusal is Refusal.READING_PERIOD_CLOSED


async def test_status_and_statement_tell_what_is_recorded(room: Room) -> None:
    accepted = await room.handle(PAY)
    assert isinstance(accepted, PaymentAccepted)
    by_theirs = await room.handle(GetStatus("1"))
    by_ours = await room.handle(GetStatus(payment_id=accepted.payment.payment_id))
    assert by_theirs == by_ours == PaymentStatus(accepted.payment)
    statement = await room.handle(GetStatement(NOON, NOON))
    assert statement == Statement((accepted.payment,))
