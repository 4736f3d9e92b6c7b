"""The desk as a model: every order of events, a failure at every await, a clock of its own.

Requests are coroutines that stop wherever they ask the ledger or the lookup; hypothesis chooses
who goes on, what fails, and what happens meanwhile. What an agent was told must stay true.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Coroutine, Generator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from server.accounts import AccountState, AccountView
from server.agents import Agent
from server.messages import (
    Cancel,
    Command,
    Confirm,
    GetStatus,
    Hold,
    Outcome,
    Part,
    Pay,
    Payment,
    PaymentAccepted,
    PaymentCancelled,
    PaymentHeld,
    PaymentState,
    PaymentStatus,
    RefusedOutcome,
)
from server.money import Money
from server.payments.desk import PaymentDesk
from server.payments.ports import Action, Move, Order, OutcomeUnknown, PaidLane, Posted, fingerprint
from server.refusals import Refusal, Refused
from tests.payments.fakes import AGENT, NOON, FakeAccounts, FakeLedger, view

Key = tuple[str, str]
ENDS = (PaymentState.CANCELLED, PaymentState.REVERSED, PaymentState.EXPIRED)
AGENTS = (
    AGENT,
    replace(AGENT, name="kaspi", settings={"remember_refusals": "yes"}),
    replace(AGENT, name="bank", settings={"cancel_after_close": "person"}),
)
VALID_SECONDS = 60
IN_FLIGHT_MAX = 4


class Fault(Enum):
    """What becomes of a call."""

    NONE = "none"
    BEFORE = "before"
    """It never reached the store."""
    AFTER = "after"
    """It was done, and the answer was lost."""


class Stop:
    """Suspends whoever awaits it; the scheduler says how it goes on."""

    def __await__(self) -> Generator[Stop, Fault, Fault]:
        return (yield self)


async def unless_lost(fault: Fault, when: Fault) -> None:
    if fault is when:
        raise OutcomeUnknown(f"lost {when.value} the call")


class SteppedLedger(FakeLedger):
    """Stops before and after every call."""

    async def post(self, order: Order) -> Posted:
        fault = await self._begin()
        return await self._end(fault, await super().post(order))

    async def move(self, move: Move) -> Posted:
        fault = await self._begin()
        return await self._end(fault, await super().move(move))

    async def remember(
        self, agent: str, agent_payment_id: str, content: str, refusal: Refusal
    ) -> Posted:
        fault = await self._begin()
        key = (agent, agent_payment_id)
        if key not in self.rows:
            self.refusals.setdefault(key, (content, refusal))
        posted = await super().recorded(agent, agent_payment_id)
        assert posted is not None
        return await self._end(fault, posted)

    async def recorded(self, agent: str, agent_payment_id: str) -> Posted | None:
        fault = await self._begin()
        posted = await super().recorded(agent, agent_payment_id)
        await unless_lost(await Stop() if fault is Fault.NONE else fault, Fault.AFTER)
        return posted

    async def next_open_day(self, agent: str, day: dt.date) -> dt.date:
        await self._begin()
        return await super().next_open_day(agent, day)

    async def _begin(self) -> Fault:
        fault = await Stop()
        await unless_lost(fault, Fault.BEFORE)
        return fault

    async def _end(self, fault: Fault, posted: Posted) -> Posted:
        await unless_lost(fault, Fault.AFTER)
        await Stop()
        return posted


class SteppedAccounts(FakeAccounts):
    """Shows what was published; the newest wins, as by version in Redis."""

    def __init__(self, *views: AccountView) -> None:
        super().__init__(*views)
        self.shown: dict[str, int] = {}

    async def publish(self, lanes: Sequence[PaidLane]) -> None:
        fault = await Stop()
        if fault is not Fault.BEFORE:
            for lane in lanes:
                self.shown[lane.account] = max(self.shown.get(lane.account, 0), lane.version)
        if fault is not Fault.NONE:
            raise ConnectionResetError("the ring is gone")


@dataclass
class Request:
    """One request in flight."""

    agent: Agent
    command: Command
    work: Coroutine[Stop, Fault, Outcome]


@dataclass
class Told:
    """What an agent heard about a number, so far."""

    payment: Payment | None = None
    refused: dict[str, Refusal] = field(default_factory=dict)
    """Final refusals by the content that was refused."""


def commands() -> st.SearchStrategy[Command]:
    """About two numbers, so that they meet."""
    number = st.sampled_from(["1", "1", "2"])
    account = st.sampled_from(["1004217", "1004217", "1004218", "nope"])
    amount = st.sampled_from([Money(5_000), Money(5_000), Money(7_000)])
    breakdown = st.sampled_from([(), (), (Part("water", Money(1_000)),)])
    return st.one_of(
        st.builds(Pay, number, account, amount, breakdown=breakdown),
        st.builds(Hold, number, account, amount, st.just(VALID_SECONDS), breakdown=breakdown),
        st.builds(Confirm, number),
        st.builds(Cancel, number),
        st.builds(GetStatus, number),
    )


class DeskModel(RuleBasedStateMachine):
    """An agent, its requests in flight, and the world around them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.accounts = SteppedAccounts(
            view("1004217"), view("1004218"), view("9000001", AccountState.CLOSED)
        )
        self.ledger = SteppedLedger(self.accounts, lambda: self.now)
        self.desk = PaymentDesk(self.accounts, self.ledger, lambda: self.now)
        self.agent = AGENT
        self.asked: list[Command] = []
        self.flight: list[Request] = []
        self.told: dict[Key, Told] = {}
        self.ended: set[Key] = set()

    # --- what happens -------------------------------------------------------------------------

    @initialize(agent=st.sampled_from(AGENTS))
    def begin(self, agent: Agent) -> None:
        self.agent = agent

    @precondition(lambda self: len(self.flight) < IN_FLIGHT_MAX)
    @rule(command=commands())
    def ask(self, command: Command) -> None:
        request = Request(self.agent, command, self.desk.handle(self.agent, command))
        self.asked.append(command)
        self.flight.append(request)
        self._go_on(request, None)

    @precondition(lambda self: self.asked and len(self.flight) < IN_FLIGHT_MAX)
    @rule(which=st.integers(1, 3))
    def ask_again(self, which: int) -> None:
        self.ask(self.asked[-min(which, len(self.asked))])

    @precondition(lambda self: self.flight)
    @rule()
    def answer(self) -> None:
        """The oldest request goes through to its end."""
        request = self.flight[0]
        while request in self.flight:
            self._go_on(request, Fault.NONE)

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.agent = replace(self.agent, paused=paused)

    @precondition(lambda self: self.flight)
    @rule(who=st.integers(0, IN_FLIGHT_MAX - 1), fault=st.sampled_from([Fault.NONE, *Fault]))
    def go_on(self, who: int, fault: Fault) -> None:
        self._go_on(self.flight[who % len(self.flight)], fault)

    @precondition(lambda self: self.flight)
    @rule(who=st.integers(0, IN_FLIGHT_MAX - 1))
    def hang_up(self, who: int) -> None:
        self.flight.pop(who % len(self.flight)).work.close()

    @rule(seconds=st.sampled_from([1, VALID_SECONDS, 86_400]))
    def let_time_pass(self, seconds: int) -> None:
        self.now += dt.timedelta(seconds=seconds)

    @rule(account=st.sampled_from(["1004217", "1004218"]))
    def close_account(self, account: str) -> None:
        self.accounts.views[account] = view(account, AccountState.CLOSED)

    @precondition(lambda self: remembers(self.agent))
    @rule(account=st.sampled_from(["1004217", "nope"]))
    def open_account(self, account: str) -> None:
        """To whoever does not remember refusals a number means something new then."""
        self.accounts.views[account] = view(account)

    @rule()
    def close_day(self) -> None:
        self.ledger.closed_days.add(self.now.date())

    @rule()
    def sweep(self) -> None:
        """The janitor."""
        for key, (_, payment) in list(self.ledger.rows.items()):
            move = Move(Action.EXPIRE, key[0], self.now.date(), key[1])
            if payment.state is PaymentState.HELD:
                finished(FakeLedger.move(self.ledger, move))

    def teardown(self) -> None:
        """Without faults every request ends, and every repeat is answered."""
        while self.flight:
            self._go_on(self.flight[0], Fault.NONE)
        self.agent = replace(self.agent, paused=False)
        for _, number in list(self.told):
            self.ask(GetStatus(number))
            self.answer()

    # --- what must hold -----------------------------------------------------------------------

    @invariant()
    def accounts_have_what_was_credited(self) -> None:
        credited: dict[str, int] = {}
        for _, payment in self.ledger.rows.values():
            if payment.state is PaymentState.CREDITED:
                paid = credited.get(payment.account, 0)
                credited[payment.account] = paid + payment.amount.kopecks
        assert {a: k for a, k in self.ledger.credited.items() if k} == credited

    @invariant()
    def what_was_refused_for_good_is_not_credited(self) -> None:
        for key, told in self.told.items():
            if key in self.ledger.rows:
                assert self.ledger.rows[key][0].fingerprint not in told.refused, key

    @invariant()
    def what_has_ended_stays_so(self) -> None:
        for key, (_, payment) in self.ledger.rows.items():
            assert payment.state in ENDS or key not in self.ended
            if payment.state in ENDS:
                self.ended.add(key)

    def _go_on(self, request: Request, fault: Fault | None) -> None:
        try:
            request.work.send(fault)  # type: ignore[arg-type]  # None starts a coroutine
        except StopIteration as done:
            self.flight.remove(request)
            self._heard(request, done.value)
        except Refused as refused:
            self.flight.remove(request)
            self._heard(request, RefusedOutcome(refused.refusal))
        except ConnectionResetError:
            self.flight.remove(request)  # the pipeline says "try later"

    def _heard(self, request: Request, outcome: Outcome) -> None:
        command = request.command
        assert isinstance(command, Pay | Hold | Confirm | Cancel | GetStatus)
        key = (request.agent.name, command.agent_payment_id)
        told = self.told.setdefault(key, Told())
        match outcome:
            case RefusedOutcome():
                self._refused(key, told, command, outcome)
            case PaymentAccepted(payment):
                assert payment.credited_at is not None
                self._agrees(key, told, payment, command)
                self._is_shown(key, payment)
            case PaymentHeld(payment):
                assert payment.state not in ENDS
                self._agrees(key, told, payment, command)
            case PaymentCancelled(payment):
                assert payment.state in ENDS
                assert self._state(key) in ENDS
                self._agrees(key, told, payment, command)
                self._is_shown(key, payment)
            case PaymentStatus(payment):
                self._agrees(key, told, payment, command)
                self._is_shown(key, payment)
            case _:
                raise AssertionError(outcome)

    def _refused(
        self,
        key: Key,
        told: Told,
        command: Pay | Hold | Confirm | Cancel | GetStatus,
        outcome: RefusedOutcome,
    ) -> None:
        match outcome.refusal:
            case Refusal.TRY_LATER:
                return
            case Refusal.PAYMENT_NOT_FOUND:
                assert told.payment is None
            case Refusal.PAYMENT_CANCELLED:
                assert self._state(key) in ENDS
            case Refusal.REVERSAL_FORBIDDEN:
                assert isinstance(command, Cancel)
            case Refusal.PAYMENT_CONFLICT:
                assert isinstance(command, Pay | Hold)
                self._conflicts(key, command)
            case refusal:
                assert isinstance(command, Pay | Hold)
                told.refused[content(command)] = refusal

    def _conflicts(self, key: Key, command: Pay | Hold) -> None:
        if key in self.ledger.refusals:
            assert self.ledger.refusals[key][0] != content(command)
            return
        order, payment = self.ledger.rows[key]
        mixed_up = isinstance(command, Pay) and payment.held_at is not None
        assert order.fingerprint != content(command) or mixed_up

    def _agrees(self, key: Key, told: Told, payment: Payment, command: Command) -> None:
        """The payment is the recorded one, the one told of before, and the one asked for."""
        order, recorded = self.ledger.rows[key]
        if isinstance(command, Pay | Hold):
            assert order.fingerprint == content(command)
        for other in (recorded, told.payment):
            if other is not None:
                assert lasting(payment) == lasting(other)
        told.payment = payment

    def _is_shown(self, key: Key, payment: Payment) -> None:
        """A check after the answer never shows the debt from before what the answer tells of."""
        least = self.ledger.moved_at.get((key, payment.state), 0)
        assert self.accounts.shown.get(payment.account, 0) >= least

    def _state(self, key: Key) -> PaymentState:
        return self.ledger.rows[key][1].state


def remembers(agent: Agent) -> bool:
    return agent.setting("remember_refusals", "no") == "yes"


def content(command: Pay | Hold) -> str:
    return fingerprint(command.account, command.amount, command.breakdown)


def lasting(payment: Payment) -> tuple[object, ...]:
    """What no later event may change."""
    return (payment.payment_id, payment.account, payment.amount, payment.paid_at,
            payment.recorded_at, payment.held_at, payment.terminal)  # fmt: skip


def finished(work: Coroutine[Any, Any, Posted]) -> Posted:
    """The result of a coroutine that never stops."""
    try:
        work.send(None)
    except StopIteration as done:
        posted: Posted = done.value
        return posted
    raise AssertionError("it stopped")


TestDesk = DeskModel.TestCase
TestDesk.settings = settings(
    max_examples=200,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
