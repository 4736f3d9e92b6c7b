"""PaymentDesk: what each command means. It knows neither bytes nor SQL nor Redis.

Rules it keeps: an earlier payment under the same id is looked for before the account's state or
the limits matter; every success answer is published first; what cannot be told is TRY_LATER. A
payment that was held is credited when it is confirmed in time, whatever became of the account or
the limits meanwhile: the money was promised.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from server.accounts import AccountState, AccountView, is_account_number, masked
from server.agents import Agent
from server.messages import (
    AccountChecked,
    Cancel,
    ChangeSecret,
    CheckAccount,
    Command,
    Confirm,
    FindAccounts,
    GetStatement,
    GetStatus,
    Hold,
    Outcome,
    Pay,
    PayBatch,
    PaymentAccepted,
    PaymentCancelled,
    PaymentHeld,
    PaymentStatus,
    ReadingResult,
    ReadingsTaken,
    RefusedOutcome,
    SecretChanged,
    Statement,
    SubmitReadings,
)
from server.offices import CloseDay, GetDay
from server.payments.counters import CounterDesk
from server.payments.days import USUAL_BOUNDS, ClockBounds, business_day, payment_day
from server.payments.limits import is_limited, require_within_amount, require_within_limits
from server.payments.numbers import require_payment_id
from server.payments.ports import (
    Accounts,
    Action,
    Counters,
    Ledger,
    Order,
    OutcomeUnknown,
    Posted,
    Result,
    Watch,
    fingerprint,
)
from server.payments.readings import judge
from server.payments.recorded import DAY_ATTEMPTS, RecordedPayments
from server.payments.states import after
from server.refusals import Refusal, Refused

_REFUSALS = {
    Result.CONFLICT: Refusal.PAYMENT_CONFLICT,
    Result.NOT_FOUND: Refusal.ACCOUNT_NOT_FOUND,
    Result.CLOSED: Refusal.ACCOUNT_CLOSED,
    Result.SUSPENDED: Refusal.PAYMENTS_SUSPENDED,
    Result.BUSY: Refusal.TRY_LATER,
    Result.DAY_CLOSED: Refusal.TRY_LATER,
    Result.PAYMENT_CANCELLED: Refusal.PAYMENT_CANCELLED,
    Result.OVER_ACCOUNT_DAY: Refusal.AMOUNT_TOO_LARGE,
    Result.OVER_HOUR: Refusal.TRY_LATER,
    Result.FORBIDDEN: Refusal.REVERSAL_FORBIDDEN,
}
_UNPAYABLE = (Result.NOT_FOUND, Result.CLOSED, Result.SUSPENDED, Result.OVER_ACCOUNT_DAY)
_STATES = {
    AccountState.CLOSED: Refusal.ACCOUNT_CLOSED,
    AccountState.SUSPENDED: Refusal.PAYMENTS_SUSPENDED,
}


class PaymentDesk:
    """Handles every command of every agent. `clock` returns aware UTC times."""

    def __init__(
        self,
        accounts: Accounts,
        ledger: Ledger,
        clock: Callable[[], dt.datetime],
        *,
        clock_bounds: ClockBounds = USUAL_BOUNDS,
        watch: Watch | None = None,
        counters: Counters | None = None,
    ) -> None:
        self._accounts = accounts
        self._ledger = ledger
        self._clock = clock
        self._clock_bounds = clock_bounds
        self._watch = watch
        self._recorded = RecordedPayments(ledger, clock)
        self._counters = CounterDesk(accounts, counters, clock, self._pay_for_good, self._note)

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
            case Pay() | Hold():
                return await self._pay(agent, command)
            case Confirm():
                return await self._settle(await self._recorded.confirm(agent, command))
            case Cancel():
                return await self._cancel(agent, command)
            case GetStatus():
                return await self._status(agent, command)
            case GetStatement():
                return await self._statement(agent, command)
            case SubmitReadings():
                return await self._submit_readings(agent, command)
            case ChangeSecret():
                await self._ledger.change_secret(agent.name, command.name, command.value)
                return SecretChanged()
            case FindAccounts() | PayBatch() | CloseDay() | GetDay():
                return await self._counters.handle(agent, command)

    async def _check(self, agent: Agent, command: CheckAccount) -> Outcome:
        try:
            view = await self._find(command.account)
        except Refused as refused:
            self._note(agent, refused.refusal, command.terminal)
            raise
        if view.state in _STATES:
            raise Refused(_STATES[view.state], f"account {masked(command.account)}")
        if command.amount:
            require_within_limits(agent.limits, command.amount)
        return await self._counters.checked(view) if command.by_period else AccountChecked(view)

    async def _find(self, account: str) -> AccountView:
        if not is_account_number(account):
            raise Refused(Refusal.ACCOUNT_MALFORMED, "account number", "account")
        view = await self._accounts.find(account)
        if view is None:
            raise Refused(Refusal.ACCOUNT_NOT_FOUND, f"account {masked(account)}", "account")
        return view

    async def _pay_for_good(self, agent: Agent, command: Pay) -> Outcome:
        return await self._pay(agent, command, remembers=True)

    async def _pay(
        self, agent: Agent, command: Pay | Hold, *, remembers: bool | None = None
    ) -> Outcome:
        """`remembers`: whether what is refused stays refused; None = as the agent has it set."""
        require_payment_id(command.agent_payment_id)
        remembers = _remembers(agent) if remembers is None else remembers
        try:
            if agent.paused:
                raise Refused(Refusal.TRY_LATER, "the agent is paused")
            if not is_account_number(command.account):
                raise Refused(Refusal.ACCOUNT_MALFORMED, "account number", "account")
            require_within_limits(agent.limits, command.amount)
            require_within_amount(command.breakdown, command.amount)
        except Refused as refused:
            posted = await self._recorded_or_refuse(agent, command, refused, remembers)
        else:
            posted = await self._post(agent, await self._order(agent, command))
            self._note(agent, _REFUSALS.get(posted.result), command.terminal)
            if posted.result in _UNPAYABLE and remembers:
                posted = await self._remember(agent, command, _REFUSALS[posted.result])
        if isinstance(command, Pay):
            return await self._settle(posted)
        if posted.result is Result.REPEATED:
            posted = _again(await self._recorded.unless_overdue(agent, posted), Action.HOLD)
        return await self._settle(posted, PaymentHeld)

    def _note(self, agent: Agent, refusal: Refusal | None, terminal: str) -> None:
        if refusal is Refusal.ACCOUNT_NOT_FOUND and self._watch is not None:
            self._watch.unknown_account(agent.name, terminal)

    async def _recorded_or_refuse(
        self, agent: Agent, command: Pay | Hold, refused: Refused, remembers: bool
    ) -> Posted:
        """A payment recorded under older limits or before a pause is still answered as recorded."""
        posted = await self._ledger.recorded(agent.name, command.agent_payment_id)
        if posted is not None:
            return _compared(posted, command)
        if refused.refusal.final and remembers and "\0" not in command.account:
            return await self._remember(agent, command, refused.refusal)
        raise refused

    async def _remember(self, agent: Agent, command: Pay | Hold, refusal: Refusal) -> Posted:
        """Setting `remember_refusals`: what was refused stays refused, in the same words."""
        posted = await self._ledger.remember(
            agent.name, command.agent_payment_id, _content(command), refusal
        )
        return _compared(posted, command)

    async def _order(self, agent: Agent, command: Pay | Hold) -> Order:
        now = self._clock()
        paid_at = command.paid_at or now.replace(microsecond=0)
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
            business_day=payment_day(agent, paid_at, now, self._clock_bounds),
            parts=command.breakdown,
            readings=command.readings,
            reading_results=results,
            read_on=today,
            terminal=command.terminal if command.terminal.isprintable() else "",
            valid_seconds=command.valid_seconds if isinstance(command, Hold) else None,
            limited=is_limited(agent.limits),
        )

    async def _post(self, agent: Agent, order: Order) -> Posted:
        """Post on the order's day or, when that is closed meanwhile, on the next open one."""
        for _ in range(DAY_ATTEMPTS):
            posted = await self._ledger.post(order)
            if posted.result is not Result.DAY_CLOSED:
                break
            day = await self._ledger.next_open_day(agent.name, order.business_day)
            order = replace(order, business_day=day)
        return posted

    async def _settle(
        self, posted: Posted, answer: type[PaymentAccepted | PaymentHeld] = PaymentAccepted
    ) -> Outcome:
        payment = posted.payment
        if posted.refusal is not None:
            return RefusedOutcome(posted.refusal)
        if posted.result in _REFUSALS:
            return RefusedOutcome(_REFUSALS[posted.result], payment)
        assert payment is not None
        await self._publish(posted)
        return answer(payment, repeated=posted.result is Result.REPEATED)

    async def _publish(self, posted: Posted) -> None:
        if posted.lane is not None:
            await self._accounts.publish((posted.lane,))

    async def _cancel(self, agent: Agent, command: Cancel) -> Outcome:
        posted = await self._recorded.cancel(agent, command)
        if posted.result in (Result.FORBIDDEN, Result.CONFLICT):
            return RefusedOutcome(_REFUSALS[posted.result], posted.payment)
        assert posted.payment is not None
        await self._publish(posted)
        return PaymentCancelled(posted.payment, repeated=posted.result is Result.REPEATED)

    async def _status(self, agent: Agent, command: GetStatus) -> Outcome:
        posted = await self._recorded.status(agent, command)
        if posted.result in (Result.FORBIDDEN, Result.CONFLICT):
            return RefusedOutcome(_REFUSALS[posted.result], posted.payment)
        assert posted.payment is not None
        await self._publish(posted)
        return PaymentStatus(posted.payment)

    async def _statement(self, agent: Agent, command: GetStatement) -> Outcome:
        payments = await self._ledger.statement(
            agent.name, command.since, command.until, every_state=command.every_state
        )
        return Statement(payments)

    async def _submit_readings(self, agent: Agent, command: SubmitReadings) -> Outcome:
        view = await self._find(command.account)
        if view.state is AccountState.CLOSED:
            raise Refused(Refusal.ACCOUNT_CLOSED, f"account {masked(command.account)}")
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


def _remembers(agent: Agent) -> bool:
    return agent.setting("remember_refusals", "no") == "yes"


def _content(command: Pay | Hold) -> str:
    return fingerprint(command.account, command.amount, command.breakdown)


def _compared(posted: Posted, command: Pay | Hold) -> Posted:
    """What stands under the command's id, as the answer to it."""
    if posted.fingerprint != _content(command):
        return Posted(Result.CONFLICT, posted.payment)
    return _again(posted, Action.PAY if isinstance(command, Pay) else Action.HOLD)


def _again(posted: Posted, action: Action) -> Posted:
    """A recorded payment under a repeated order, by the transition table."""
    if posted.payment is None:
        return posted
    cell = after(posted.payment.state, action)
    assert isinstance(cell, Result), "an order never moves a payment that is recorded"
    return replace(posted, result=cell)
