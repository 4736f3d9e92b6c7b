"""Payers and people who look, while one thing is away: what they were told, counted."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.faults.background import Background
from tests.faults.networks import NETWORKS, OSMP, Answer, Network, Said, roubles
from tests.faults.proxy import Place
from tests.faults.town import ORDINARY
from tests.faults.wire import Line, NoAnswerError

_PATIENCE_SECONDS = 30.0
"""Every answer comes within this: far above what any call may take, for machines that are busy."""
_KOPECKS = 1234


@dataclass
class Told:
    """What the crowd was told."""

    checks: Counter[str] = field(default_factory=Counter)
    """By what came: debt, refused, later, nothing."""
    payments: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    """How long each answer took."""
    stale: list[str] = field(default_factory=list)
    """Debts shown although their payment had been answered."""
    done: dict[str, bytes] = field(default_factory=dict)
    later: list[tuple[Network, str, str]] = field(default_factory=list)
    """Payments to be repeated: network, id, account."""

    @property
    def share(self) -> float:
        """Of the checks, how many were answered with a debt."""
        return self.checks["debt"] / max(sum(self.checks.values()), 1)

    @property
    def slowest(self) -> float:
        return max(self.seconds, default=0.0)


class Crowd:
    """Every payer has an account of its own, so that each knows what it owes."""

    def __init__(self, place: Place, debts: dict[str, int], name: str) -> None:
        self._place = place
        self._owed = dict(debts)
        self._open: set[str] = set()
        """Accounts with a payment of which nobody knows yet whether it was recorded."""
        self._name = name
        self._stopping = asyncio.Event()
        self.told = Told()

    async def work(self) -> None:
        """Until `stop`."""
        payers = [self._pay_and_look(number) for number in range(len(ORDINARY))]
        await asyncio.gather(*payers, *(self._only_look(number) for number in range(4)))

    async def stop(self) -> None:
        self._stopping.set()

    async def _pay_and_look(self, number: int) -> None:
        dice = random.Random(f"{self._name} {number}")
        network = NETWORKS[number % len(NETWORKS)]
        account = ORDINARY[number]
        line = Line(self._place)
        count = 0
        while not self._stopping.is_set():
            count += 1
            key = f"{self._name}{number:02d}{count:04d}"
            await self._pay(network, line, key, account)
            for _ in range(3):
                await self._look(network, line, account)
            await asyncio.sleep(dice.uniform(0.0, 0.05))
        line.close()

    async def _only_look(self, number: int) -> None:
        dice = random.Random(f"{self._name} looks {number}")
        line = Line(self._place)
        while not self._stopping.is_set():
            account = dice.choice(ORDINARY)
            answer = await self._ask(OSMP, line, OSMP.check(account))
            self.told.checks[_name(answer)] += 1
            await asyncio.sleep(0.01)
        line.close()

    async def _pay(self, network: Network, line: Line, key: str, account: str) -> None:
        request = network.pay(key, account, roubles(_KOPECKS))
        answer = await self._ask(network, line, request)
        self.told.payments[_name(answer)] += 1
        if answer is not None and answer.said is Said.DONE:
            self.told.done[f"{network.agent} {key}"] = answer.body
            self._owed[account] -= _KOPECKS
        else:
            self.told.later.append((network, key, account))
            self._open.add(account)
            await self._until_known(network, line, key, account)

    async def _until_known(self, network: Network, line: Line, key: str, account: str) -> None:
        """The payer goes on looking, as people do, until the payment is told."""
        while not self._stopping.is_set():
            await self._look(network, line, account)
            await asyncio.sleep(0.05)
            answer = await self._ask(network, line, network.pay(key, account, roubles(_KOPECKS)))
            self.told.payments[f"repeat {_name(answer)}"] += 1
            if answer is not None and answer.said is Said.DONE:
                self.told.done[f"{network.agent} {key}"] = answer.body
                self._open.discard(account)
                self._owed[account] -= _KOPECKS
                return

    async def _look(self, network: Network, line: Line, account: str) -> None:
        owed = self._owed[account]
        possible = {owed, owed - _KOPECKS} if account in self._open else {owed}
        answer = await self._ask(network, line, network.check(account))
        self.told.checks[_name(answer)] += 1
        shown = answer.debt if answer else None
        if shown is not None and shown not in possible:
            self.told.stale.append(f"{account}: owed {possible}, shown {shown}")

    async def _ask(self, network: Network, line: Line, request: bytes) -> Answer | None:
        started = time.monotonic()
        try:
            return network.read(await line.ask(request, _PATIENCE_SECONDS))
        except NoAnswerError:
            return None
        finally:
            self.told.seconds.append(time.monotonic() - started)


def _name(answer: Answer | None) -> str:
    if answer is None:
        return "nothing"
    return "debt" if answer.debt is not None else answer.said.value


@contextmanager
def crowd(background: Background, place: Place, debts: dict[str, int], name: str) -> Iterator[Told]:
    """While the block runs."""
    people = Crowd(place, debts, name)
    working: Future[None] = background.begin(people.work())
    try:
        yield people.told
    finally:
        background.run(people.stop())
        working.result(60)
