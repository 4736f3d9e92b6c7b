"""The life of payments in every protocol, step by step in any order, against a small model.

A network's requests go through codec and desk to a ledger in memory and back to the network's own
reading of the answer: first phases, second phases, cancels and status, repeated, belated, of other
sums and accounts, with a store that is away now and then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from server.messages import Outcome, PaymentState, RefusedOutcome
from server.money import Money
from server.payments.desk import PaymentDesk
from server.payments.ports import Action, Move
from server.protocols import Operation
from server.protocols.agents_side import Ask, Decision, Intent, Verdict
from server.refusals import Refused
from tests.payments.fakes import FakeAccounts, FakeLedger, view
from tests.protocols.both_sides import DEMO_FILES, Sides, sides

Result = TypeVar("Result")
ACCOUNTS = ("1004217", "0000042")
PAYMENTS = 3
PLACES = st.integers(0, PAYMENTS - 1)
SUMS = (Money(100_00), Money(1_523_40))
NOW = dt.datetime(2026, 1, 15, 7, 20, 31, tzinfo=dt.UTC)
SHORT = settings(
    max_examples=6,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
SUCCESS = (Decision.ACCEPTED, Decision.ASK_STATUS)
"""24 NonStop asks for the status when it hears of a repeat."""
FIRST_PHASE_IS_OVER = {"payme"}
"""Whose source has a belated repeat of the first phase refused; that of the second is told."""
FINAL_OR_ASKED = (Decision.REFUSED, Decision.ASK_STATUS)
UNDONE = (PaymentState.CANCELLED, PaymentState.REVERSED, PaymentState.EXPIRED)


@dataclass
class Life:
    """What the model knows of one number: the content that was accepted first, and its state."""

    account: str = ""
    amount: Money = SUMS[0]
    state: PaymentState | None = None
    payment_id: str = "9"


@dataclass(frozen=True)
class Said:
    """One answer, as bytes and as its network reads it."""

    body: bytes
    verdict: Verdict


def done(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """What it returns; in memory nothing has to be waited for."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        value: Result = end.value
        return value
    raise AssertionError("it waits")


