"""What the desk says about limits that only the ledger knows."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from server.agents import Agent
from server.messages import CheckAccount, Pay, PaymentAccepted, RefusedOutcome
from server.money import Money
from server.payments.days import ClockBounds
from server.payments.desk import PaymentDesk
from server.payments.ports import Order, Posted, Result
from server.refusals import Refusal, Refused
from tests.payments.fakes import AGENT, NOON, FakeAccounts, FakeLedger, view

PAY = Pay("1", "1004217", Money(5000), NOON)
BY_DAY = replace(AGENT, limits=replace(AGENT.limits, account_day_max=Money(9000)))
BY_HOUR = replace(AGENT, limits=replace(AGENT.limits, hour_max=Money(9000)))


class FullLedger(FakeLedger):
    """One whose limits are reached: it posts nothing new by a limited agent."""

    def __init__(self, accounts: FakeAccounts, result: Result) -> None:
        super().__init__(accounts)
        self.result = result

    async def post(self, order: Order) -> Posted:
        known = (order.agent, order.agent_payment_id) in self.rows
        if order.limited and not known:
            return Posted(self.result)
        return await super().post(order)


def desk(result: Result) -> tuple[PaymentDesk, FullLedger]:
    accounts = FakeAccounts(view())
    ledger = FullLedger(accounts, result)
    return PaymentDesk(accounts, ledger, lambda: NOON), ledger


@pytest.mark.parametrize(
    ("agent", "result", "refusal"),
    [
        # Of this account nothing more today: the money may be given back.
        (BY_DAY, Result.OVER_ACCOUNT_DAY, Refusal.AMOUNT_TOO_LARGE),
        # In the next hour the same payment will be taken.
        (BY_HOUR, Result.OVER_HOUR, Refusal.TRY_LATER),
    ],
)
async def test_a_limit_that_is_reached_refuses(
    agent: Agent, result: Result, refusal: Refusal
) -> None:
    counter, ledger = desk(result)
    assert await counter.handle(agent, PAY) == RefusedOutcome(refusal)
    assert ledger.rows == {}


async def test_an_agent_without_such_limits_is_not_asked_about_them() -> None:
    counter, _ = desk(Result.OVER_HOUR)
    assert isinstance(await counter.handle(AGENT, PAY), PaymentAccepted)


async def test_a_repeat_is_never_refused_by_a_limit() -> None:
    counter, _ = desk(Result.OVER_ACCOUNT_DAY)
    first = await counter.handle(AGENT, PAY)
    again = await counter.handle(BY_DAY, PAY)
    assert isinstance(first, PaymentAccepted)
    assert again == replace(first, repeated=True)


async def test_a_refusal_by_the_day_is_remembered_where_refusals_are() -> None:
    counter, ledger = desk(Result.OVER_ACCOUNT_DAY)
    remembering = replace(BY_DAY, settings={"remember_refusals": "yes"})
    first = await counter.handle(remembering, PAY)
    assert first == RefusedOutcome(Refusal.AMOUNT_TOO_LARGE)
    assert len(ledger.refusals) == 1


class Watchman:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def unknown_account(self, agent: str, terminal: str) -> None:
        self.told.append((agent, terminal))


async def test_the_watch_is_told_who_names_accounts_that_there_are_not() -> None:
    accounts, watchman = FakeAccounts(view()), Watchman()
    counter = PaymentDesk(accounts, FakeLedger(accounts), lambda: NOON, watch=watchman)
    await counter.handle(AGENT, replace(PAY, terminal="T1"))
    assert watchman.told == []
    with pytest.raises(Refused):
        await counter.handle(AGENT, CheckAccount("31337", terminal="T2"))
    stranger = replace(PAY, agent_payment_id="2", account="31338", terminal="T3")
    assert await counter.handle(AGENT, stranger) == RefusedOutcome(Refusal.ACCOUNT_NOT_FOUND)
    assert watchman.told == [("osmp", "T2"), ("osmp", "T3")]


async def test_the_bounds_of_a_terminals_clock_are_the_desks() -> None:
    accounts = FakeAccounts(view())
    ledger = FakeLedger(accounts)
    strict = ClockBounds(dt.timedelta(minutes=5), dt.timedelta(days=1))
    counter = PaymentDesk(accounts, ledger, lambda: NOON, clock_bounds=strict)
    paid_at = NOON - dt.timedelta(days=3)
    outcome = await counter.handle(AGENT, replace(PAY, paid_at=paid_at))
    assert isinstance(outcome, PaymentAccepted)
    assert outcome.payment.paid_at == paid_at
    ((order, _),) = ledger.rows.values()
    assert order.business_day == NOON.date()
