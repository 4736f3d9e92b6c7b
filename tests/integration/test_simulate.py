"""Every demo agent's network against a whole running server, with everything going wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from server.cli.context import EXIT_NO, EXIT_USAGE, find_servers, with_connection
from server.cli.simulate import recorded, recorded_agent
from server.cli.simulate_report import Report
from server.demo.agents import demo_agents
from server.demo.numbers import FIXED
from server.money import Money
from server.simulate.beliefs import Belief
from server.simulate.day import Plan, simulate
from server.simulate.faults import Fault
from server.storage.accounts import active_numbers
from tests.integration.demo import Demo, ordinary_accounts
from tests.servers import run_now

AGENTS = sorted(agent.name for agent in demo_agents() if agent.protocol)
PAYS = 15
AT_A_TIME = 4
PAYERS = tuple(word for each in ordinary_accounts(12) for word in ("--account", each))


@pytest.fixture(scope="module")
def reports(demo: Demo) -> Mapping[str, Report]:
    """A day of each of them; a few networks at a time."""
    settings = find_servers(demo.directory)
    found = {name: recorded_agent(name, settings, demo.directory) for name in AGENTS}

    async def days() -> dict[str, Report]:
        accounts = await with_connection(settings, lambda link: active_numbers(link, 200))
        accounts = [account for account in accounts if account not in FIXED]
        room = asyncio.Semaphore(AT_A_TIME)

        async def day(name: str) -> Report:
            agent, secrets = found[name]
            plan = Plan(
                url=demo.url,
                agent=agent,
                secrets=secrets,
                accounts=accounts,
                pays=PAYS,
                faults=frozenset(Fault),
                seed=AGENTS.index(name),
            )
            async with room:
                happened = await simulate(plan)
            held = await with_connection(settings, lambda link: recorded(link, plan, happened))
            return Report(plan, happened, held)

        return dict(zip(AGENTS, await asyncio.gather(*map(day, AGENTS)), strict=True))

    return run_now(days())


@pytest.mark.slow
@pytest.mark.parametrize("name", AGENTS)
def test_a_network_and_the_server_agree(reports: Mapping[str, Report], name: str) -> None:
    report = reports[name]
    assert report.differences == ()
    claims = report.day.claims
    assert sum(claim.belief is Belief.CREDITED for claim in claims) > PAYS // 4
    believed = {
        claim.intent.agent_payment_id: claim.intent.amount
        for claim in claims
        if claim.belief is Belief.CREDITED
    }
    assert report.held is not None
    assert Money(sum(amount.kopecks for amount in believed.values())) == Money(
        sum(report.held[number].amount.kopecks for number in believed)
    )


def test_the_command_says_it_in_json_and_in_words(demo: Demo) -> None:
    words = ("simulate", "paynet", "--pays", "8", "--faults", "lost-reply,duplicate", *PAYERS)
    told = demo.json(*words)
    assert told["ok"]
    assert told["differences"] == []
    assert told["held"] == told["listed"] == told["believed"]["credited"]
    code, text = demo.run(*words, "--seed", "2")
    assert (code, text.splitlines()[-1]) == (0, "network and server agree")


def test_without_a_database_the_protocol_itself_is_asked(demo: Demo, tmp_path: Path) -> None:
    described = Path("server/protocols/paynet/demo.toml")
    words = ("simulate", "paynet", "--described", str(described), "--url", demo.url)
    code, text = demo.run(*words, *PAYERS, "--pays", "6", "--json")
    assert code == 0
    told = json.loads(text)
    assert told["held"] is None
    assert told["listed"] == told["believed"]["credited"]
    wrong = tmp_path / "secrets"
    wrong.mkdir()
    (wrong / "username").write_text("paynet\n")
    (wrong / "password").write_text("wrong\n")
    code, text = demo.run(*words, *PAYERS, "--pays", "3", "--secrets", str(wrong))
    assert code == EXIT_NO


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nobody",), EXIT_NO),
        (("bank",), EXIT_NO),
        (("osmp", "--faults", "plague"), EXIT_USAGE),
        (("osmp", "--pays", "0"), EXIT_USAGE),
    ],
)
def test_what_cannot_be_simulated(demo: Demo, words: tuple[str, ...], code: int) -> None:
    assert demo.run("simulate", *words)[0] == code
