"""Hand-written stand-ins for the desk's ports: small, honest and in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace

from server.accounts import AccountState, AccountView
from server.agents import Agent, Limits
from server.messages import Payment, PaymentState, Reading
from server.money import ZERO, Money
from server.payments.ports import (
    Action,
    AfterClose,
    MeterRecord,
    Move,
    Order,
    OutcomeUnknown,
    PaidLane,
    Posted,
    Result,
)
from server.payments.states import after
from server.refusals import Refusal

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
    """Posts into a dict with the rules of the real one: the same table, days, validity."""

    def __init__(
        self, accounts: FakeAccounts, clock: Callable[[], dt.datetime] = lambda: NOON
    ) -> None:
        self.accounts = accounts
        self.clock = clock
        self.rows: dict[tuple[str, str], tuple[Order, Payment]] = {}
        self.refusals: dict[tuple[str, str], tuple[str, Refusal]] = {}
        self.credited: dict[str, int] = {}
        """Kopecks by account: the paid lanes."""
        self.versions: dict[str, int] = {}
        self.moved_at: dict[tuple[tuple[str, str], PaymentState], int] = {}
        """The account's version right after a payment's step moved its money."""
        self.asked: list[int] = []
        """Payments that a person was asked to reverse."""
        self.closed_days: set[dt.date] = set()
        self.known_meters: tuple[MeterRecord, ...] = ()
        self.readings: list[Reading] = []
        self.broken = False

    def _guard(self) -> None:
        if self.broken:
            raise OutcomeUnknown("the store is away")

    def _lane(self, account: str) -> PaidLane:
        paid = self.credited.get(account, 0)
        return PaidLane(account, 1, self.versions.get(account, 1), (), (), paid, 0)

    def _credit(
        self, key: tuple[str, str], account: str, kopecks: int, state: PaymentState
    ) -> None:
        self.credited[account] = self.credited.get(account, 0) + kopecks
        self.versions[account] = self.versions.get(account, 1) + 1
        self.moved_at[key, state] = self.versions[account]

    def _posted(self, result: Result, key: tuple[str, str]) -> Posted:
        order, payment = self.rows[key]
        return Posted(
            result,
            payment,
            self._lane(payment.account),
            order.fingerprint,
            _valid_until(order, payment),
        )

    async def post(self, order: Order) -> Posted:
        self._guard()
        key = (order.agent, order.agent_payment_id)
        if key in self.refusals:
            content, refusal = self.refusals[key]
            if content != order.fingerprint:
                return Posted(Result.CONFLICT)
            return Posted(Result.REFUSED, fingerprint=content, refusal=refusal)
        if key in self.rows:
            earlier, payment = self.rows[key]
            if earlier.fingerprint != order.fingerprint:
                return self._posted(Result.CONFLICT, key)
            cell = after(payment.state, _action(order))
            assert isinstance(cell, Result)
            return self._posted(cell, key)
        found = self.accounts.views.get(order.account)
        if found is None:
            return Posted(Result.NOT_FOUND)
        if found.state is not AccountState.ACTIVE:
            return Posted(Result(found.state.value))
        if order.business_day in self.closed_days:
            return Posted(Result.DAY_CLOSED)
        return self._record(key, order)

    def _record(self, key: tuple[str, str], order: Order) -> Posted:
        now = self.clock()
        state = after(None, _action(order))
        assert isinstance(state, PaymentState)
        held = state is PaymentState.HELD
        payment = Payment(
            700001 + len(self.rows), order.agent, order.agent_payment_id, order.account,
            order.amount, order.paid_at, now, state, now, order.reading_results,
            held_at=now if held else None, credited_at=None if held else now,
            terminal=order.terminal, business_day=order.business_day,
        )  # fmt: skip
        self.rows[key] = (order, payment)
        if held:
            return Posted(Result.ACCEPTED, payment, valid_until=_valid_until(order, payment))
        self._credit(key, order.account, order.amount.kopecks, state)
        return Posted(Result.ACCEPTED, payment, self._lane(order.account))

    async def remember(
        self, agent: str, agent_payment_id: str, content: str, refusal: Refusal
    ) -> Posted:
        self._guard()
        key = (agent, agent_payment_id)
        if key not in self.rows:
            self.refusals.setdefault(key, (content, refusal))
        posted = await self.recorded(agent, agent_payment_id)
        assert posted is not None
        return posted

    async def recorded(self, agent: str, agent_payment_id: str) -> Posted | None:
        self._guard()
        key = (agent, agent_payment_id)
        if key in self.refusals:
            content, refusal = self.refusals[key]
            return Posted(Result.REFUSED, fingerprint=content, refusal=refusal)
        return self._posted(Result.REPEATED, key) if key in self.rows else None

    async def recorded_by_id(self, agent: str, payment_id: int) -> Posted | None:
        key = self._key(agent, "", payment_id)
        return await self.recorded(*key) if key else None

    def _key(self, agent: str, agent_payment_id: str, payment_id: int) -> tuple[str, str] | None:
        for key, (_, payment) in self.rows.items():
            if key[0] == agent and (
                key[1] == agent_payment_id if agent_payment_id else payment.payment_id == payment_id
            ):
                return key
        return None

    async def move(self, move: Move) -> Posted:
        self._guard()
        key = self._key(move.agent, move.agent_payment_id, move.payment_id)
        if key is None:
            return Posted(Result.NOT_FOUND)
        order, payment = self.rows[key]
        until = _valid_until(order, payment)
        late = payment.state is PaymentState.HELD and until is not None and until <= self.clock()
        cell = after(payment.state, move.action)
        if late and move.action is Action.CONFIRM:
            self._add_event(key, PaymentState.EXPIRED, "")
            return self._posted(Result.PAYMENT_CANCELLED, key)
        if cell is PaymentState.EXPIRED and not late:
            cell = Result.FORBIDDEN
        if isinstance(cell, Result):
            return self._posted(cell, key)
        if cell is PaymentState.CREDITED or payment.state is PaymentState.CREDITED:
            if move.business_day in self.closed_days:
                return self._posted(Result.DAY_CLOSED, key)
            if self._is_settled(move, order):
                if move.after_close is AfterClose.PERSON:
                    self.asked.append(payment.payment_id)
                return self._posted(Result.FORBIDDEN, key)
        self._add_event(key, cell, move.reason)
        return self._posted(Result.ACCEPTED, key)

    def _is_settled(self, move: Move, order: Order) -> bool:
        return (
            move.action is Action.CANCEL
            and move.after_close is not AfterClose.YES
            and order.business_day in self.closed_days
        )

    def _add_event(self, key: tuple[str, str], state: PaymentState, reason: str) -> None:
        order, payment = self.rows[key]
        now = self.clock()
        credited_at = now if state is PaymentState.CREDITED else payment.credited_at
        self.rows[key] = (
            order,
            replace(payment, state=state, state_at=now, credited_at=credited_at, reason=reason),
        )
        if state is PaymentState.CREDITED:
            self._credit(key, payment.account, payment.amount.kopecks, state)
        elif payment.state is PaymentState.CREDITED:
            self._credit(key, payment.account, -payment.amount.kopecks, state)

    async def is_settled(self, agent: str, payment_id: int) -> bool:
        key = self._key(agent, "", payment_id)
        return key is not None and self.rows[key][0].business_day in self.closed_days

    async def statement(
        self, agent: str, since: dt.datetime, until: dt.datetime, *, every_state: bool = False
    ) -> tuple[Payment, ...]:
        return tuple(
            payment
            for (owner, _), (_, payment) in self.rows.items()
            if owner == agent
            and since <= payment.paid_at <= until
            and (every_state or payment.state is PaymentState.CREDITED)
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


def _action(order: Order) -> Action:
    return Action.PAY if order.valid_seconds is None else Action.HOLD


def _valid_until(order: Order, payment: Payment) -> dt.datetime | None:
    if order.valid_seconds is None:
        return None
    return payment.recorded_at + dt.timedelta(seconds=order.valid_seconds)
