"""The desk as a model: every order of events, a failure at every await, a clock of its own.

Requests are coroutines that stop wherever they ask the ledger or the lookup; hypothesis chooses
who goes on, what fails, and what happens meanwhile. What an agent was told must stay true.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from server.accounts import AccountState
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
from server.payments.ports import Action, Move, Posted, fingerprint
from server.refusals import Refusal, Refused
from tests.payments.fakes import AGENT, NOON, FakeLedger, view
from tests.payments.stepped import Fault, SteppedAccounts, SteppedLedger, Stop

Key = tuple[str, str]
ENDS = (PaymentState.CANCELLED, PaymentState.REVERSED, PaymentState.EXPIRED)
VALID_SECONDS = 60
IN_FLIGHT_MAX = 4


@dataclass
class Request:
    """One request in flight."""

    agent: Agent
    command: Command
    work: Coroutine[Stop, Fault, Outcome]
    was_recorded: bool
    """Its number was known when it came."""
    faulted: bool = False


@dataclass
class Told:
    """What an agent heard about a number, so far."""

    payment: Payment | None = None
    refused: dict[str, Refusal] = field(default_factory=dict)
    """Final refusals by the content that was refused."""


def commands() -> st.SearchStrategy[Command]:
    """About two numbers, so that they meet."""
    number = st.sampled_from(["1", "1", "2"])
    account = st.sampled_from(["1004217", "1004217", "nope"])
    amount = st.sampled_from([Money(5_000), Money(5_000), Money(7_000)])
    breakdown = st.sampled_from([(), (), (Part("water", Money(1_000)),)])
    return st.one_of(
        st.builds(Pay, number, account, amount, breakdown=breakdown),
        st.builds(Hold, number, account, amount, st.just(VALID_SECONDS), breakdown=breakdown),
        st.builds(Confirm, number),
        st.builds(Cancel, number, only_held=st.booleans()),
        st.builds(GetStatus, number),
    )


class Event(Enum):
    """What happens in the world meanwhile."""

    TIME = "time"
    VALIDITY = "validity"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    HANG_UP = "hang up"
    SWEEP = "sweep"
    CLOSE_DAY = "close day"
    CLOSE_ACCOUNT = "close account"
    OPEN_ACCOUNTS = "open accounts"


Course = tuple[Fault, ...]
"""How a request goes on at once, stop by stop; then it waits."""
THROUGH: Course = (Fault.NONE,) * 12


def courses() -> st.SearchStrategy[Course]:
    """It waits at once, goes through, or fails at one of its stops."""
    failing = st.builds(
        lambda stop, fault: (*THROUGH[:stop], fault),
        st.integers(0, 3),
        st.sampled_from([Fault.BEFORE, Fault.AFTER]),
    )
    return st.one_of(st.just(()), st.just(THROUGH), st.just(THROUGH), failing)


class DeskModel(RuleBasedStateMachine):
    """An agent, its requests in flight, and the world around them."""

    whose = AGENT

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.accounts = SteppedAccounts(view("1004217"))
        self.ledger = SteppedLedger(self.accounts, lambda: self.now)
        self.desk = PaymentDesk(self.accounts, self.ledger, lambda: self.now)
        self.agent = self.whose
        self.asked: list[Command] = []
        self.flight: list[Request] = []
        self.told: dict[Key, Told] = {}
        self.ended: set[Key] = set()

    # --- what happens -------------------------------------------------------------------------

    @precondition(lambda self: len(self.flight) < IN_FLIGHT_MAX)
    @rule(command=commands(), course=courses())
    def ask(self, command: Command, course: Course) -> None:
        assert isinstance(command, Pay | Hold | Confirm | Cancel | GetStatus)
        request = Request(
            self.agent,
            command,
            self.desk.handle(self.agent, command),
            (self.agent.name, command.agent_payment_id) in self.ledger.rows,
        )
        self.asked.append(command)
        self.flight.append(request)
        self._go_on(request, None)
        for fault in course:
            if request in self.flight:
                self._go_on(request, fault)

    @precondition(lambda self: self.asked and len(self.flight) < IN_FLIGHT_MAX)
    @rule(which=st.integers(1, 3), course=courses())
    def ask_again(self, which: int, course: Course) -> None:
        self.ask(self.asked[-min(which, len(self.asked))], course)

    @precondition(lambda self: self.flight)
    @rule(who=st.integers(0, IN_FLIGHT_MAX - 1), fault=st.sampled_from([Fault.NONE, *Fault]))
    def go_on(self, who: int, fault: Fault) -> None:
        self._go_on(self.flight[who % len(self.flight)], fault)

    @rule(event=st.sampled_from(Event), seconds=st.sampled_from([VALID_SECONDS - 1, 86_400]))
    def meanwhile(self, event: Event, seconds: int) -> None:
        match event:
            case Event.TIME:
                self.now += dt.timedelta(seconds=seconds)
            case Event.VALIDITY:
                self.now += dt.timedelta(seconds=VALID_SECONDS)
            case Event.PAUSE | Event.UNPAUSE:
                self.agent = replace(self.agent, paused=event is Event.PAUSE)
            case Event.HANG_UP if self.flight:
                self.flight.pop(0).work.close()
            case Event.SWEEP:
                self._sweep()
            case Event.CLOSE_DAY:
                self.ledger.closed_days.add(self.now.date())
            case Event.CLOSE_ACCOUNT:
                self.accounts.views["1004217"] = view("1004217", AccountState.CLOSED)
            case Event.OPEN_ACCOUNTS if remembers(self.agent):
                # To whoever does not remember refusals a number means something new then.
                self.accounts.views |= {number: view(number) for number in ("1004217", "nope")}
            case _:
                pass

    def _sweep(self) -> None:
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
            self.ask(GetStatus(number), THROUGH)

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
        request.faulted |= fault in (Fault.BEFORE, Fault.AFTER)
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
                self._refused(key, told, request, outcome.refusal)
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
        request: Request,
        refusal: Refusal,
    ) -> None:
        command = request.command
        match refusal:
            case Refusal.TRY_LATER:
                # Without a fault only a pause, and only for what is new.
                assert request.faulted or request.agent.paused
                is_new = not request.was_recorded or isinstance(command, Confirm)
                assert request.faulted or is_new
            case Refusal.PAYMENT_NOT_FOUND:
                assert not request.was_recorded
            case Refusal.PAYMENT_CANCELLED:
                assert self._state(key) in ENDS
            case Refusal.REVERSAL_FORBIDDEN:
                assert isinstance(command, Cancel)
            case Refusal.PAYMENT_CONFLICT:
                assert isinstance(command, Pay | Hold)
                self._conflicts(key, command)
            case _:
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


class RememberedModel(DeskModel):
    """An agent whose refusals are remembered; for it closed accounts may open again."""

    whose = replace(AGENT, name="kaspi", settings={"remember_refusals": "yes"})


class AskingModel(DeskModel):
    """An agent whose late cancels go to a person."""

    whose = replace(AGENT, name="bank", settings={"cancel_after_close": "person"})


EFFORT = settings(
    max_examples=150,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestDesk = DeskModel.TestCase
TestDesk.settings = EFFORT
TestRememberedRefusals = RememberedModel.TestCase
TestRememberedRefusals.settings = EFFORT
TestAskingPeople = AskingModel.TestCase
TestAskingPeople.settings = EFFORT
