"""The two sides of every demo agent's protocol, each with what it holds."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import server.protocols
from server.accounts import AccountView
from server.agents import Agent
from server.messages import Command, Outcome, Payment, PaymentState
from server.money import Money
from server.protocols import Codec, Operation, Request, Response, load
from server.protocols.agents_side import Ask, Exchange, Intent, Network, Verdict, networks
from tests.protocols.vectors import agent_keys, load_accounts, make_agent, server_keys

FOLDER = Path(server.protocols.__file__).parent
NOW = dt.datetime(2026, 1, 15, 7, 20, 31, tzinfo=dt.UTC)
PAID_AT = dt.datetime(2026, 1, 15, 7, 20, 30, tzinfo=dt.UTC)
PAYMENT_ID = 700123
SWITCHED_ON = {"cancel": "on", "status": "on"}


def _demo_files() -> Mapping[str, Path]:
    """The demo agents of protocols with a client side: name -> its file."""
    files = (file for name in networks() for file in (FOLDER / name).glob("demo*.toml"))
    return {tomllib.loads(file.read_text("utf-8")).get("name", file.parent.name): file
            for file in files}  # fmt: skip


DEMO_FILES = _demo_files()


@dataclass(frozen=True)
class Sides:
    """A protocol's two sides, with what each of them holds."""

    codec: Codec
    network: Network
    agent: Agent
    server_secrets: Mapping[str, str]
    agent_secrets: Mapping[str, str]

    def request(self, exchange: Exchange) -> Request:
        return Request(
            method=exchange.method,
            path=f"/pay/{self.agent.name}{exchange.path_suffix}",
            query=exchange.query,
            headers={name.lower(): value for name, value in exchange.headers},
            body=exchange.body,
            agent=self.agent,
            received_at=NOW,
        )

    def understood(self, operation: Operation) -> Command:
        return self.understood_as(self.network.asks[operation])

    def understood_as(self, ask: Ask) -> Command:
        request = self.request(self.exchange(ask))
        self.codec.verify(request, self.server_secrets, NOW)
        return self.codec.decode(request)

    def asked(self, operation: Operation) -> Exchange:
        return self.exchange(self.network.asks[operation])

    def exchange(self, ask: Ask) -> Exchange:
        return ask(self.intent(), self.agent, self.agent_secrets)

    def reply_to(self, ask: Ask, operation: Operation, outcome: Outcome) -> Verdict:
        exchange = self.exchange(ask)
        request = self.request(exchange)
        response = self.codec.sign(
            request, self.codec.encode(request, outcome), self.server_secrets
        )
        return self.network.read(operation, exchange, response, self.agent, self.agent_secrets)

    def intent(self) -> Intent:
        return Intent(
            agent_payment_id=self.network.payment_id(17),
            account="1004217",
            amount=Money(152340),
            paid_at=PAID_AT,
            sent_at=NOW,
            payment_id=str(PAYMENT_ID),
            nonce="5f0c9e7a41d2b386",
        )

    def response(self, operation: Operation, outcome: Outcome) -> Response:
        request = self.request(self.asked(operation))
        return self.codec.sign(request, self.codec.encode(request, outcome), self.server_secrets)

    def answered(self, operation: Operation, outcome: Outcome) -> Verdict:
        return self.read(operation, self.response(operation, outcome))

    def read(self, operation: Operation, response: Response) -> Verdict:
        exchange = self.asked(operation)
        return self.network.read(operation, exchange, response, self.agent, self.agent_secrets)

    def payment(self, state: PaymentState) -> Payment:
        credited = state is not PaymentState.HELD
        return Payment(
            payment_id=PAYMENT_ID,
            agent=self.agent.name,
            agent_payment_id=self.network.payment_id(17),
            account="1004217",
            amount=Money(152340),
            paid_at=PAID_AT,
            recorded_at=NOW,
            state=state,
            state_at=NOW,
            held_at=NOW if Operation.HOLD in self.network.asks else None,
            credited_at=NOW if credited else None,
        )


def sides(name: str) -> Sides:
    file = DEMO_FILES[name]
    codec = load()[file.parent.name]
    demo = tomllib.loads(file.read_text("utf-8"))
    known = {setting.name for setting in codec.settings}
    switched_on = {key: value for key, value in SWITCHED_ON.items() if key in known}
    agent = make_agent(codec.name, demo["zone"], **demo.get("settings", {}) | switched_on)
    shared: dict[str, str] = demo.get("secrets", {})
    paired = demo.get("key_pairs", False)
    return Sides(
        codec=codec,
        network=networks()[codec.name],
        agent=agent,
        server_secrets=shared | (server_keys() if paired else {}),
        agent_secrets=shared | (agent_keys() if paired else {}),
    )


def view() -> AccountView:
    return load_accounts()["1004217"]
