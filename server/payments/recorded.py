"""What an agent does with a payment that is recorded: confirm it, cancel it, ask about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from server.agents import Agent
from server.messages import Cancel, Confirm, Expected, GetStatus, Payment, PaymentState
from server.payments.days import business_day
from server.payments.numbers import require_named
from server.payments.ports import Action, AfterClose, Ledger, Move, Posted, Result
from server.refusals import Refusal, Refused

DAY_ATTEMPTS = 3


class RecordedPayments:
    """Finds payments and leads them along the transition table. `clock` returns aware UTC times."""

    def __init__(self, ledger: Ledger, clock: Callable[[], dt.datetime]) -> None:
        self._ledger = ledger
        self._clock = clock

    async def find(self, agent: Agent, named: GetStatus | Confirm | Cancel) -> Posted | None:
        """What is recorded under the number. Raises Refused(PAYMENT_NOT_FOUND)."""
        require_named(named)
        if named.agent_payment_id:
            return await self._ledger.recorded(agent.name, named.agent_payment_id)
        return await self._ledger.recorded_by_id(agent.name, named.payment_id)

    async def confirm(self, agent: Agent, command: Confirm) -> Posted:
        """Credit what was held. Raises Refused."""
        if agent.paused or command.expected is not None:
            found = await self.find(agent, command)
            payment = found.payment if found else None
            if payment is not None and _is_another(payment, command.expected):
                return Posted(Result.CONFLICT, payment)
            if agent.paused and payment is not None and payment.state is PaymentState.HELD:
                raise Refused(Refusal.TRY_LATER, "the agent is paused")
        return await self._move(agent, Action.CONFIRM, command)

    async def cancel(self, agent: Agent, command: Cancel) -> Posted:
        """Undo it, under the second number when there is none under the first. Raises Refused."""
        try:
            return await self._cancel(agent, command)
        except Refused as refused:
            if refused.refusal is not Refusal.PAYMENT_NOT_FOUND or not command.or_else:
                raise
        other = replace(command, agent_payment_id=command.or_else, or_else="")
        return await self._cancel(agent, other)

    async def _cancel(self, agent: Agent, command: Cancel) -> Posted:
        only_today = command.same_day and after_close(agent) is AfterClose.NO
        if only_today or command.expected is not None:
            found = await self.find(agent, command)
            payment = found.payment if found else None
            if payment is not None and _is_another(payment, command.expected):
                return Posted(Result.CONFLICT, payment)
            if only_today and payment is not None and self._is_of_the_past(agent, payment):
                return Posted(Result.FORBIDDEN, payment)
        action = Action.GIVE_UP if command.only_held else Action.CANCEL
        return await self._move(agent, action, command, command.reason)

    def _is_of_the_past(self, agent: Agent, payment: Payment) -> bool:
        """Credited, and not today; one taken after the closing is of a day to come."""
        if payment.state is not PaymentState.CREDITED or payment.business_day is None:
            return False
        return payment.business_day < business_day(agent, self._clock())

    async def status(self, agent: Agent, command: GetStatus) -> Posted:
        """How it stands now; FORBIDDEN when who asks before a cancel would be refused it.

        A question: it moves nothing and asks no person. Raises Refused.
        """
        found = await self.find(agent, command)
        if found is None or found.payment is None:
            raise Refused(Refusal.PAYMENT_NOT_FOUND, "no such payment")
        if _is_another(found.payment, command.expected):
            return Posted(Result.CONFLICT, found.payment)
        if command.before_cancel and not await self._may_be_cancelled(agent, found.payment):
            return Posted(Result.FORBIDDEN, found.payment)
        return replace(await self.unless_overdue(agent, found), result=Result.REPEATED)

    async def _may_be_cancelled(self, agent: Agent, payment: Payment) -> bool:
        if payment.state is not PaymentState.CREDITED or after_close(agent) is AfterClose.YES:
            return True
        return not await self._ledger.is_settled(agent.name, payment.payment_id)

    async def unless_overdue(self, agent: Agent, posted: Posted) -> Posted:
        """A payment that nobody confirmed in time is expired before anybody hears it is held."""
        payment, now = posted.payment, self._clock()
        if payment is None or payment.state is not PaymentState.HELD:
            return posted
        if posted.valid_until is None or posted.valid_until > now:
            return posted
        return await self._ledger.move(
            Move(
                Action.EXPIRE,
                agent.name,
                business_day(agent, now),
                payment_id=payment.payment_id,
                actor=agent.name,
            )
        )

    async def _move(
        self, agent: Agent, action: Action, named: Confirm | Cancel, reason: str = ""
    ) -> Posted:
        """On today's business day or, when that is closed, on the next open one."""
        require_named(named)
        move = Move(
            action=action,
            agent=agent.name,
            business_day=business_day(agent, self._clock()),
            agent_payment_id=named.agent_payment_id,
            payment_id=named.payment_id,
            after_close=after_close(agent),
            actor=agent.name,
            reason=reason,
        )
        for _ in range(DAY_ATTEMPTS):
            posted = await self._ledger.move(move)
            if posted.result is not Result.DAY_CLOSED:
                break
            day = await self._ledger.next_open_day(agent.name, move.business_day)
            move = replace(move, business_day=day)
        if posted.result is Result.NOT_FOUND:
            raise Refused(Refusal.PAYMENT_NOT_FOUND, f"no such payment to {action.value}")
        if posted.result in (Result.DAY_CLOSED, Result.BUSY):
            raise Refused(Refusal.TRY_LATER, posted.result.value)
        return posted


def after_close(agent: Agent) -> AfterClose:
    """What becomes of a cancel when the money was passed on already."""
    wanted = agent.setting("cancel_after_close", "no")
    return next((each for each in AfterClose if each.value == wanted), AfterClose.NO)


def _is_another(payment: Payment, expected: Expected | None) -> bool:
    """Whether it differs from what the agent says of it. Raises Refused(PAYMENT_NOT_FOUND)."""
    if expected is None:
        return False
    for said, is_so in (
        (expected.agent_payment_id, payment.agent_payment_id),
        (expected.payment_id, payment.payment_id),
    ):
        if said and said != is_so:
            raise Refused(Refusal.PAYMENT_NOT_FOUND, "the two numbers are of two payments")
    return bool(expected.account and expected.account != payment.account) or (
        expected.amount is not None and expected.amount != payment.amount
    )
