"""Both sides of a protocol understand each other: requests are read, answers are believed."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.accounts import AccountView
from server.agents import Agent
from server.messages import (
    AccountChecked,
    Cancel,
    CheckAccount,
    Command,
    Confirm,
    GetStatus,
    Hold,
    Outcome,
    Pay,
    Payment,
    PaymentAccepted,
    PaymentCancelled,
    PaymentHeld,
    PaymentState,
    PaymentStatus,
    RefusedOutcome,
)
from server.money import Money
from server.protocols import Codec, Operation, Request, Response, load
from server.protocols.agents_side import Ask, Decision, Exchange, Intent, Network, Verdict, networks
from server.protocols.facts import MoneyForm
from server.refusals import Refusal
from tests.protocols.vectors import agent_keys, load_accounts, make_agent, server_keys
from tests.test_protocols import FOLDER

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

every_network = pytest.mark.parametrize("name", sorted(DEMO_FILES))


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


# --- requests ---------------------------------------------------------------------------------


@every_network
def test_a_payment_is_asked_for_in_one_phase_or_in_two(name: str) -> None:
    both = sides(name)
    asked = set(both.network.asks)
    assert asked <= both.codec.operations
    assert (Operation.PAY in asked) is not ({Operation.HOLD, Operation.CONFIRM} <= asked)


@every_network
def test_every_request_means_to_the_server_what_the_network_wants(name: str) -> None:
    both = sides(name)
    number = both.network.payment_id(17)
    for operation in both.network.asks:
        match both.understood(operation):
            case CheckAccount(account):
                assert operation is Operation.CHECK
                assert account == "1004217"
            case (Pay() | Hold()) as paid:
                assert operation is (Operation.PAY if isinstance(paid, Pay) else Operation.HOLD)
                assert paid.agent_payment_id == number
                assert (paid.account, paid.amount) == ("1004217", Money(152340))
                assert paid.paid_at in (PAID_AT, None)
            case Confirm(by_agent, by_us):
                assert operation is Operation.CONFIRM
                assert (by_agent == number) != (by_us == PAYMENT_ID)
            case Cancel(by_agent, by_us):
                assert operation is Operation.CANCEL
                assert (by_agent == number) != (by_us == PAYMENT_ID)
            case GetStatus(by_agent, by_us):
                assert operation is Operation.STATUS
                assert (by_agent == number) != (by_us == PAYMENT_ID)
            case other:
                raise AssertionError(other)


@every_network
def test_a_sum_is_written_as_the_facts_say(name: str) -> None:
    both = sides(name)
    assert both.codec.facts is not None
    asked = both.asked(Operation.PAY if Operation.PAY in both.network.asks else Operation.HOLD)
    text = unquote_plus(f"{asked.query} {asked.body.decode('latin-1')}")
    found = [
        form for form in MoneyForm if re.search(rf"(?<!\d){re.escape(form.value)}(?!\d)", text)
    ]
    assert found == [both.codec.facts.money]


@every_network
def test_a_network_numbers_its_payments_differently(name: str) -> None:
    numbers = [sides(name).network.payment_id(n) for n in (1, 2, 17, 10**6, 10**12)]
    assert len(set(numbers)) == len(numbers)


@every_network
def test_the_same_intent_is_the_same_bytes(name: str) -> None:
    both = sides(name)
    for operation in both.network.asks:
        assert both.asked(operation) == both.asked(operation)


@every_network
def test_what_is_held_can_be_given_up(name: str) -> None:
    both = sides(name)
    ask = both.network.abandon or both.network.asks.get(Operation.CANCEL)
    if Operation.HOLD not in both.network.asks:
        assert both.network.abandon is None
        return
    assert ask is not None
    command = both.understood_as(ask)
    assert isinstance(command, Cancel)
    assert (command.agent_payment_id == both.network.payment_id(17)) != (
        command.payment_id == PAYMENT_ID
    )
    cancelled = PaymentCancelled(both.payment(PaymentState.CANCELLED))
    assert both.reply_to(ask, Operation.CANCEL, cancelled).decision is Decision.ACCEPTED
    refused = RefusedOutcome(Refusal.PAYMENT_NOT_FOUND)
    assert both.reply_to(ask, Operation.CANCEL, refused).decision is Decision.REFUSED


@every_network
def test_what_must_be_asked_before_a_cancellation_undoes_nothing_yet(name: str) -> None:
    both = sides(name)
    ask = both.network.before_cancel
    if ask is None:
        return
    assert isinstance(both.understood_as(ask), GetStatus)
    credited = PaymentStatus(both.payment(PaymentState.CREDITED))
    assert both.reply_to(ask, Operation.CANCEL, credited).decision is Decision.ACCEPTED
    refused = RefusedOutcome(Refusal.PAYMENT_NOT_FOUND)
    assert both.reply_to(ask, Operation.CANCEL, refused).decision is Decision.REFUSED


# --- answers ----------------------------------------------------------------------------------


def successes(both: Sides) -> dict[Operation, Outcome]:
    credited = both.payment(PaymentState.CREDITED)
    return {
        Operation.CHECK: AccountChecked(view()),
        Operation.PAY: PaymentAccepted(credited),
        Operation.HOLD: PaymentHeld(both.payment(PaymentState.HELD)),
        Operation.CONFIRM: PaymentAccepted(credited),
        Operation.CANCEL: PaymentCancelled(both.payment(PaymentState.CANCELLED)),
        Operation.STATUS: PaymentStatus(credited),
    }


@every_network
def test_a_success_is_believed(name: str) -> None:
    both = sides(name)
    for operation in both.network.asks:
        verdict = both.answered(operation, successes(both)[operation])
        assert verdict.decision is Decision.ACCEPTED, operation
        assert verdict.payment_id in ("", str(PAYMENT_ID))
        assert verdict.debt in (None, view().debt)


@every_network
def test_a_repeated_success_is_believed_or_asked_about(name: str) -> None:
    both = sides(name)
    for operation, outcome in successes(both).items():
        if operation in both.network.asks and isinstance(
            outcome, PaymentAccepted | PaymentHeld | PaymentCancelled
        ):
            verdict = both.answered(operation, replace(outcome, repeated=True))
            assert verdict.decision in (Decision.ACCEPTED, Decision.ASK_STATUS), operation


@every_network
def test_whoever_holds_a_payment_learns_its_number_to_confirm_it(name: str) -> None:
    both = sides(name)
    if Operation.HOLD in both.network.asks:
        command = both.understood(Operation.CONFIRM)
        assert isinstance(command, Confirm)
        verdict = both.answered(Operation.HOLD, successes(both)[Operation.HOLD])
        assert not command.payment_id or verdict.payment_id == str(command.payment_id)


@every_network
@pytest.mark.parametrize("refusal", list(Refusal))
def test_a_final_refusal_ends_it_and_try_later_does_not(name: str, refusal: Refusal) -> None:
    both = sides(name)
    for operation in both.network.asks:
        response = both.response(operation, RefusedOutcome(refusal))
        decision = both.read(operation, response).decision
        assert decision is not Decision.ACCEPTED, operation
        # Whatever has another status than 200 is a failed exchange to its network.
        failed = response.status != 200
        assert (decision is Decision.REPEAT) is (failed or not refusal.final), operation


@every_network
def test_an_undone_payment_is_not_credited(name: str) -> None:
    both = sides(name)
    if Operation.STATUS in both.network.asks:
        outcome = PaymentStatus(both.payment(PaymentState.CANCELLED))
        assert both.answered(Operation.STATUS, outcome).decision is Decision.REFUSED


@every_network
@given(data=st.data())
def test_no_answer_but_a_whole_one_is_believed(name: str, data: st.DataObject) -> None:
    """Cut off anywhere, or nonsense: never accepted, and never an exception."""
    both = sides(name)
    operation = data.draw(st.sampled_from(sorted(both.network.asks, key=str)))
    whole = both.response(operation, successes(both)[operation])
    cut = whole.body.rstrip()[: data.draw(st.integers(0, len(whole.body.rstrip()) - 1))]
    body = data.draw(st.sampled_from([cut, b"<html>", b"\xff", b"{}", b"[]", b"null"]))
    verdict = both.read(operation, replace(whole, body=body))
    assert verdict.decision is not Decision.ACCEPTED
    assert both.read(operation, replace(whole, status=502)).decision is Decision.REPEAT


@every_network
def test_pauses_never_shrink_and_end_within_the_lifetime(name: str) -> None:
    habits = sides(name).network.habits
    assert list(habits.pauses_seconds) == sorted(habits.pauses_seconds)
    assert 0 < habits.pauses_seconds[0] <= habits.pauses_seconds[-1] < habits.lifetime_seconds
