"""A ledger and a lookup that stop at every call; whoever goes on with them says what fails."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Sequence
from enum import Enum

from server.accounts import AccountView
from server.payments.ports import Move, Order, OutcomeUnknown, PaidLane, Posted
from server.refusals import Refusal
from tests.payments.fakes import FakeAccounts, FakeLedger


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
