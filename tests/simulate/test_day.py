"""Simulated networks against a server in memory: an honest one, and some that are not."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from server.agents import Agent
from server.messages import Outcome, PaymentState
from server.payments.desk import PaymentDesk
from server.payments.ports import Move, Order, OutcomeUnknown, Posted, Result
from server.protocols import Codec, Request, Response, load
from server.simulate.beliefs import Belief, Difference, Held, compare, compare_list
from server.simulate.day import Day, Plan, simulate
from server.simulate.faults import Fault
from server.transport.answer import Answering
from server.transport.http import ProtocolDoor
from server.transport.limits import Rates
from tests.payments.fakes import FakeAccounts, FakeLedger, view
from tests.protocols.both_sides import DEMO_FILES, Sides, sides

EVERY_FAULT = frozenset(Fault)
LOOPBACK = (ip_network("127.0.0.0/8"),)
PACE = 20_000


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class LosesAfterwards(FakeLedger):
    """Says yes and forgets every third payment."""

    async def post(self, order: Order) -> Posted:
        posted = await super().post(order)
        if len(self.rows) % 3 == 0:
            self.rows.popitem()
        return posted


class CountsRepeats(FakeLedger):
    """Credits a repeat as a payment of its own."""

    async def post(self, order: Order) -> Posted:
        posted = await super().post(order)
        if posted.result is not Result.REPEATED or posted.payment is None:
            return posted
        key = (order.agent, f"{order.agent_payment_id}-again")
        again = replace(posted.payment, payment_id=posted.payment.payment_id + 500_000)
        self.rows[key] = (order, again)
        return replace(posted, payment=again)


class ForgetsCancelling(FakeLedger):
    """Says that it is cancelled and leaves it."""

    async def move(self, move: Move) -> Posted:
        before = dict(self.rows)
        posted = await super().move(move)
        if posted.payment and posted.payment.state is PaymentState.CANCELLED:
            self.rows = before
        return posted


class Stumbles(FakeLedger):
    """Every other payment is written, and the answer lost on the way back from the store."""

    calls = itertools.count()

    async def post(self, order: Order) -> Posted:
        posted = await super().post(order)
        if next(self.calls) % 2:
            raise OutcomeUnknown("the store was lost")
        return posted


@dataclass
class Door:
    """The server, and what it holds."""

    both: Sides
    ledger: FakeLedger
    url: str

    def plan(self, pays: int, faults: frozenset[Fault] = EVERY_FAULT, seed: int = 1) -> Plan:
        return Plan(
            url=self.url,
            agent=self.agent,
            secrets=self.both.agent_secrets,
            accounts=["1004217"],
            pays=pays,
            faults=faults,
            pace=PACE,
            cancelled_share=0.4,
            seed=seed,
        )

    @property
    def agent(self) -> Agent:
        return _admitted(self.both)

    def held(self) -> dict[str, Held]:
        return {
            number: Held(payment.account, payment.amount, payment.state)
            for (_, number), (_, payment) in self.ledger.rows.items()
        }

    def differences(self, day: Day) -> tuple[Difference, ...]:
        shown = compare_list(day.claims, day.listed) if day.has_list else ()
        return (*compare(day.claims, self.held()), *shown)


def _admitted(both: Sides) -> Agent:
    return replace(both.agent, allow_list=LOOPBACK, secrets=(both.server_secrets,))


@asynccontextmanager
async def opened(
    name: str,
    ledger_of: type[FakeLedger] = FakeLedger,
    codec_of: Callable[[Codec], Codec] = lambda codec: codec,
) -> AsyncIterator[Door]:
    both = sides(name)
    accounts = FakeAccounts(view())
    ledger = ledger_of(accounts, now)
    answering = Answering(PaymentDesk(accounts, ledger, now), Rates(lambda: 0.0), _claim, _observe)
    codecs = {**load(), both.codec.name: codec_of(both.codec)}
    agent = _admitted(both)
    door = ProtocolDoor(lambda: {agent.name: agent}, codecs, answering, 60)
    application = web.Application()
    application.add_routes(door.routes())
    async with TestServer(application) as server:
        yield Door(both, ledger, str(server.make_url("/")))


async def _claim(key: str, expires: dt.datetime) -> bool:
    return True


def _observe(agent: Agent, request: Request, outcome: Outcome) -> None:
    """Nobody watches."""


@pytest.mark.parametrize("name", sorted(DEMO_FILES))
async def test_a_network_and_an_honest_server_agree(name: str) -> None:
    async with opened(name) as door:
        day = await simulate(door.plan(12))
        assert door.differences(day) == ()
        believed = {claim.belief for claim in day.claims}
        assert Belief.CREDITED in believed
        assert day.counts["repeats"] > 0


@pytest.mark.parametrize("name", ["osmp", "paynet", "payme", "nonstop24", "sber"])
async def test_they_agree_although_the_store_stumbles(name: str) -> None:
    async with opened(name, Stumbles) as door:
        assert door.differences(await simulate(door.plan(10))) == ()


@pytest.mark.parametrize("fault", list(Fault))
async def test_each_fault_by_itself_changes_nothing(fault: Fault) -> None:
    async with opened("paynet") as door:
        day = await simulate(door.plan(15, frozenset({fault})))
        assert door.differences(day) == ()
        assert sum(claim.belief is Belief.CREDITED for claim in day.claims) > 0


async def test_without_faults_nothing_is_repeated() -> None:
    async with opened("paynet") as door:
        day = await simulate(door.plan(10, frozenset()))
        assert day.counts["repeats"] == day.counts["unanswered"] == 0
        assert len(day.statuses) == sum(claim.is_sent for claim in day.claims)


@pytest.mark.parametrize(
    ("ledger_of", "said"),
    [
        (LosesAfterwards, "recorded nothing"),
        (CountsRepeats, "two numbers"),
        (ForgetsCancelling, "believed cancelled, recorded credited"),
    ],
)
async def test_a_server_that_is_not_honest_is_found_out(
    ledger_of: type[FakeLedger], said: str
) -> None:
    async with opened("osmp-pegas", ledger_of) as door:
        plan = door.plan(30, frozenset({Fault.DUPLICATE, Fault.LOST_REPLY}))
        found = door.differences(await simulate(plan))
        assert any(said in difference.said for difference in found), found


def _answers_yes_to_everything(codec: Codec) -> Codec:
    """The code of success stands for every refusal."""
    refused = codec.codes.values()

    def sign(request: Request, response: Response, secrets: object) -> Response:
        body = response.body
        for code in refused:
            body = body.replace(f"<result>{code.code}</result>".encode(), b"<result>0</result>")
        return replace(response, body=body)

    return replace(codec, sign=sign)


async def test_a_success_that_was_a_refusal_is_found_out() -> None:
    async with opened("osmp", codec_of=_answers_yes_to_everything) as door:
        agent = replace(door.agent, limits=door.agent.limits)
        plan = replace(door.plan(30, frozenset()), agent=agent, accounts=["9999999"])
        found = door.differences(await simulate(plan))
        assert any("believed credited, recorded nothing" in each.said for each in found)


def _breaks_the_schema(codec: Codec) -> Codec:
    def sign(request: Request, response: Response, secrets: object) -> Response:
        return replace(
            response, body=response.body.replace(b"<timeStamp>", b"<at>").replace(
                b"</timeStamp>", b"</at>")
        )  # fmt: skip

    return replace(codec, sign=sign)


async def test_an_answer_that_breaks_the_wsdl_is_found_out_by_zeep() -> None:
    async with opened("paynet", codec_of=_breaks_the_schema) as door:
        found = door.differences(await simulate(door.plan(5, frozenset())))
        assert any("zeep cannot read the answer" in each.said for each in found), found


async def test_the_same_seed_is_the_same_day() -> None:
    async with opened("osmp") as door:
        moment = now()
        first = await simulate(door.plan(10), lambda: moment)
        second = await simulate(door.plan(10), lambda: moment)
        paid = [(each.intent.account, each.intent.paid_at) for each in first.claims]
        assert paid == [(each.intent.account, each.intent.paid_at) for each in second.claims]


@pytest.mark.parametrize("name", ["payme", "osmp-pegas", "easypay"])
async def test_the_same_seed_is_the_same_day_whenever_it_is(name: str) -> None:
    """The networks' numbers follow the clock; who pays late, gives up or cancels does not."""
    async with opened(name) as door:
        days = [await _told(door, dt.timedelta(minutes=minutes)) for minutes in range(3)]
        assert days[0] == days[1] == days[2]
        assert {Belief.CREDITED, Belief.CANCELLED} <= {belief for belief, *_ in days[0]}


async def _told(door: Door, ago: dt.timedelta) -> list[tuple[Belief, str, dt.timedelta]]:
    """What a network believed of its payments, and how late each was, on a day that long ago."""
    moment = now().replace(microsecond=0) - ago
    day = await simulate(door.plan(12), lambda: moment)
    return [(each.belief, each.intent.account, moment - each.intent.paid_at) for each in day.claims]


@pytest.mark.parametrize("name", ["easypay", "erip", "click", "payme"])
async def test_in_two_phases_some_payments_are_given_up(name: str) -> None:
    async with opened(name) as door:
        day = await simulate(door.plan(60, frozenset()))
        given_up = [each for each in day.claims if each.is_sent and not _is_paid(each.belief)]
        assert given_up
        assert door.differences(day) == ()


def _is_paid(belief: Belief) -> bool:
    return belief in (Belief.CREDITED, Belief.CANCELLED)
