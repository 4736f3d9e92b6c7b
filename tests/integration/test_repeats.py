"""One payment, said sixteen times at once over HTTP, in every protocol: it is credited once.

And the same number for another sum or account is refused, and leaves the first as it was.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
import asyncpg
import pytest

from server.agents import Agent
from server.cli.context import find_servers
from server.cli.simulate import recorded_agent
from server.demo.agents import demo_agents
from server.messages import Payment, PaymentState
from server.money import Money
from server.protocols import Operation, Response, Secrets, load
from server.protocols.agents_side import Decision, Intent, Network, Verdict, networks
from server.protocols.facts import Proof
from server.simulate.wire import Wire
from server.storage.accounts import account_view
from server.storage.connection import Connection
from server.storage.records import RECORDED, posted
from tests.integration.demo import Demo

AGENTS = sorted(agent.name for agent in demo_agents() if agent.protocol)
TIMES = 16
ACCOUNT, OTHER_ACCOUNT = "1000040", "1000041"
AMOUNT = Money(12_34)
_numbers = itertools.count(int(dt.datetime.now(dt.UTC).timestamp()) * 100)

REPEATED = {
    **dict.fromkeys(("osmp", "kaspi", "usmp", "cyberplat", "gorod", "city24", "easypay"), "0"),
    "sber": "8",
    "osmp-sber2": "8",
    "paynet": "201",
    "paynet_json": "201",
    "post": "OK",
    "post-signed": "OK",
    "ckassa": "1",
    "rncb": "10",
    "elecsnet": "01",
    "nonstop24": "-100",
    "debtxml": "7",
    "click": "-4",
}
"""The code that a repeat of a success must have, where the protocol has codes and says so."""


@dataclass(frozen=True)
class Said:
    """One answer, as bytes and as its network reads it."""

    response: Response
    verdict: Verdict


@dataclass(frozen=True)
class Till:
    """An agent's network with a line to the server, and an eye on the ledger."""

    network: Network
    agent: Agent
    secrets: Secrets
    wire: Wire
    connection: Connection

    @property
    def first(self) -> Operation:
        """What begins a payment."""
        return Operation.PAY if Operation.PAY in self.network.asks else Operation.HOLD

    def intent(self) -> Intent:
        now = dt.datetime.now(dt.UTC)
        return Intent(
            agent_payment_id=self.network.payment_id(next(_numbers)),
            account=ACCOUNT,
            amount=AMOUNT,
            paid_at=now.replace(microsecond=0),
            sent_at=now,
            nonce="5f0c9e7a41d2b386",
        )

    async def ask(self, operation: Operation, intent: Intent) -> Said:
        """Equal requests are equal bytes, but where a message may be sent only once."""
        if Proof.USERNAME_TOKEN in self._proofs():
            intent = replace(intent, nonce=f"{next(_numbers):016x}")
        ask = self.network.asks[operation]
        exchange = self.wire.written(ask(intent, self.agent, self.secrets))
        response = await self.wire.send(exchange, 60)
        assert response is not None
        assert self.wire.fault(exchange, response) == ""
        read = self.network.read
        return Said(response, read(operation, exchange, response, self.agent, self.secrets))

    def _proofs(self) -> tuple[Proof, ...]:
        facts = load()[self.agent.protocol].facts
        return facts.proofs if facts else ()

    async def at_once(self, operation: Operation, intent: Intent) -> list[Said]:
        """Sixteen times; what was not told to come later."""
        told = await asyncio.gather(*(self.ask(operation, intent) for _ in range(TIMES)))
        return [each for each in told if each.verdict.decision is not Decision.REPEAT]

    async def recorded(self, intent: Intent) -> Payment | None:
        row = await self.connection.fetchrow(RECORDED, self.agent.name, intent.agent_payment_id)
        return posted(row).payment if row else None

    async def paid(self) -> tuple[int, ...]:
        """What the two accounts have been paid, in kopecks."""
        views = [await account_view(self.connection, each) for each in (ACCOUNT, OTHER_ACCOUNT)]
        return tuple(view.paid.kopecks for view in views if view is not None)


@asynccontextmanager
async def opened(demo: Demo, name: str) -> AsyncIterator[Till]:
    settings = find_servers(demo.directory)
    agent, secrets = await asyncio.to_thread(recorded_agent, name, settings, demo.directory)
    connection = await asyncpg.connect(settings.dsn)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        wire = Wire(session, demo.url, agent, secrets)
        if "wsdl" in load()[agent.protocol].documents:
            await wire.describe()
        yield Till(networks()[agent.protocol], agent, secrets, wire, connection)
    await connection.close()