class Lives(RuleBasedStateMachine):
    """All payments of one network."""

    def __init__(self, both: Sides) -> None:
        super().__init__()
        self.both = both
        accounts = FakeAccounts(*(view(number) for number in ACCOUNTS))
        self.ledger = FakeLedger(accounts, lambda: NOW)
        self.desk = PaymentDesk(accounts, self.ledger, lambda: NOW)
        self.lives = [Life() for _ in range(PAYMENTS)]
        self.repeats: dict[tuple[int, Operation, PaymentState | None], bytes] = {}
        self.asks = both.network.asks
        self.first = Operation.PAY if Operation.PAY in self.asks else Operation.HOLD

    def say(self, ask: Ask, operation: Operation, intent: Intent) -> Said:
        """The whole way there and back."""
        both = self.both
        exchange = ask(intent, both.agent, both.agent_secrets)
        request = both.request(exchange)
        outcome: Outcome
        try:
            both.codec.verify(request, both.server_secrets, NOW)
            outcome = done(self.desk.handle(both.agent, both.codec.decode(request)))
        except Refused as refused:
            outcome = RefusedOutcome(refused.refusal, field=refused.field)
        response = both.codec.sign(
            request, both.codec.encode(request, outcome), both.server_secrets
        )
        read = both.network.read
        verdict = read(operation, exchange, response, both.agent, both.agent_secrets)
        if self.ledger.broken:
            assert verdict.decision is Decision.REPEAT, (operation, verdict)
        return Said(response.body, verdict)

    def intent(self, place: int, account: str = "", amount: Money | None = None) -> Intent:
        """Of the payment as it was accepted, or as it is given."""
        life = self.lives[place]
        return replace(
            self.both.intent(),
            agent_payment_id=self.both.network.payment_id(place + 1),
            account=account or life.account or ACCOUNTS[0],
            amount=amount or life.amount,
            payment_id=life.payment_id,
        )

    def require_repeat(self, place: int, operation: Operation, said: Said) -> None:
        """A repeat is a success, in the same bytes each time."""
        assert said.verdict.decision in SUCCESS, (operation, said.verdict)
        key = (place, operation, self.lives[place].state)
        assert self.repeats.setdefault(key, said.body) == said.body

    @rule(place=PLACES, account=st.sampled_from(ACCOUNTS), amount=st.sampled_from(SUMS))
    def begin(self, place: int, account: str, amount: Money) -> None:
        life = self.lives[place]
        said = self.say(self.asks[self.first], self.first, self.intent(place, account, amount))
        if self.ledger.broken:
            return
        if life.state is None:
            assert said.verdict.decision is Decision.ACCEPTED, said.verdict
            paid = PaymentState.CREDITED if self.first is Operation.PAY else PaymentState.HELD
            key = (self.both.agent.name, self.intent(place).agent_payment_id)
            number = str(self.ledger.rows[key][1].payment_id)
            assert said.verdict.payment_id in {"", number}
            self.lives[place] = Life(account, amount, paid, number)
        elif (account, amount) != (life.account, life.amount) or life.state in UNDONE:
            assert said.verdict.decision in FINAL_OR_ASKED, said.verdict
        elif life.state is not PaymentState.HELD and self.both.codec.name in FIRST_PHASE_IS_OVER:
            assert said.verdict.decision is Decision.REFUSED, said.verdict
        else:
            self.require_repeat(place, self.first, said)

    @precondition(lambda self: Operation.CONFIRM in self.asks)
    @rule(place=PLACES)
    def confirm(self, place: int) -> None:
        life = self.lives[place]
        said = self.say(self.asks[Operation.CONFIRM], Operation.CONFIRM, self.intent(place))
        if self.ledger.broken:
            return
        if life.state is PaymentState.HELD:
            assert said.verdict.decision is Decision.ACCEPTED, said.verdict
            life.state = PaymentState.CREDITED
        elif life.state is PaymentState.CREDITED:
            self.require_repeat(place, Operation.CONFIRM, said)
        else:
            assert said.verdict.decision is Decision.REFUSED, said.verdict

    @precondition(lambda self: Operation.CANCEL in self.asks or self.both.network.abandon)
    @rule(place=PLACES)
    def undo(self, place: int) -> None:
        """What is held is given up, where that is another request than cancelling."""
        life, network = self.lives[place], self.both.network
        ask = self.asks.get(Operation.CANCEL)
        if (life.state is PaymentState.HELD and network.abandon) or ask is None:
            ask = network.abandon
        assert ask is not None
        said = self.say(ask, Operation.CANCEL, self.intent(place))
        if self.ledger.broken:
            return
        if life.state is None:
            assert said.verdict.decision in FINAL_OR_ASKED, said.verdict
        elif life.state not in UNDONE and said.verdict.decision is Decision.ACCEPTED:
            life.state = PaymentState.CANCELLED
        elif life.state not in UNDONE:
            assert network.asks.get(Operation.CANCEL) is None, said.verdict

    @precondition(lambda self: Operation.STATUS in self.asks)
    @rule(place=PLACES)
    def look(self, place: int) -> None:
        said = self.say(self.asks[Operation.STATUS], Operation.STATUS, self.intent(place))
        if not self.ledger.broken:
            credited = self.lives[place].state is PaymentState.CREDITED
            assert (said.verdict.decision is Decision.ACCEPTED) is credited, said.verdict

    @rule(place=PLACES)
    def reverse(self, place: int) -> None:
        """By the office; the network is not asked."""
        life = self.lives[place]
        if life.state is PaymentState.CREDITED and not self.ledger.broken:
            number = self.both.network.payment_id(place + 1)
            move = Move(Action.REVERSE, self.both.agent.name, NOW.date(), number)
            done(self.ledger.move(move))
            life.state = PaymentState.REVERSED

    @rule(is_away=st.booleans())
    def store(self, is_away: bool) -> None:
        self.ledger.broken = is_away

    @invariant()
    def the_ledger_is_the_model(self) -> None:
        held = {number: payment for (_, number), (_, payment) in self.ledger.rows.items()}
        for place, life in enumerate(self.lives):
            payment = held.pop(self.both.network.payment_id(place + 1), None)
            assert (payment.state if payment else None) is life.state
            if payment:
                assert (payment.account, payment.amount) == (life.account, life.amount)
        assert not held
        for account in ACCOUNTS:
            paid = sum(
                life.amount.kopecks
                for life in self.lives
                if life.state is PaymentState.CREDITED and life.account == account
            )
            assert self.ledger.credited.get(account, 0) == paid


@pytest.mark.parametrize("name", sorted(DEMO_FILES))
def test_every_life_is_that_of_the_model(name: str) -> None:
    machine: Any = partial(Lives, sides(name))
    run_state_machine_as_test(machine, settings=SHORT)
