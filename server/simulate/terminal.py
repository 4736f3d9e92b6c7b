"""One terminal: a payer after the other, each payment repeated as its network repeats."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, repeat

from server.agents import Agent
from server.money import Money
from server.protocols import Operation, Secrets
from server.protocols.agents_side import (
    UNREADABLE,
    Ask,
    Decision,
    Exchange,
    Network,
    Verdict,
)
from server.simulate.beliefs import Belief, Claim
from server.simulate.faults import Dice, Fault
from server.simulate.wire import Wire

_CHECKS_MAX = 3
_SHARE_ABANDONED = 0.1
_HANG_UP_SECONDS_MAX = 0.02
_NOBODY_WAITS_SECONDS_MAX = 0.005
_COPY_SECONDS_MAX = 1200
"""Of the network's own time, like its pauses."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """What a payment needs on its way. Pauses are `pace` times shorter than the network's own.

    What the payer wants has dice of its own: how often something is repeated changes nothing of it.
    """

    network: Network
    agent: Agent
    secrets: Secrets
    wire: Wire
    payer: Dice
    dice: Dice
    pace: float
    cancelled_share: float
    now: Callable[[], dt.datetime]

    async def pay(self, claim: Claim) -> None:
        """The whole life of one payment; the claim says at the end what the network believes."""
        if Operation.CHECK in self.network.asks and not await self._is_welcome(claim):
            return
        claim.is_sent = True
        first = Operation.PAY if Operation.PAY in self.network.asks else Operation.HOLD
        decision = await self._decide(claim, first)
        if decision is Decision.ACCEPTED and first is Operation.HOLD:
            decision = await self._confirm_or_abandon(claim)
        if decision is not Decision.ACCEPTED:
            claim.keeps_cash = not self.network.habits.cash_back
            return
        claim.belief = Belief.CREDITED
        may_cancel = Operation.CANCEL in self.network.asks
        if may_cancel and self.payer.happens(self.cancelled_share):
            await self._cancel(claim)

    async def status(self, claim: Claim) -> Verdict | None:
        """What became of it; None when nobody tells."""
        ask = self.network.asks[Operation.STATUS]
        return await self._settle(claim, ask, Operation.STATUS, attempts_max=_CHECKS_MAX)

    async def _is_welcome(self, claim: Claim) -> bool:
        """A payer looks first, and pays what is owed if that is a sum to be paid."""
        ask = self.network.asks[Operation.CHECK]
        verdict = await self._settle(claim, ask, Operation.CHECK, attempts_max=_CHECKS_MAX)
        if verdict is None:
            claim.is_turned_away = True
            return False
        if verdict.decision is not Decision.ACCEPTED:
            return False
        limits = self.agent.limits
        if verdict.debt and limits.amount_min <= verdict.debt <= limits.amount_max:
            claim.intent = replace(claim.intent, amount=verdict.debt)
        return True

    async def _decide(self, claim: Claim, operation: Operation) -> Decision:
        """Ask until it is decided; the status decides where the answer does not."""
        verdict = await self._settle(claim, self.network.asks[operation], operation)
        if verdict is not None and verdict.decision is Decision.ASK_STATUS:
            verdict = await self._settle(
                claim, self.network.asks[Operation.STATUS], Operation.STATUS
            )
        if verdict is None:
            held = operation is Operation.HOLD
            return Decision.REFUSED if held else self.network.habits.at_the_end
        if verdict.payment_id:
            claim.intent = replace(claim.intent, payment_id=verdict.payment_id)
        return verdict.decision

    async def _confirm_or_abandon(self, claim: Claim) -> Decision:
        ask = self.network.abandon or self.network.asks.get(Operation.CANCEL)
        if ask is not None and self.payer.happens(_SHARE_ABANDONED):
            await self._settle(claim, ask, Operation.CANCEL)
            return Decision.REFUSED
        return await self._decide(claim, Operation.CONFIRM)

    async def _cancel(self, claim: Claim) -> None:
        before = self.network.before_cancel
        if before is not None:
            verdict = await self._settle(claim, before, Operation.CANCEL)
            if verdict is None or verdict.decision is not Decision.ACCEPTED:
                return
        ask = self.network.asks[Operation.CANCEL]
        verdict = await self._settle(claim, ask, Operation.CANCEL)
        if verdict is None:
            claim.belief = Belief.UNKNOWN
        elif verdict.decision is Decision.ACCEPTED:
            claim.belief = Belief.CANCELLED

    async def _settle(
        self, claim: Claim, ask: Ask, operation: Operation, attempts_max: int = 0
    ) -> Verdict | None:
        """The first answer that is not "repeat"; None when the network has given up."""
        for attempt, pause in enumerate(self._pauses()):
            if attempts_max and attempt >= attempts_max:
                break
            await asyncio.sleep(pause)
            verdict = await self._attempt(claim, ask, operation)
            if verdict.decision is not Decision.REPEAT:
                return verdict
            self.wire.counts["repeats"] += 1
        return None

    def _pauses(self) -> Iterator[float]:
        """Before each attempt, as long as the network goes on trying."""
        habits = self.network.habits
        waited = 0.0
        for pause in chain((0,), habits.pauses_seconds, repeat(habits.pauses_seconds[-1])):
            waited += pause
            if waited > habits.lifetime_seconds:
                return
            yield pause / self.pace

    async def _attempt(self, claim: Claim, ask: Ask, operation: Operation) -> Verdict:
        timeout, dice = self.network.habits.timeout_seconds, self.dice
        exchange = self._exchange(claim, ask)
        if dice.strikes(Fault.REORDER):
            copy_later = dice.between(0, _COPY_SECONDS_MAX) / self.pace
            self.wire.leave(self._exchange(claim, ask), timeout, copy_later)
        if dice.strikes(Fault.LATE):
            self.wire.leave(exchange, timeout)
            await asyncio.sleep(dice.between(0, _NOBODY_WAITS_SECONDS_MAX))
            return UNREADABLE
        if dice.strikes(Fault.LOST_REPLY):
            await self.wire.hang_up(exchange, dice.between(0, _HANG_UP_SECONDS_MAX))
            return UNREADABLE
        if dice.strikes(Fault.DUPLICATE):
            twin = self._exchange(claim, ask)
            both = await asyncio.gather(
                *(self._answer(claim, each, operation) for each in (exchange, twin))
            )
            return _agreed(claim, operation, *both)
        return await self._answer(claim, exchange, operation)

    def _exchange(self, claim: Claim, ask: Ask) -> Exchange:
        """Written anew each time: some networks date, salt or number every message."""
        intent = replace(claim.intent, sent_at=self.now(), nonce=self.dice.nonce())
        return self.wire.written(ask(intent, self.agent, self.secrets))

    async def _answer(self, claim: Claim, exchange: Exchange, operation: Operation) -> Verdict:
        response = await self.wire.send(exchange, self.network.habits.timeout_seconds)
        if response is None:
            return UNREADABLE
        if fault := self.wire.fault(exchange, response):
            claim.contradictions.append(fault)
        return self.network.read(operation, exchange, response, self.agent, self.secrets)


def _agreed(claim: Claim, operation: Operation, one: Verdict, other: Verdict) -> Verdict:
    """What two answers to the same question mean together."""
    told = [each for each in (one, other) if each.decision is not Decision.REPEAT]
    decisions = {each.decision for each in told}
    if {Decision.ACCEPTED, Decision.REFUSED} <= decisions:
        said = f"{operation.value}: answered both {one.code} and {other.code}"
        claim.contradictions.append(said)
    numbers = {each.payment_id for each in told if each.payment_id}
    if len(numbers) > 1:
        claim.contradictions.append(f"{operation.value}: two numbers, {sorted(numbers)}")
    accepted = [each for each in told if each.decision is Decision.ACCEPTED]
    return next(iter((*accepted, *told, one)))


def within(amount: int, agent: Agent) -> Money:
    """A sum that the agent may take, near the one given in kopecks."""
    limits = agent.limits
    return min(max(Money(amount), limits.amount_min), limits.amount_max)
