"""The locust profiles: what they send is what the codecs take, what they read is what they say.

Locust itself is never imported here: it patches ssl in the whole process.
"""

from __future__ import annotations

import ast
import datetime as dt
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from loadtests.locust import bodies
from loadtests.locust.bodies import NETWORKS, OSMP, PAYNET, SBER, Ask, Network, Payment
from server.agents import Agent, Limits
from server.demo.agents import demo_agents
from server.messages import CheckAccount, Pay
from server.money import Money
from server.protocols import Request, load

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests/vectors/protocols"
PROFILES = ("payday", "month_end")
PAYMENT = Payment(
    number=90_000_000_000_001,
    account="1004217",
    kopecks=1_523_40,
    at=dt.datetime(2026, 1, 15, 7, 20, 30, tzinfo=dt.UTC),
)


def received(network: Network, ask: Ask) -> Request:
    """The request as the server sees it, for the demo's agent."""
    (demo,) = [agent for agent in demo_agents() if agent.name == network.name]
    limits = Limits(Money(100), Money(15_000_00))
    agent = Agent(
        demo.name, demo.protocol, demo.zone, limits, secrets=(demo.secrets,), settings=demo.settings
    )
    headers = {name.lower(): value for name, value in ask.headers.items()}
    path = urlsplit(ask.path).path
    now = dt.datetime(2026, 1, 15, 7, 20, 31, tzinfo=dt.UTC)
    return Request(ask.method, path, ask.query, headers, ask.body, agent, now)


def replies(protocol: str, case: str) -> list[tuple[str, bool]]:
    """Bodies of a vector's replies, and whether each is a success."""
    vector = tomllib.loads((VECTORS / protocol / f"{case}.toml").read_text(encoding="utf-8"))
    return [
        (reply["body"], reply.get("outcome") in ("AccountChecked", "PaymentAccepted"))
        for reply in vector["reply"]
    ]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_a_check_is_taken_by_its_codec(network: Network) -> None:
    request = received(network, network.check(7, "1004217"))
    codec = load()[network.name]
    codec.verify(request, request.agent.secrets[0], request.received_at)
    command = codec.decode(request)
    assert isinstance(command, CheckAccount)
    assert command.account == "1004217"


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_a_payment_is_taken_by_its_codec(network: Network) -> None:
    request = received(network, network.pay(PAYMENT))
    codec = load()[network.name]
    codec.verify(request, request.agent.secrets[0], request.received_at)
    command = codec.decode(request)
    assert isinstance(command, Pay)
    assert command.account == PAYMENT.account
    assert command.amount == Money(PAYMENT.kopecks)
    assert command.agent_payment_id == str(PAYMENT.number)
    assert command.paid_at == PAYMENT.at


def test_readings_come_with_the_payment() -> None:
    payment = Payment(1, "1004217", 100, PAYMENT.at, {"18-004217": "130", "E4217": "8200"})
    command = load()["paynet"].decode(received(PAYNET, PAYNET.pay(payment)))
    assert isinstance(command, Pay)
    assert {(r.meter, r.value) for r in command.readings} == {
        ("18-004217", 130_000),
        ("E4217", 8_200_000),
    }


@pytest.mark.parametrize(
    ("network", "case"),
    [(OSMP, "check"), (SBER, "check"), (PAYNET, "information")],
    ids=lambda it: getattr(it, "name", it),
)
def test_a_debt_is_read_from_a_success_and_from_nothing_else(network: Network, case: str) -> None:
    debts = [(network.debt(body), is_success) for body, is_success in replies(network.name, case)]
    assert {debt for debt, is_success in debts if is_success} == {1_523_40}
    assert {debt for debt, is_success in debts if not is_success} == {None}


def test_an_overpaid_account_owes_less_than_nothing() -> None:
    for network, case in ((OSMP, "check"), (SBER, "check"), (PAYNET, "information")):
        body = replies(network.name, f"{case}_overpaid")[0][0]
        debt = network.debt(body)
        assert debt is not None
        assert debt < 0, network.name


@pytest.mark.parametrize(
    ("network", "case"),
    [(OSMP, "pay"), (SBER, "payment"), (PAYNET, "perform")],
    ids=lambda it: getattr(it, "name", it),
)
def test_a_repeat_is_recognised_by_what_was_recorded(network: Network, case: str) -> None:
    found = [
        (network.paid.search(body), is_success)
        for body, is_success in replies(network.name, case)
        if "уже отменена" not in body
    ]
    said = {match.groups() for match, _ in found if match is not None}
    assert len(said) == 1
    assert all((match is not None) is is_success for match, is_success in found)


def test_last_readings_are_read_from_paynets_answer() -> None:
    body = replies("paynet", "information")[0][0]
    assert bodies.last_readings(body) == {"18-004217": 124, "E4217": 8120}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_names_only_what_payers_can_do(name: str) -> None:
    payers = ast.parse((ROOT / "loadtests/locust/payers.py").read_text(encoding="utf-8"))
    profile = ast.parse((ROOT / f"loadtests/locust/{name}.py").read_text(encoding="utf-8"))
    can = {node.name for node in ast.walk(payers) if isinstance(node, ast.FunctionDef)}
    asked = {
        node.attr
        for node in ast.walk(profile)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Payer"
    }
    assert len(asked) >= 3
    assert asked <= can


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_ends_with_all_of_its_time(name: str) -> None:
    profile = ast.parse((ROOT / f"loadtests/locust/{name}.py").read_text(encoding="utf-8"))
    (stages,) = [
        ast.literal_eval(node.value)
        for node in ast.walk(profile)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "stages"
    ]
    ends = [until for until, _ in stages]
    assert ends == sorted(ends)
    assert ends[-1] == 1.0
    assert max(share for _, share in stages) == 1.0
