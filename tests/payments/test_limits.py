"""What the desk says about limits that only the ledger knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.agents import Agent
from server.messages import Pay, PaymentAccepted, RefusedOutcome
from server.money import Money
from server.payments.desk import PaymentDesk
from server.payments.ports import Order, Posted, Result
from server.refusals import Refusal
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
