"""Agents as their networks behave: whatever happens, the same id again until it is final."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence

from tests.faults.history import Claim, History, Look, Try, now
from tests.faults.networks import NETWORKS, PAYNET, Network, Said, roubles
from tests.faults.proxy import Place
from tests.faults.town import CLOSED, ORDINARY, SUSPENDED, UNKNOWN
from tests.faults.wire import Line, NoAnswerError

_PATIENCE_SECONDS = 2.5
_FIRST_PAUSE_SECONDS = 0.04
_PAUSE_MAX_SECONDS = 1.0
_PAUSE_GROWS = 1.6
_REFUSED_SUMS = ("0.50", "20000.00")
_FINAL = (Said.DONE, Said.CANCELLED, Said.REFUSED)


class Day:
    """What the agents of one run share."""

    def __init__(self, history: History, places: Sequence[Place], seed: int) -> None:
        self.history = history
        self.places = places
        self.seed = seed
        self.is_over = False
        self.give_up = float("inf")
        """When even who is still waiting stops."""
        self._ids = itertools.count(1)

    def new_id(self) -> str:
        """A number that no other run has."""
        return f"{self.seed + 1}{next(self._ids):06d}"


class Payer:
    """One terminal: a few lines to the server, one payer after the other."""

    def __init__(self, day: Day, number: int) -> None:
        self._day = day
        self._dice = random.Random(f"payer {day.seed} {number}")
        self._network: Network = NETWORKS[number % len(NETWORKS)]
        self._lines = [[Line(place), Line(place)] for place in day.places]
        self._usual = (number // len(NETWORKS)) % len(day.places)
        self._accounts = ORDINARY[self._usual :: len(day.places)]
        """Those that are paid here; at other servers others."""
        self._habits: tuple[tuple[float, Callable[[], Awaitable[None]]], ...] = (
            (0.82, self._pay),
            (0.10, self._pay_in_vain),
            (0.08, self._pay_two_in_any_order),
        )

    async def work(self) -> None:
        """Until the day is over, and then until everything that was begun is settled."""
        weights, habits = zip(*self._habits, strict=True)
        while not self._day.is_over:
            (habit,) = self._dice.choices(habits, weights)
            await habit()
            await asyncio.sleep(self._dice.uniform(0.01, 0.06))
        for line in itertools.chain(*self._lines):
            line.close()

    async def _pay(self) -> None:
        dice = self._dice
        claim = self._claim(dice.choice(self._accounts))
        if dice.random() < 0.3:
            await self._look(claim.account)
        await self._settle(claim)
        if dice.random() < 0.7:
            await self._look(claim.account)
        if claim.is_credited and dice.random() < 0.3:
            await self._after(claim)

    async def _after(self, claim: Claim) -> None:
        dice = self._dice
        if self._network.cancel is not None and dice.random() < 0.5:
            await self._cancel(claim)
            await self._look(claim.account)
        if dice.random() < 0.4:
            await self._conflict(claim)
        await self._send(claim.tries, pay_request(self._network, claim))
        await self._look(claim.account)

    async def _pay_in_vain(self) -> None:
        """What must be refused for good."""
        account = self._dice.choice((CLOSED, SUSPENDED, UNKNOWN, *ORDINARY))
        amount = roubles(self._dice.randrange(100, 15_000))
        if account in ORDINARY:
            amount = self._dice.choice(_REFUSED_SUMS)
            if self._network is not PAYNET and self._dice.random() < 0.4:
                amount = self._dice.choice(("10.005", "10,5", "1e3", "0", "-5.00"))
        claim = Claim(self._network.agent, self._day.new_id(), account, 0, is_payable=False)
        self._day.history.claims.append(claim)
        await self._settle(claim, self._network.pay(claim.key, account, amount))

    async def _pay_two_in_any_order(self) -> None:
        """Two payments to one account, sent at once."""
        account = self._dice.choice(self._accounts)
        await asyncio.gather(*(self._settle(self._claim(account), alone=True) for _ in range(2)))
        await self._look(account)

    def _claim(self, account: str) -> Claim:
        kopecks = self._dice.randrange(100, 15_000)
        claim = Claim(self._network.agent, self._day.new_id(), account, kopecks)
        self._day.history.claims.append(claim)
        return claim

    async def _settle(self, claim: Claim, request: bytes = b"", *, alone: bool = False) -> None:
        """Repeat with growing pauses; now and then the reply is lost, or two are on their way."""
        request = request or pay_request(self._network, claim)
        await self._persist(
            lambda: claim.is_settled, lambda: self._attempt(claim.tries, request, alone)
        )

    async def _cancel(self, claim: Claim) -> None:
        assert self._network.cancel is not None
        request = self._network.cancel(claim.key)
        await self._persist(
            lambda: claim.is_cancelled, lambda: self._attempt(claim.cancels, request, False)
        )

    async def _persist(
        self, is_done: Callable[[], bool], attempt: Callable[[], Awaitable[None]]
    ) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not is_done() and now() < self._day.give_up:
            await attempt()
            if not is_done():
                await asyncio.sleep(pause * self._dice.uniform(0.5, 1.5))
                pause = min(pause * _PAUSE_GROWS, _PAUSE_MAX_SECONDS)

    async def _attempt(self, tries: list[Try], request: bytes, alone: bool) -> None:
        chance = self._dice.random()
        if chance < 0.06:
            await self._drop(tries, request)
        elif chance < 0.14 and not alone:
            await asyncio.gather(
                self._send(tries, request), self._send(tries, request, self._any_line(1))
            )
        elif alone:
            line = Line(self._any_line().place)
            await self._send(tries, request, line)
            line.close()
        else:
            await self._send(tries, request, self._usual_line(len(tries)))

    def _any_line(self, which: int = 0) -> Line:
        return self._dice.choice(self._lines)[which]

    def _usual_line(self, tried: int) -> Line:
        """Most go to one server: what another one holds then depends on what it hears of this."""
        if tried or self._dice.random() < 0.1:
            return self._any_line()
        return self._lines[self._usual][0]

    async def _send(self, tries: list[Try], request: bytes, line: Line | None = None) -> Try:
        line = line or self._any_line()
        asked = Try(self._day.places.index(line.place), now())
        tries.append(asked)
        await ask(self._network, line, request, asked)
        return asked

    async def _drop(self, tries: list[Try], request: bytes) -> None:
        place = self._any_line().place
        asked = Try(self._day.places.index(place), now(), is_dropped=True)
        tries.append(asked)
        await Line(place).tell(request, _PATIENCE_SECONDS)
        asked.ended = now()

    async def _conflict(self, claim: Claim) -> None:
        """The same id for another sum, or for another account."""
        other = ORDINARY[(ORDINARY.index(claim.account) + 1) % len(ORDINARY)]
        pay = self._network.pay
        if self._dice.random() < 0.5:
            request = pay(claim.key, claim.account, roubles(claim.kopecks + 1))
        else:
            request = pay(claim.key, other, roubles(claim.kopecks))
        await self._send(claim.conflicts, request)

    async def _look(self, account: str) -> None:
        look = Look(self._network.agent, account, Try(0, 0))
        tries: list[Try] = []
        look.asked = await self._send(tries, self._network.check(account))
        self._day.history.looks.append(look)


def pay_request(network: Network, claim: Claim) -> bytes:
    """The claim as its agent sends it, now and in every repeat."""
    return network.pay(claim.key, claim.account, roubles(claim.kopecks))


async def ask(network: Network, line: Line, request: bytes, asked: Try) -> None:
    try:
        reply = await line.ask(request, _PATIENCE_SECONDS)
        asked.ended = now()
        asked.answer = network.read(reply)
    except NoAnswerError:
        asked.ended = now()


class Looker:
    """Checks one account after the other, all day."""

    def __init__(self, day: Day, number: int) -> None:
        self._day = day
        self._dice = random.Random(f"looker {day.seed} {number}")
        self._network = NETWORKS[number % len(NETWORKS)]
        self._lines = [Line(place) for place in day.places]

    async def work(self) -> None:
        """Until the day is over."""
        while not self._day.is_over:
            host = self._dice.randrange(len(self._lines))
            account = self._dice.choice(ORDINARY)
            look = Look(self._network.agent, account, Try(host, now()))
            request = self._network.check(account)
            await ask(self._network, self._lines[host], request, look.asked)
            self._day.history.looks.append(look)
            await asyncio.sleep(self._dice.uniform(0.004, 0.02))
        for line in self._lines:
            line.close()
