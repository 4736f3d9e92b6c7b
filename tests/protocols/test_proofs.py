"""Protocols whose messages prove whose they are: two sets of secrets, no hint to anybody else."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
import structlog.testing

from server.agents import Agent
from server.messages import Outcome
from server.payments.desk import PaymentDesk
from server.protocols import Operation, Request, Response, signatures
from server.protocols.agents_side import Decision, Intent
from server.refusals import Refusal
from server.transport.answer import Answering
from server.transport.limits import Rates
from tests.payments.fakes import FakeAccounts, FakeLedger
from tests.protocols.both_sides import DEMO_FILES, NOW, Sides, sides, view
from tests.protocols.vectors import load_keys

Secrets = Mapping[str, str]
PROVEN = sorted(name for name in DEMO_FILES if sides(name).server_secrets)
every_proven = pytest.mark.parametrize("name", PROVEN)
OTHER_KEYS = {
    signatures.AGENT_PUBLIC_KEY: signatures.SERVER_PUBLIC_KEY,
    signatures.SERVER_PRIVATE_KEY: signatures.AGENT_PRIVATE_KEY,
    signatures.AGENT_PRIVATE_KEY: signatures.SERVER_PRIVATE_KEY,
    signatures.SERVER_PUBLIC_KEY: signatures.AGENT_PUBLIC_KEY,
}
"""The pair that belongs to the other side is as good a pair as any."""


def other(name: str, value: str) -> str:
    return load_keys()[OTHER_KEYS[name]] if name in OTHER_KEYS else f"{value}-other"


def others(secrets: Secrets) -> dict[str, str]:
    return {name: other(name, value) for name, value in secrets.items()}


async def _claim(key: str, expires: dt.datetime) -> bool:
    return True


def answered(both: Sides, request: Request, *sets: Secrets) -> tuple[Response, Outcome]:
    """What the whole pipeline says to a request of an agent with these sets of secrets."""
    seen: list[Outcome] = []

    def note(_agent: Agent, _request: Request, outcome: Outcome) -> None:
        seen.append(outcome)

    accounts = FakeAccounts(view())
    desk = PaymentDesk(accounts, FakeLedger(accounts, lambda: NOW), lambda: NOW)
    answering = Answering(desk, Rates(lambda: 0.0), _claim, note)
    agent = replace(both.agent, secrets=sets)
    response = asyncio.run(answering.answer(both.codec, replace(request, agent=agent)))
    return response, seen[0]


def first_operation(both: Sides) -> Operation:
    return Operation.PAY if Operation.PAY in both.network.asks else Operation.HOLD


def request_of(both: Sides, secrets: Secrets, **changes: str) -> Request:
    intent: Intent = replace(both.intent(), **changes)  # type: ignore[arg-type]
    ask = both.network.asks[first_operation(both)]
    return both.request(ask(intent, both.agent, secrets))


@every_proven
@pytest.mark.parametrize("is_renewed", [False, True])
def test_either_of_two_sets_is_believed_and_answers_with_the_same(
    name: str, is_renewed: bool
) -> None:
    both = sides(name)
    new_side, new_server = others(both.agent_secrets), others(both.server_secrets)
    used = new_side if is_renewed else both.agent_secrets
    operation = first_operation(both)
    exchange = both.network.asks[operation](both.intent(), both.agent, used)
    response, _ = answered(both, both.request(exchange), new_server, both.server_secrets)
    verdict = both.network.read(operation, exchange, response, both.agent, used)
    assert verdict.decision is Decision.ACCEPTED


@every_proven
def test_a_set_that_was_retired_is_refused(name: str) -> None:
    both = sides(name)
    request = request_of(both, both.agent_secrets)
    _, outcome = answered(both, request, others(both.server_secrets))
    assert getattr(outcome, "refusal", None) is Refusal.NOT_AUTHENTIC


def wrong_proofs(both: Sides) -> Iterator[Secrets]:
    """The agent's secrets with one of them, or all, wrong in some way."""
    own = dict(both.agent_secrets)
    yield others(own)
    for name, value in own.items():
        if name == signatures.SERVER_PUBLIC_KEY:  # only reads answers
            continue
        yield own | {name: other(name, value)}
        if name not in OTHER_KEYS:
            yield own | {name: value.upper()}
            yield own | {name: value[:-1]}
            yield own | {name: f"{value}ё"}


@every_proven
def test_nobody_learns_what_was_wrong_with_a_proof(name: str) -> None:
    """Neither from the answer nor by what account or sum is asked about; the log says it alike."""
    both = sides(name)
    answers, logged = set(), set()
    for secrets in wrong_proofs(both):
        for account in ("1004217", "9999999"):
            request = request_of(both, secrets, account=account)
            with structlog.testing.capture_logs() as log:
                response, outcome = answered(both, request, both.server_secrets)
            assert getattr(outcome, "refusal", None) is Refusal.NOT_AUTHENTIC
            body = response.body.replace(account.encode(), b"ACCOUNT")
            # A reply that is signed at all has another signature over another account.
            answers.add((_unsigned(body), response.status, response.content_type))
            logged.add(tuple(str(sorted(entry.items())) for entry in log))
    assert len(answers) == 1
    assert len(logged) == 1


_SIGNATURE = re.compile(rb"[0-9A-Fa-f]{256,}")


def _unsigned(body: bytes) -> bytes:
    return _SIGNATURE.sub(b"SIGNATURE", body)


@every_proven
def test_an_agent_without_secrets_is_refused_everything(name: str) -> None:
    """Also one that is proven with nothing, as whoever knows the protocol can do."""
    both = sides(name)
    nothing = {each: "" for each in both.agent_secrets if each not in OTHER_KEYS}
    empty = {each: "" for each in both.server_secrets if each != signatures.SERVER_PRIVATE_KEY}
    for used in ({}, nothing):
        request = request_of(both, {**both.agent_secrets, **used})
        for sets in ((), ({},), (empty,)):
            _, outcome = answered(both, request, *sets)
            assert getattr(outcome, "refusal", None) is Refusal.NOT_AUTHENTIC
