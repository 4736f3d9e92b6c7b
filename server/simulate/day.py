"""A day of a network: so many payments through so many terminals, and what it believes then."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import aiohttp

from server.agents import Agent
from server.protocols import Operation, load
from server.protocols.agents_side import Decision, Intent, Listed, Network, Period, networks
from server.simulate.beliefs import Claim
from server.simulate.faults import Dice, Fault
from server.simulate.terminal import Terminal, within
from server.simulate.wire import Wire

_WSDL = "wsdl"
_OFF = "off"
_LIST_ATTEMPTS = 5
_LIST_PAUSE_SECONDS = 0.5
_MISTYPED_SHARE = 0.05
_KOPECKS_MIN, _KOPECKS_MAX = 10_00, 3_000_00
_EPOCH = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_PAYMENTS_A_SECOND = 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be simulated. `secrets` are those of the agent's own side."""

    url: str
    agent: Agent
    secrets: Mapping[str, str]
    accounts: Sequence[str]
    pays: int = 20
    faults: frozenset[Fault] = frozenset()
    terminals: int = 8
    pace: float = 600.0
    """How many times shorter pauses and lifetimes are than the network's own."""
    cancelled_share: float = 0.15
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Day:
    """How it went, and what the protocol itself tells afterwards, if it can.

    `listed`: its list of payments, None = there was none to read. `statuses`: whether a payment is
    credited, by the network's number.
    """

    claims: tuple[Claim, ...]
    counts: Counter[str]
    has_list: bool
    listed: tuple[Listed, ...] | None
    statuses: Mapping[str, bool]

    @property
    def has_told(self) -> bool:
        """Whether the protocol has told anything by itself."""
        return self.has_list or bool(self.statuses)


def _clock() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


async def simulate(plan: Plan, clock: Callable[[], dt.datetime] = _clock) -> Day:
    """Raises aiohttp.ClientError when a SOAP service's description cannot be read."""
    network = networks()[plan.agent.protocol]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        wire = Wire(session, plan.url, plan.agent, plan.secrets)
        if _WSDL in load()[plan.agent.protocol].documents:
            await wire.describe()
        claims = _claims(plan, network, clock())
        waiting = list(reversed(claims))

        async def work() -> None:
            while waiting:
                claim = waiting.pop()
                terminal = _terminal(plan, network, wire, claim, clock)
                paid_at = (terminal.now() - terminal.payer.delay()).replace(microsecond=0)
                claim.intent = replace(claim.intent, paid_at=paid_at)
                await terminal.pay(claim)

        await asyncio.gather(*(work() for _ in range(plan.terminals)))
        await wire.quiet()
        has_list = network.statements is not None and _is_on(plan.agent, Operation.STATEMENT)
        return Day(
            claims=tuple(claims),
            counts=wire.counts,
            has_list=has_list,
            listed=await _list(plan, network, wire, claims, clock()) if has_list else None,
            statuses=await _statuses(plan, network, wire, claims, clock()),
        )


def _is_on(agent: Agent, operation: Operation) -> bool:
    """What an agent may lack has a setting of the operation's name."""
    settings = {setting.name: setting for setting in load()[agent.protocol].settings}
    switch = settings.get(operation.value)
    return switch is None or switch.of(agent) != _OFF


async def _statuses(
    plan: Plan, network: Network, wire: Wire, claims: Sequence[Claim], now: dt.datetime
) -> dict[str, bool]:
    """Of what was sent, where the protocol can be asked about one payment."""
    if Operation.STATUS not in network.asks or not _is_on(plan.agent, Operation.STATUS):
        return {}
    told = {}
    for claim in claims:
        terminal = _terminal(replace(plan, faults=frozenset()), network, wire, claim, lambda: now)
        if claim.is_sent and (verdict := await terminal.status(claim)) is not None:
            told[claim.intent.agent_payment_id] = verdict.decision is Decision.ACCEPTED
    return told


def _terminal(
    plan: Plan, network: Network, wire: Wire, claim: Claim, clock: Callable[[], dt.datetime]
) -> Terminal:
    payer = Dice(plan.faults, f"payer {plan.seed} {claim.place}")
    error = payer.clock_error()
    return Terminal(
        network=network,
        agent=plan.agent,
        secrets=plan.secrets,
        wire=wire,
        payer=payer,
        dice=Dice(plan.faults, f"way {plan.seed} {claim.place}"),
        pace=plan.pace,
        cancelled_share=plan.cancelled_share,
        now=lambda: clock() + error,
    )


def _claims(plan: Plan, network: Network, now: dt.datetime) -> list[Claim]:
    """Payments under numbers that no run before had, in any order."""
    dice = Dice((), f"claims {plan.seed}")
    first = int((now - _EPOCH).total_seconds()) * _PAYMENTS_A_SECOND
    claims = []
    for place in range(plan.pays):
        account = dice.one_of(plan.accounts)
        if dice.happens(_MISTYPED_SHARE):
            account = f"{account}99"
        amount = within(dice.kopecks(_KOPECKS_MIN, _KOPECKS_MAX), plan.agent)
        number = network.payment_id(first + place)
        claims.append(Claim(Intent(number, account, amount, now, now), place=place))
    return claims


async def _list(
    plan: Plan, network: Network, wire: Wire, claims: Sequence[Claim], now: dt.datetime
) -> tuple[Listed, ...] | None:
    """The protocol's own list of what was paid, if it has one."""
    if network.statements is None or not claims:
        return None
    times = [claim.intent.paid_at for claim in claims]
    dice = Dice((), f"list {plan.seed} {now}")
    for _ in range(_LIST_ATTEMPTS):
        period = Period(min(times), max(times), now.replace(microsecond=0), dice.nonce())
        exchange = wire.written(network.statements.ask(period, plan.agent, plan.secrets))
        response = await wire.send(exchange, network.habits.timeout_seconds)
        if response is not None:
            listed = network.statements.read(response, plan.agent, plan.secrets)
            if listed is not None:
                return listed
        await asyncio.sleep(_LIST_PAUSE_SECONDS)
    return None
