"""Posting and reversing so that the next check sees it, as after every other payment."""

from __future__ import annotations

import datetime as dt

from server.payments.ports import Accounts, Ledger, Move, Order, Posted


class PublishedLedger:
    """Implements server.reconciliation.resolution.Ledger."""

    def __init__(self, ledger: Ledger, accounts: Accounts) -> None:
        self._ledger = ledger
        self._accounts = accounts

    async def post(self, order: Order) -> Posted:
        """Record and credit once, then show it to every worker."""
        return await self._published(await self._ledger.post(order))

    async def move(self, move: Move) -> Posted:
        """Lead a payment along the transition table, then show it to every worker."""
        return await self._published(await self._ledger.move(move))

    async def _published(self, posted: Posted) -> Posted:
        if posted.lane is not None:
            await self._accounts.publish((posted.lane,))
        return posted

    async def next_open_day(self, agent: str, day: dt.date) -> dt.date:
        """The first day at or after `day` that is not closed for the agent."""
        return await self._ledger.next_open_day(agent, day)
