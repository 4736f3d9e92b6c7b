"""Hand-written stand-ins for the desk's ports: small, honest and in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from server.accounts import AccountState, AccountView
from server.agents import Agent, Limits
from server.messages import Payment, PaymentState, Reading
from server.money import ZERO, Money
from server.payments.ports import (
    Cancellation,
    MeterRecord,
    Order,
    OutcomeUnknown,
    PaidLane,
    Posted,
    Result,
)

NOON = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
AGENT = Agent("osmp", "osmp", "Europe/Moscow", Limits(Money(100), Money(1_500_000)))


def view(number: str = "1004217", state: AccountState = AccountState.ACTIVE) -> AccountView:
    """An account without debts."""
    return AccountView(number, state, "И*** И. И.", "", ZERO, ZERO, 1, (), ())


class FakeAccounts:
    """Knows the accounts it is given; remembers what was published."""

    def __init__(self, *views: AccountView) -> None:
        self.views = {each.account: each for each in views}
        self.published: list[str] = []

    async def find(self, number: str) -> AccountView | None:
        return self.views.get(number)

    async def publish(self, lanes: Sequence[PaidLane]) -> None:
        self.published.extend(lane.account for lane in lanes)


class FakeLedger:
    """Posts into a dict with the rules of the real one."""

    def __init__(self, accounts: FakeAccounts) -> None:
        self.accounts = accounts
        self.rows: dict[tuple[str, str], tuple[Order, Payment]] = {}
        self.closed_days: set[dt.date] = set()
        self.known_meters: tuple[MeterRecord, ...] = ()
        self.readings: list[Reading] = []
        self.broken = False

    def _guard(self) -> None:
        if self.broken:
            raise OutcomeUnknown("the store is away")

    def _lane(self, account: str) -> PaidLane:
        return PaidLane(account, 1, 1, (), (), 0, 0)

    async def post(self, order: Order) -> Posted:
        self._guard()
        key = (order.agent, order.agent_payment_id)
        if key in self.rows:
            earlier, payment = self.rows[key]
            same = earlier.fingerprint == order.fingerprint
            result = Result.REPEATED if same else Result.CONFLICT
            return Posted(result, payment, self._lane(payment.account))
        found = self.accounts.views.get(order.account)
        if found is None:
            return Posted(Result.NOT_FOUND)
        if found.state is not AccountState.ACTIVE:
            return Posted(Result(found.state.value))
        if order.business_day in self.closed_days:
            return Posted(Result.DAY_CLOSED)
        number = 700001 + len(self.rows)
        payment = Payment(
            number, order.agent, order.agent_payment_id, order.account, order.amount,
            order.paid_at, NOON, PaymentState.CREDITED, NOON, order.reading_results,
        )  # fmt: skip
        self.rows[key] = (order, payment)
        return Posted(Result.ACCEPTED, payment, self._lane(order.account))

    async def recorded(self, agent: str, agent_payment_id: str) -> Posted | None:
        self._guard()
        row = self.rows.get((agent, agent_payment_id))
        return Posted(Result.REPEATED, row[1], self._lane(row[1].account)) if row else None

    async def recorded_by_id(self, agent: str, payment_id: int) -> Posted | None:
        for (owner, key), (_, payment) in self.rows.items():
            if owner == agent and payment.payment_id == payment_id:
                return await self.recorded(agent, key)
        return None

    async def cancel(self, cancellation: Cancellation) -> Posted:
        self._guard()
        for key, (order, payment) in self.rows.items():
            by_key = key == (cancellation.agent, cancellation.agent_payment_id)
            if not by_key and payment.payment_id != cancellation.payment_id:
                continue
            if payment.state is PaymentState.CANCELLED:
                return Posted(Result.REPEATED, payment, self._lane(payment.account))
            if order.business_day in self.closed_days and not cancellation.allow_closed_day:
                return Posted(Result.FORBIDDEN, payment)
            cancelled = replace(payment, state=PaymentState.CANCELLED)
            self.rows[key] = (order, cancelled)
            return Posted(Result.CANCELLED, cancelled, self._lane(payment.account))
        return Posted(Result.NOT_FOUND)

    async def statement(
        self, agent: str, since: dt.datetime, until: dt.datetime
    ) -> tuple[Payment, ...]:
        return tuple(
            payment
            for (owner, _), (_, payment) in self.rows.items()
            if owner == agent
            and since <= payment.paid_at <= until
            and payment.state is PaymentState.CREDITED
        )

    async def meters(self, account: str) -> tuple[MeterRecord, ...]:
        return self.known_meters

    async def record_readings(
        self, agent: str, reading_id: str, account: str, readings: Sequence[Reading], on: dt.date
    ) -> None:
        self.readings.extend(readings)

    async def next_open_day(self, agent: str, day: dt.date) -> dt.date:
        while day in self.closed_days:
            day += dt.timedelta(days=1)
        return day

    async def change_secret(self, agent: str, name: str, value: str) -> None:
        self._guard()