def require_one_payment(said: list[Said], operation: Operation, name: str) -> None:
    """One first answer at most; all others are the same bytes, with the code of a repeat."""
    assert said
    assert all(is_success(each.verdict) for each in said), said
    bodies = Counter(each.response.body for each in said)
    assert len(bodies) <= 2, bodies
    assert len(bodies) == 1 or min(bodies.values()) == 1, bodies
    assert len({each.verdict.payment_id for each in said} - {""}) <= 1
    code = REPEATED.get(name, "")
    if code and operation is not Operation.HOLD:
        assert Counter(each.verdict.code for each in said)[code] >= len(said) - 1


def is_success(verdict: Verdict) -> bool:
    """24 NonStop asks for the status when it hears of a repeat."""
    return verdict.decision in (Decision.ACCEPTED, Decision.ASK_STATUS)


def numbered(said: list[Said], intent: Intent) -> Intent:
    """The payment under the number that the server gave it."""
    numbers = [each.verdict.payment_id for each in said if each.verdict.payment_id]
    return replace(intent, payment_id=numbers[0]) if numbers else intent


@pytest.mark.parametrize("name", AGENTS)
async def test_sixteen_repeats_at_once_are_one_payment(demo: Demo, name: str) -> None:
    async with opened(demo, name) as till:
        before, intent = await till.paid(), till.intent()
        said = await till.at_once(till.first, intent)
        require_one_payment(said, till.first, name)
        intent = numbered(said, intent)
        if till.first is Operation.HOLD:
            assert await till.paid() == before
            said = await till.at_once(Operation.CONFIRM, intent)
            require_one_payment(said, Operation.CONFIRM, name)
        assert await till.paid() == (before[0] + AMOUNT.kopecks, before[1])
        payment = await till.recorded(intent)
        assert payment is not None
        assert payment.state is PaymentState.CREDITED
        assert {each.verdict.payment_id for each in said} <= {"", str(payment.payment_id)}


@pytest.mark.parametrize("name", AGENTS)
async def test_a_repeat_of_a_success_is_the_same_bytes_for_ever(demo: Demo, name: str) -> None:
    async with opened(demo, name) as till:
        intent = till.intent()
        first = await till.ask(till.first, intent)
        intent = numbered([first], intent)
        last = Operation.PAY
        if till.first is Operation.HOLD:
            last = Operation.CONFIRM
            assert (await till.ask(till.first, intent)).response == first.response
            first = await till.ask(Operation.CONFIRM, intent)
        repeats = [await till.ask(last, intent) for _ in range(3)]
        assert all(is_success(each.verdict) for each in (first, *repeats))
        assert len({each.response.body for each in repeats}) == 1
        assert {each.verdict.code for each in repeats} == {REPEATED.get(name, first.verdict.code)}


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("what", ["sum", "account"])
async def test_the_same_number_for_something_else_is_refused(
    demo: Demo, name: str, what: str
) -> None:
    async with opened(demo, name) as till:
        intent = till.intent()
        intent = numbered([await till.ask(till.first, intent)], intent)
        if till.first is Operation.HOLD:
            await till.ask(Operation.CONFIRM, intent)
        before, payment = await till.paid(), await till.recorded(intent)
        other = replace(intent, amount=AMOUNT + Money(1))
        if what == "account":
            other = replace(intent, account=OTHER_ACCOUNT)
        for each in await till.at_once(till.first, other):
            assert each.verdict.decision is Decision.REFUSED
            assert each.verdict.code != REPEATED.get(name)
        assert await till.paid() == before
        assert await till.recorded(intent) == payment
        last = Operation.PAY if till.first is Operation.PAY else Operation.CONFIRM
        assert is_success((await till.ask(last, intent)).verdict)


@pytest.mark.parametrize("name", AGENTS)
async def test_of_two_payments_at_once_under_one_number_one_is_refused(
    demo: Demo, name: str
) -> None:
    """Neither may be first by being asked about first: both arrive together, eight times each."""
    async with opened(demo, name) as till:
        before, one = await till.paid(), till.intent()
        other = replace(one, account=OTHER_ACCOUNT)
        both = [one, other] * (TIMES // 2)
        said = await asyncio.gather(*(till.ask(till.first, each) for each in both))
        won = {
            each.account
            for each, answer in zip(both, said, strict=True)
            if is_success(answer.verdict)
        }
        payment = await till.recorded(one)
        assert payment is not None
        assert won == {payment.account}
        credited = AMOUNT.kopecks if till.first is Operation.PAY else 0
        assert sum(await till.paid()) == sum(before) + credited


def test_every_code_of_the_table_is_an_agents() -> None:
    assert REPEATED.keys() <= set(AGENTS)
