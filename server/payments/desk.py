"""PaymentDesk: what each command means. It knows neither bytes nor SQL nor Redis.

Rules it keeps: an earlier payment under the same id is looked for before the account's state or
the limits matter; every success answer is published first; what cannot be told is TRY_LATER.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from server.accounts import AccountState, AccountView, is_account_number
from server.agents import Agent
from server.messages import (
    AccountChecked,
    Cancel,
    ChangeSecret,
    CheckAccount,
    Command,
    Confirm,
    GetStatement,
    GetStatus,
    Hold,
    Outcome,
    Pay,
    PaymentAccepted,
    PaymentCancelled,
    PaymentState,
    PaymentStatus,
    ReadingResult,
    ReadingsTaken,
    RefusedOutcome,
    SecretChanged,
    Statement,
    SubmitReadings,
)
from server.payments.days import business_day, payment_day
from server.payments.limits import require_within_limits
from server.payments.ports import (
    Accounts,
    Cancellation,
    Ledger,
    Order,
    OutcomeUnknown,
    Posted,
    Result,
)
from server.payments.readings import judge
from server.refusals import Refusal, Refused

_REFUSALS = {
    Result.CONFLICT: Refusal.PAYMENT_CONFLICT,
    Result.NOT_FOUND: Refusal.ACCOUNT_NOT_FOUND,
    Result.CLOSED: Refusal.ACCOUNT_CLOSED,
    Result.SUSPENDED: Refusal.PAYMENTS_SUSPENDED,
    Result.BUSY: Refusal.TRY_LATER,
    Result.DAY_CLOSED: Refusal.TRY_LATER,
}
_STATES = {
    AccountState.CLOSED: Refusal.ACCOUNT_CLOSED,
    AccountState.SUSPENDED: Refusal.PAYMENTS_SUSPENDED,
}
_DAY_ATTEMPTS = 3


class PaymentDesk:
    """Handles every command of every agent. `clock` returns aware UTC times."""

    def __init__(
        self, accounts: Accounts, ledger: Ledger, clock: Callable[[], dt.datetime]
    ) -> None:
        self._accounts = accounts
        self._ledger = ledger
        self._clock = clock

    async def handle(self, agent: Agent, command: Command) -> Outcome:
        """Raises Refused; a lost store becomes Refused(TRY_LATER)."""
        try:
            return await self._dispatch(agent, command)
        except OutcomeUnknown as error:
            raise Refused(Refusal.TRY_LATER, str(error)) from error

    async def _dispatch(self, agent: Agent, command: Command) -> Outcome:
        match command:
            case CheckAccount():
                return await self._check(agent, command)
            case Pay():
                return await self._pay(agent, command)
            case Hold() | Confirm():
                raise Refused(Refusal.UNKNOWN_OPERATION, "two-phase payments are not offered")
            case Cancel():
                return await self._cancel(agent, command)
            case GetStatus():
                return await self._status(agent, command)
            case GetStatement():
                payments = await self._ledger.statement(agent.name, command.since, command.until)
                return Statement(payments)
            case SubmitReadings():
                return await self._submit_readings(agent, command)
            case ChangeSecret():
                await self._ledger.change_secret(agent.name, command.name, command.value)
                return SecretChanged()

    async def _check(self, agent: Agent, command: CheckAccount) -> Outcome:
        view = await self._find(command.account)
        if view.state in _STATES:
            raise Refused(_STATES[view.state], f"account {command.account}")
        if command.amount:
            require_within_limits(agent.limits, command.amount)
        return AccountChecked(view)

    async def _find(self, account: str) -> AccountView:
        if not is_account_number(account):
            raise Refused(Refusal.ACCOUNT_MALFORMED, "account number", "account")
        view = await self._accounts.find(account)
        if view is None:
            raise Refused(Refusal.ACCOUNT_NOT_FOUND, f"account {account}", "account")
        return view

    async def _pay(self, agent: Agent, command: Pay) -> Outcome:
        try:
            if agent.paused:
                raise Refused(Refusal.TRY_LATER, "the agent is paused")
            if not is_account_number(command.account):
                raise Refused(Refusal.ACCOUNT_MALFORMED, "account number", "account")
            require_within_limits(agent.limits, command.amount)
        except Refused as refused:
            return await self._repeat_or_refuse(agent, command, refused)
        return await self._settle(await self._post(agent, await self._order(agent, command)))

    async def _repeat_or_refuse(self, agent: Agent, command: Pay, refused: Refused) -> Outcome:
        """A payment recorded under older limits or before a pause is still answered as recorded."""
        posted = await self._ledger.recorded(agent.name, command.agent_payment_id)
        if posted is None or posted.payment is None:
            raise refused
        same = (posted.payment.account, posted.payment.amount) == (command.account, command.amount)
        if not same:
            return RefusedOutcome(Refusal.PAYMENT_CONFLICT, posted.payment)
        return await self._settle(posted)

    async def _order(self, agent: Agent, command: Pay) -> Order:
        now = self._clock()
        paid_at = (command.paid_at or now).replace(microsecond=0)
        today = business_day(agent, now)
        results: tuple[ReadingResult, ...] = ()
        if command.readings:
            meters = await self._ledger.meters(command.account)
            results = judge(agent, meters, command.readings, today)
        return Order(
            agent=agent.name,
            agent_payment_id=command.agent_payment_id,
            account=command.account,
            amount=command.amount,
            paid_at=paid_at,
            business_day=payment_day(agent, paid_at, now),
            parts=command.breakdown,
            readings=command.readings,
            reading_results=results,
            read_on=today,
            terminal=command.terminal,
        )

    async def _post(self, agent: Agent, order: Order) -> Posted:
        """Post on the order's day or, when that is closed meanwhile, on the next open one."""
        for _ in range(_DAY_ATTEMPTS):
            posted = await self._ledger.post(order)
            if posted.result is not Result.DAY_CLOSED:
                break
            day = await self._ledger.next_open_day(agent.name, order.business_day)
            order = replace(order, business_day=day)
        return posted

    async def _settle(self, posted: Posted) -> Outcome:
        payment = posted.payment
        if posted.result in _REFUSALS:
            return RefusedOutcome(_REFUSALS[posted.result], payment)
        assert payment is not None
        await self._publish(posted)
        if payment.state in (PaymentState.CANCELLED, PaymentState.REVERSED):
            return RefusedOutcome(Refusal.PAYMENT_CANCELLED, payment)
        return PaymentAccepted(payment, repeated=posted.result is Result.REPEATED)

    async def _publish(self, posted: Posted) -> None:
        if posted.lane is not None:
            await self._accounts.publish((posted.lane,))

    async def _cancel(self, agent: Agent, command: Cancel) -> Outcome:
        posted = await self._ledger.cancel(
            Cancellation(
                agent=agent.name,
                agent_payment_id=command.agent_payment_id,
                payment_id=command.payment_id,
                business_day=business_day(agent, self._clock()),
                allow_closed_day=agent.setting("cancel_after_close", "no") == "yes",
                actor=agent.name,
                reason=command.reason,
            )
        )
        if posted.result is Result.NOT_FOUND:
            raise Refused(Refusal.PAYMENT_NOT_FOUND, "no such payment to cancel")
        if posted.result is Result.FORBIDDEN:
            return RefusedOutcome(Refusal.REVERSAL_FORBIDDEN, posted.payment)
        assert posted.payment is not None
        await self._publish(posted)
        return PaymentCancelled(posted.payment, repeated=posted.result is Result.REPEATED)

    async def _status(self, agent: Agent, command: GetStatus) -> Outcome:
        if command.agent_payment_id:
            posted = await self._ledger.recorded(agent.name, command.agent_payment_id)
        else:
            posted = await self._ledger.recorded_by_id(agent.name, command.payment_id)
        if posted is None or posted.payment is None:
            raise Refused(Refusal.PAYMENT_NOT_FOUND, "no such payment")
        await self._publish(posted)
        return PaymentStatus(posted.payment)

    async def _submit_readings(self, agent: Agent, command: SubmitReadings) -> Outcome:
        view = await self._find(command.account)
        if view.state is AccountState.CLOSED:
            raise Refused(Refusal.ACCOUNT_CLOSED, f"account {command.account}")
        today = business_day(agent, self._clock())
        meters = await self._ledger.meters(command.account)
        results = judge(agent, meters, command.readings, today)
        taken = [
            reading
            for reading, result in zip(command.readings, results, strict=True)
            if result.refusal is None
        ]
        if taken:
            await self._ledger.record_readings(
                agent.name, command.agent_reading_id, command.account, taken, today
            )
        return ReadingsTaken(results)
