"""What counters with clerks ask of the desk: batches, searches, debts by period, days."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace

import pytest

from server.accounts import AccountState, ServiceDebt
from server.agents import Agent
from server.messages import (
    AccountChecked,
    AccountsFound,
    Address,
    BatchPaid,
    Cancel,
    CheckAccount,
    Command,
    DayShown,
    FindAccounts,
    Outcome,
    Owed,
    Part,
    Pay,
    PayBatch,
    PaymentAccepted,
    PaymentCancelled,
    Reading,
    RefusedOutcome,
)
from server.money import Money
from server.offices import CloseDay, DayClosed, DayDiffers, GetDay, OfficeTotal
from server.payments.batches import content_of
from server.payments.desk import PaymentDesk
from server.payments.ports import Day, Debts, OutcomeUnknown
from server.refusals import Refusal, Refused
from tests.payments.fakes import AGENT, NOON, FakeAccounts, FakeLedger, view

TODAY = NOON.date()
ADDRESS = Address("Садовая", "5", "12")
PAY = Pay("1", "1004217", Money(152340), NOON, terminal="101000/1/7")


@dataclass
class FakeCounters:
    """In memory: debts it is given, numbers it is given, batches and closings it remembers."""

    known_debts: Debts | None = None
    numbers: tuple[str, ...] = ("1004217",)
    searches: int = 0
    batches: dict[str, str] = field(default_factory=dict)
    closings: list[CloseDay] = field(default_factory=list)
    broken: bool = False

    async def debts(self, account: str) -> Debts | None:
        if self.broken:
            raise OutcomeUnknown("away")
        return self.known_debts

    async def admit_search(self, agent: str, per_minute_max: int) -> bool:
        self.searches += 1
        return self.searches <= per_minute_max

    async def by_unified_account(self, number: str) -> tuple[str, ...]:
        return self.numbers

    async def by_address(self, address: Address, found_max: int) -> tuple[str, ...]:
        return self.numbers[: found_max + 1]

    async def claim_batch(self, agent: str, batch_id: str, content: str, payments: int) -> str:
        return self.batches.setdefault(batch_id, content)

    async def close_day(self, agent: str, closing: CloseDay) -> DayClosed | DayDiffers:
        self.closings.append(closing)
        return DayClosed(closing.day, NOON, 1, closing.offices)

    async def day(self, agent: str, day: dt.date, office: str, after: int, limit: int) -> Day:
        return Day(None, (OfficeTotal("101000", 1, Money(100)),))


class Room:
    """A desk with its stand-ins."""

    def __init__(self) -> None:
        closed = view("9000001", AccountState.CLOSED)
        self.accounts = FakeAccounts(view(), view("1004218"), closed)
        self.now = NOON
        self.ledger = FakeLedger(self.accounts, lambda: self.now)
        self.counters = FakeCounters()
        self.desk = PaymentDesk(
            self.accounts, self.ledger, lambda: self.now, counters=self.counters
        )

    async def handle(self, command: Command, agent: Agent = AGENT) -> Outcome:
        return await self.desk.handle(agent, command)

    async def refusal(self, command: Command, agent: Agent = AGENT) -> Refusal:
        try:
            outcome = await self.desk.handle(agent, command)
        except Refused as refused:
            return refused.refusal
        assert isinstance(outcome, RefusedOutcome), outcome
        return outcome.refusal

    async def paid(self, batch: PayBatch, agent: Agent = AGENT) -> BatchPaid:
        outcome = await self.desk.handle(agent, batch)
        assert isinstance(outcome, BatchPaid)
        return outcome


@pytest.fixture
def room() -> Room:
    return Room()


def results(paid: BatchPaid) -> list[str]:
    return [
        "repeated" if isinstance(item.outcome, PaymentAccepted) and item.outcome.repeated
        else "accepted" if isinstance(item.outcome, PaymentAccepted)
        else item.outcome.refusal.value
        for item in paid.items
    ]  # fmt: skip


BATCH = PayBatch("b1", tuple(replace(PAY, agent_payment_id=str(number)) for number in range(5)))


# --- batches ----------------------------------------------------------------------------------


async def test_a_batch_pays_each_payment_and_answers_in_its_order(room: Room) -> None:
    paid = await room.paid(BATCH)
    assert [item.agent_payment_id for item in paid.items] == ["0", "1", "2", "3", "4"]
    assert results(paid) == ["accepted"] * 5
    assert paid.is_finished
    assert room.ledger.credited == {"1004217": 5 * 152340}
    assert len(room.accounts.published) == 5


async def test_a_repeated_batch_pays_nothing_twice(room: Room) -> None:
    await room.paid(BATCH)
    assert results(await room.paid(BATCH)) == ["repeated"] * 5
    assert room.ledger.credited == {"1004217": 5 * 152340}


@pytest.mark.parametrize(
    "change",
    [
        {"amount": Money(152341)},
        {"account": "1004218"},
        {"agent_payment_id": "another"},
        {"paid_at": NOON + dt.timedelta(seconds=1)},
        {"terminal": "101000/1/8"},
        {"breakdown": (Part("water", Money(1)),)},
        {"readings": (Reading("m", 1),)},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_another_content_under_a_batch_id_is_a_conflict(
    room: Room, change: dict[str, object]
) -> None:
    await room.paid(BATCH)
    last = replace(BATCH.payments[-1], **change)  # type: ignore[arg-type]
    changed = replace(BATCH, payments=(*BATCH.payments[:-1], last))
    assert await room.refusal(changed) is Refusal.PAYMENT_CONFLICT
    shorter = replace(BATCH, payments=BATCH.payments[:-1])
    assert await room.refusal(shorter) is Refusal.PAYMENT_CONFLICT
    assert room.ledger.credited == {"1004217": 5 * 152340}
    assert len(room.ledger.rows) == 5


async def test_the_digest_of_a_batch_keeps_what_it_is_made_of_apart() -> None:
    one = PayBatch("b", (replace(PAY, agent_payment_id="12", account="3"),))
    other = PayBatch("b", (replace(PAY, agent_payment_id="1", account="23"),))
    assert content_of(one) != content_of(other)
    assert content_of(PayBatch("b", (PAY, PAY))) != content_of(PayBatch("b", (PAY,)))


async def test_what_a_batch_is_refused_is_refused_for_good(room: Room) -> None:
    closed = replace(PAY, agent_payment_id="2", account="9000001")
    large = replace(PAY, agent_payment_id="3", amount=Money(99_999_999))
    parts = replace(PAY, agent_payment_id="4", breakdown=(Part("water", Money(152341)),))
    batch = PayBatch("b2", (PAY, closed, large, parts))
    first = await room.paid(batch)
    assert results(first) == [
        "accepted", "ACCOUNT_CLOSED", "AMOUNT_TOO_LARGE", "AMOUNT_MALFORMED",
    ]  # fmt: skip
    assert first.is_finished
    room.accounts.views["9000001"] = view("9000001")
    again = await room.paid(batch)
    assert results(again) == ["repeated", *results(first)[1:]]
    assert await room.refusal(closed) is Refusal.ACCOUNT_CLOSED
    assert room.ledger.credited == {"1004217": 152340}


async def test_a_payment_of_a_batch_that_came_before_is_a_repeat(room: Room) -> None:
    await room.handle(BATCH.payments[2])
    assert results(await room.paid(BATCH)) == [*["accepted"] * 2, "repeated", *["accepted"] * 2]


async def test_a_batch_is_not_finished_while_the_store_is_away(room: Room) -> None:
    room.ledger.broken = True
    away = await room.paid(BATCH)
    assert results(away) == ["TRY_LATER"] * 5
    assert not away.is_finished
    room.ledger.broken = False
    assert results(await room.paid(BATCH)) == ["accepted"] * 5


async def test_a_batch_with_one_id_twice_or_of_a_paused_agent_is_not_begun(room: Room) -> None:
    assert await room.refusal(PayBatch("b", (PAY, PAY))) is Refusal.MALFORMED
    assert await room.refusal(PayBatch("", (PAY,))) is Refusal.PAYMENT_ID_MALFORMED
    assert await room.refusal(BATCH, replace(AGENT, paused=True)) is Refusal.TRY_LATER
    assert room.counters.batches == {}


# --- who is meant -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        FindAccounts(account="1004217"),
        FindAccounts(unified_account="75да533315"),
        FindAccounts(address=ADDRESS),
    ],
    ids=["number", "unified", "address"],
)
async def test_an_account_is_found_by_what_people_know(room: Room, command: FindAccounts) -> None:
    found = await room.handle(command)
    assert isinstance(found, AccountsFound)
    assert [each.account for each in found.views] == ["1004217"]
    assert not found.more


async def test_whoever_names_no_flat_is_not_told_who_lives_in_the_house(room: Room) -> None:
    room.counters.numbers = tuple(str(1004200 + place) for place in range(30))
    assert await room.handle(FindAccounts(address=ADDRESS)) == AccountsFound((), more=True)


async def test_nothing_found_is_a_refusal_that_counts(room: Room) -> None:
    room.counters.numbers = ()
    for command in (
        FindAccounts(account="5555555"),
        FindAccounts(unified_account="75да533315"),
        FindAccounts(address=ADDRESS),
    ):
        assert await room.refusal(command) is Refusal.ACCOUNT_NOT_FOUND


async def test_searches_by_address_are_bounded_by_the_minute(room: Room) -> None:
    agent = replace(AGENT, settings={"address_searches_per_minute": "3"})
    for _ in range(3):
        assert isinstance(await room.handle(FindAccounts(address=ADDRESS), agent), AccountsFound)
    assert await room.refusal(FindAccounts(address=ADDRESS), agent) is Refusal.TRY_LATER
    none = replace(AGENT, settings={"address_searches_per_minute": "0"})
    assert await room.refusal(FindAccounts(address=ADDRESS), none) is Refusal.NOT_PERMITTED


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (FindAccounts(account="10 04217"), Refusal.ACCOUNT_MALFORMED),
        (FindAccounts(unified_account="75533315"), Refusal.ACCOUNT_MALFORMED),
        (FindAccounts(address=Address("С", "5")), Refusal.MALFORMED),
        (FindAccounts(address=Address("Садовая", "")), Refusal.MALFORMED),
    ],
)
async def test_what_cannot_be_looked_for_is_refused(
    room: Room, command: FindAccounts, refusal: Refusal
) -> None:
    assert await room.refusal(command) is refusal
    assert room.counters.searches == 0


# --- debts by period --------------------------------------------------------------------------


async def test_debts_are_told_by_period_where_they_can_be(room: Room) -> None:
    owed = (Owed("water", dt.date(2026, 10, 1), Money(500)),)
    detailed = replace(view(), services=(ServiceDebt("water", "Вода", Money(500)),),
                       charged=Money(500))  # fmt: skip
    room.counters.known_debts = Debts(detailed, owed)
    asked = CheckAccount("1004217", by_period=True)
    assert await room.handle(asked) == AccountChecked(detailed, owed)
    assert await room.handle(CheckAccount("1004217")) == AccountChecked(view())
    room.counters.broken = True
    assert await room.handle(asked) == AccountChecked(view())


# --- days -------------------------------------------------------------------------------------


async def test_a_day_is_closed_and_shown(room: Room) -> None:
    closing = CloseDay(TODAY, (OfficeTotal("101000", 1, Money(100)),))
    assert await room.handle(closing) == DayClosed(TODAY, NOON, 1, closing.offices)
    assert await room.handle(GetDay(TODAY)) == DayShown(TODAY, None, closing.offices)


async def test_a_day_that_has_not_begun_is_not_closed(room: Room) -> None:
    tomorrow = CloseDay(TODAY + dt.timedelta(days=1), ())
    assert await room.refusal(tomorrow) is Refusal.DATE_MALFORMED
    office = OfficeTotal("101000", 1, Money(100))
    assert await room.refusal(CloseDay(TODAY, (office, office))) is Refusal.MALFORMED
    assert room.counters.closings == []


async def test_a_desk_without_counters_has_no_such_operation(room: Room) -> None:
    desk = PaymentDesk(room.accounts, room.ledger, lambda: NOON)
    for command in (BATCH, FindAccounts(account="1004217"), CloseDay(TODAY, ()), GetDay(TODAY)):
        with pytest.raises(Refused) as caught:
            await desk.handle(AGENT, command)
        assert caught.value.refusal is Refusal.UNKNOWN_OPERATION
    assert await desk.handle(AGENT, CheckAccount("1004217", by_period=True)) == AccountChecked(
        view()
    )


# --- cancelling on the day --------------------------------------------------------------------


async def test_a_cancellation_of_the_day_is_not_for_yesterdays_payments(room: Room) -> None:
    await room.handle(replace(PAY, paid_at=NOON - dt.timedelta(days=1)))
    cancel = Cancel(agent_payment_id="1", same_day=True)
    outcome = await room.handle(cancel)
    assert isinstance(outcome, RefusedOutcome)
    assert outcome.refusal is Refusal.REVERSAL_FORBIDDEN
    assert outcome.payment is not None
    assert room.ledger.credited == {"1004217": 152340}
    allowed = replace(AGENT, settings={"cancel_after_close": "yes"})
    assert isinstance(await room.handle(cancel, allowed), PaymentCancelled)


async def test_a_cancellation_of_the_day_is_for_todays_payments(room: Room) -> None:
    await room.handle(PAY)
    cancel = Cancel(agent_payment_id="1", same_day=True)
    assert isinstance(await room.handle(cancel), PaymentCancelled)
    room.now = NOON + dt.timedelta(days=1)
    assert isinstance(await room.handle(cancel), PaymentCancelled)
    unknown = Cancel(agent_payment_id="2", same_day=True)
    assert await room.refusal(unknown) is Refusal.PAYMENT_NOT_FOUND


async def test_a_payment_after_the_closing_is_still_cancelled_at_the_counter(room: Room) -> None:
    """It belongs to the next day, which has not come yet."""
    room.ledger.closed_days.add(TODAY)
    accepted = await room.handle(PAY)
    assert isinstance(accepted, PaymentAccepted)
    assert accepted.payment.business_day == TODAY + dt.timedelta(days=1)
    cancel = Cancel(agent_payment_id="1", same_day=True)
    assert isinstance(await room.handle(cancel), PaymentCancelled)
