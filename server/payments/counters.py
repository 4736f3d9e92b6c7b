"""What clerks at counters ask besides paying: who is meant, what for, how the day stands."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

from server.accounts import AccountView, is_account_number
from server.agents import Agent
from server.messages import (
    AccountChecked,
    AccountsFound,
    Address,
    DayShown,
    FindAccounts,
    Outcome,
    PayBatch,
)
from server.offices import CloseDay, GetDay
from server.payments.batches import PayOne, pay_batch
from server.payments.days import business_day
from server.payments.ports import Accounts, Counters, OutcomeUnknown
from server.refusals import Refusal, Refused

Note = Callable[[Agent, Refusal | None, str], None]
"""Tells whoever watches of a refusal at a terminal."""

FOUND_MAX = 10
"""Whoever does not know the flat is not told who lives in the house."""
PAYMENTS_SHOWN_MAX = 1000
SEARCHES_SETTING = "address_searches_per_minute"
SEARCHES_PER_MINUTE = "30"
_UNIFIED_ACCOUNT = re.compile(r"[0-9]{2}[A-Za-zА-Яа-яЁё]{2}[0-9]{6}")
_STREET_CHARACTERS_MIN = 2


def is_unified_account(text: str) -> bool:
    """Whether the text has the form of a unified account number of ГИС ЖКХ."""
    return _UNIFIED_ACCOUNT.fullmatch(text) is not None


class CounterDesk:
    """The desk's part for counters. `pay` pays once and remembers what is refused for good."""

    def __init__(
        self,
        accounts: Accounts,
        counters: Counters | None,
        clock: Callable[[], dt.datetime],
        pay: PayOne,
        note: Note,
    ) -> None:
        self._accounts = accounts
        self._counters = counters
        self._clock = clock
        self._pay = pay
        self._note = note

    async def handle(
        self, agent: Agent, command: FindAccounts | PayBatch | CloseDay | GetDay
    ) -> Outcome:
        """Raises Refused."""
        counters = self._counters
        if counters is None:
            raise Refused(Refusal.UNKNOWN_OPERATION, "there are no counters here")
        match command:
            case FindAccounts():
                return await self._find(counters, agent, command)
            case PayBatch():
                return await pay_batch(counters, self._pay, agent, command)
            case CloseDay():
                return await _close_day(counters, agent, command, self._clock())
            case GetDay():
                return await _show_day(counters, agent, command)

    async def checked(self, view: AccountView) -> AccountChecked:
        """By period where that can be told, else as a check shows it."""
        if self._counters is None:
            return AccountChecked(view)
        try:
            debts = await self._counters.debts(view.account)
        except OutcomeUnknown:
            return AccountChecked(view)
        return AccountChecked(view) if debts is None else AccountChecked(debts.view, debts.owed)

    async def _find(self, counters: Counters, agent: Agent, command: FindAccounts) -> Outcome:
        """At least one account, or that there are too many."""
        if command.address is not None:
            numbers = await _at_address(counters, agent, command.address)
        elif command.unified_account:
            numbers = await _unified(counters, command.unified_account)
        elif is_account_number(command.account):
            numbers = (command.account,)
        else:
            raise Refused(Refusal.ACCOUNT_MALFORMED, "account number", "account")
        if len(numbers) > FOUND_MAX:
            return AccountsFound((), more=True)
        views = [await self._accounts.find(number) for number in numbers]
        found = tuple(view for view in views if view is not None)
        if not found:
            self._note(agent, Refusal.ACCOUNT_NOT_FOUND, command.terminal)
            raise Refused(Refusal.ACCOUNT_NOT_FOUND, "nothing fits", "account")
        return AccountsFound(found)


async def _unified(counters: Counters, number: str) -> tuple[str, ...]:
    if not is_unified_account(number):
        raise Refused(Refusal.ACCOUNT_MALFORMED, "unified account", "unified_account")
    return await counters.by_unified_account(number)


async def _at_address(counters: Counters, agent: Agent, address: Address) -> tuple[str, ...]:
    if len(address.street) < _STREET_CHARACTERS_MIN or not address.building:
        raise Refused(Refusal.MALFORMED, "an address without street or building", "address")
    per_minute_max = int(agent.setting(SEARCHES_SETTING, SEARCHES_PER_MINUTE))
    if not per_minute_max:
        raise Refused(Refusal.NOT_PERMITTED, "the agent may not search by address", "address")
    if not await counters.admit_search(agent.name, per_minute_max):
        raise Refused(Refusal.TRY_LATER, "too many searches a minute")
    return await counters.by_address(address, FOUND_MAX)


async def _close_day(
    counters: Counters, agent: Agent, closing: CloseDay, now: dt.datetime
) -> Outcome:
    if closing.day > business_day(agent, now):
        raise Refused(Refusal.DATE_MALFORMED, f"{closing.day} has not begun", "day")
    offices = [each.office for each in closing.offices]
    if len(set(offices)) < len(offices):
        raise Refused(Refusal.MALFORMED, "one office twice", "office")
    return await counters.close_day(agent.name, closing)


async def _show_day(counters: Counters, agent: Agent, command: GetDay) -> Outcome:
    """A day that nothing has happened on is an empty one."""
    day = await counters.day(
        agent.name, command.day, command.office, command.after, PAYMENTS_SHOWN_MAX
    )
    return DayShown(command.day, day.closed_at, day.offices, day.payments, day.more)
