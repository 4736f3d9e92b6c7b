"""A SOAP client that zeep makes from our WSDL, against the codec and a desk in memory."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import zeep
from aiohttp import web

from server.agents import Agent
from server.messages import (
    AccountChecked,
    Cancel,
    ChangeSecret,
    CheckAccount,
    Command,
    GetStatement,
    GetStatus,
    Outcome,
    Pay,
    Payment,
    PaymentAccepted,
    PaymentCancelled,
    PaymentState,
    PaymentStatus,
    RefusedOutcome,
    SecretChanged,
    Statement,
)
from server.protocols import Request
from server.protocols.paynet.codec import CODEC
from server.refusals import Refusal, Refused
from tests.protocols.vectors import load_accounts, make_agent

TASHKENT = ZoneInfo("Asia/Tashkent")
PAID_AT = dt.datetime(2026, 1, 15, 12, 20, 30, tzinfo=TASHKENT)
CREDENTIALS = {"username": "paynet", "password": "paynet-demo"}


@dataclass
class DeskInMemory:
    """As much of a desk as one client needs: payments by their id, one set of secrets."""

    secrets: dict[str, str] = field(default_factory=lambda: dict(CREDENTIALS))
    payments: dict[str, Payment] = field(default_factory=dict)

    def handle(self, command: Command) -> Outcome:
        match command:
            case CheckAccount(account):
                view = load_accounts().get(account)
                return AccountChecked(view) if view else refused(Refusal.ACCOUNT_NOT_FOUND)
            case Pay():
                return self._pay(command)
            case GetStatus(number):
                payment = self.payments.get(number)
                return PaymentStatus(payment) if payment else refused(Refusal.PAYMENT_NOT_FOUND)
            case Cancel(number):
                return self._cancel(number)
            case GetStatement(since, until):
                return Statement(
                    tuple(
                        payment
                        for payment in self.payments.values()
                        if since <= payment.paid_at <= until
                        and payment.state is PaymentState.CREDITED
                    )
                )
            case ChangeSecret(name, value):
                self.secrets[name] = value
                return SecretChanged()
        raise AssertionError(f"paynet has no {command}")

    def _pay(self, command: Pay) -> Outcome:
        earlier = self.payments.get(command.agent_payment_id)
        if earlier is None:
            self.payments[command.agent_payment_id] = payment = self._recorded(command)
            return PaymentAccepted(payment)
        if (earlier.account, earlier.amount) != (command.account, command.amount):
            return RefusedOutcome(Refusal.PAYMENT_CONFLICT, earlier)
        if earlier.state is PaymentState.CANCELLED:
            return RefusedOutcome(Refusal.PAYMENT_CANCELLED, earlier)
        return PaymentAccepted(earlier, repeated=True)

    def _recorded(self, command: Pay) -> Payment:
        now = dt.datetime.now(dt.UTC)
        return Payment(
            payment_id=700001 + len(self.payments),
            agent="paynet",
            agent_payment_id=command.agent_payment_id,
            account=command.account,
            amount=command.amount,
            paid_at=command.paid_at or now,
            recorded_at=now,
            state=PaymentState.CREDITED,
            state_at=now,
        )

    def _cancel(self, number: str) -> Outcome:
        payment = self.payments.get(number)
        if payment is None:
            return refused(Refusal.PAYMENT_NOT_FOUND)
        if payment.state is PaymentState.CANCELLED:
            return PaymentCancelled(payment, repeated=True)
        now = dt.datetime.now(dt.UTC)
        cancelled = replace(payment, state=PaymentState.CANCELLED, state_at=now)
        self.payments[number] = cancelled
        return PaymentCancelled(cancelled)


def refused(refusal: Refusal) -> RefusedOutcome:
    return RefusedOutcome(refusal)


@dataclass
class Server:
    """Serves the WSDL and answers requests as the real pipeline does."""

    agent: Agent
    desk: DeskInMemory

    async def respond(self, http: web.Request) -> web.Response:
        if http.query_string in CODEC.documents:
            address = f"http://{http.host}{http.path}"
            kind, document = CODEC.documents[http.query_string](address)
            return web.Response(body=document, headers={"Content-Type": kind})
        request = Request(
            method=http.method,
            path=http.path,
            query=http.query_string,
            headers={name.lower(): value for name, value in http.headers.items()},
            body=await http.read(),
            agent=self.agent,
            received_at=dt.datetime.now(dt.UTC),
        )
        reply = CODEC.encode(request, self._outcome(request))
        return web.Response(
            body=reply.body, status=reply.status, headers={"Content-Type": reply.content_type}
        )

    def _outcome(self, request: Request) -> Outcome:
        try:
            CODEC.verify(request, self.desk.secrets, request.received_at)
            return self.desk.handle(CODEC.decode(request))
        except Refused as error:
            return RefusedOutcome(error.refusal, field=error.field)


@pytest.fixture
async def address() -> AsyncIterator[str]:
    application = web.Application()
    server = Server(make_agent("paynet", "Asia/Tashkent"), DeskInMemory())
    application.router.add_route("*", "/pay/paynet", server.respond)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/pay/paynet"
    await runner.cleanup()


@dataclass
class Terminal:
    """The client: zeep blocks, so every call has a thread."""

    client: Any

    async def call(self, operation: str, **arguments: Any) -> Any:
        function = self.client.service[operation]
        return await asyncio.to_thread(function, **(CREDENTIALS | arguments))


@pytest.fixture
async def terminal(address: str) -> Terminal:
    return Terminal(await asyncio.to_thread(zeep.Client, f"{address}?wsdl"))


def parameters(**values: str) -> list[dict[str, str]]:
    return [{"paramKey": key, "paramValue": value} for key, value in values.items()]


def payment(number: int = 437, amount: int = 152340, account: str = "1004217") -> dict[str, Any]:
    return {
        "amount": amount,
        "parameters": parameters(clientid=account),
        "serviceId": 1,
        "transactionId": number,
        "transactionTime": PAID_AT,
    }


def transaction(number: int = 437) -> dict[str, Any]:
    return {"serviceId": 1, "transactionId": number, "transactionTime": PAID_AT}


def shown(reply: Any) -> dict[str, str]:
    return {item.paramKey: item.paramValue for item in reply.parameters}


async def test_zeep_finds_the_contract_in_our_wsdl(terminal: Terminal, address: str) -> None:
    (service,) = terminal.client.wsdl.services.values()
    (port,) = service.ports.values()
    assert service.name == "ProviderWebService"
    assert port.name == "ProviderWebServicePort"
    assert port.binding.name.localname == "ProviderWebServiceBinding"
    assert port.binding_options == {"address": address}
    operations = port.binding.all()
    assert set(operations) == {
        "CancelTransaction",
        "ChangePassword",
        "CheckTransaction",
        "GetInformation",
        "GetStatement",
        "PerformTransaction",
    }
    for name, operation in operations.items():
        assert operation.soapaction == f"urn:{name}"
        assert set(operation.abstract.input_message.parts) == {"arguments"}
        assert set(operation.abstract.output_message.parts) == {"result"}


async def test_information_shows_what_is_owed(terminal: Terminal) -> None:
    reply = await terminal.call(
        "GetInformation", parameters=parameters(clientid="1004217"), serviceId=1
    )
    assert (reply.status, reply.errorMsg) == (0, "OK")
    assert reply.timeStamp.utcoffset() == dt.timedelta(hours=5)
    assert shown(reply)["balance"] == "152340"
    assert shown(reply)["name"] == "И*** И. И."
    missing = await terminal.call(
        "GetInformation", parameters=parameters(clientid="1"), serviceId=1
    )
    assert (missing.status, missing.parameters) == (302, [])


async def test_a_name_full_of_markup_arrives_as_it_is(terminal: Terminal) -> None:
    reply = await terminal.call(
        "GetInformation", parameters=parameters(clientid="9000005"), serviceId=1
    )
    assert shown(reply)["name"] == 'ООО "Рога & Копыта" <филиал>'


async def test_a_payment_is_taken_once_however_often_it_is_sent(terminal: Terminal) -> None:
    first = await terminal.call("PerformTransaction", **payment())
    again = await terminal.call("PerformTransaction", **payment())
    assert (first.status, again.status) == (0, 201)
    assert first.providerTrnId == again.providerTrnId == 700001
    assert first.timeStamp == again.timeStamp
    other_sum = await terminal.call("PerformTransaction", **payment(amount=100))
    other_account = await terminal.call("PerformTransaction", **payment(account="9000004"))
    assert (other_sum.status, other_sum.providerTrnId) == (413, 0)
    assert (other_account.status, other_account.providerTrnId) == (302, 0)


async def test_a_payment_can_be_looked_up_and_cancelled(terminal: Terminal) -> None:
    await terminal.call("PerformTransaction", **payment())
    performed = await terminal.call("CheckTransaction", **transaction())
    assert (performed.status, performed.providerTrnId) == (0, 700001)
    assert (performed.transactionState, performed.transactionStateErrorStatus) == (1, 0)

    cancelled = await terminal.call("CancelTransaction", **transaction())
    again = await terminal.call("CancelTransaction", **transaction())
    assert (cancelled.status, cancelled.transactionState) == (0, 2)
    assert (again.status, again.transactionState) == (202, 2)
    assert (await terminal.call("CheckTransaction", **transaction())).transactionState == 2
    late = await terminal.call("PerformTransaction", **payment())
    assert (late.status, late.providerTrnId) == (202, 700001)


async def test_an_unknown_transaction_is_neither_shown_nor_cancelled(terminal: Terminal) -> None:
    checked = await terminal.call("CheckTransaction", **transaction(1))
    cancelled = await terminal.call("CancelTransaction", **transaction(1))
    assert (checked.status, checked.providerTrnId, checked.transactionState) == (203, 0, 0)
    assert (cancelled.status, cancelled.transactionState) == (203, 0)


async def test_a_statement_lists_credited_payments_of_the_period(terminal: Terminal) -> None:
    for number in (437, 438, 439):
        await terminal.call("PerformTransaction", **payment(number))
    await terminal.call("CancelTransaction", **transaction(438))
    period = {"dateFrom": PAID_AT, "dateTo": PAID_AT, "serviceId": 1}
    full = await terminal.call("GetStatement", **period)
    assert [item.transactionId for item in full.statements] == [437, 439]
    assert {item.amount for item in full.statements} == {152340}
    assert {item.transactionTime for item in full.statements} == {PAID_AT}
    ids = await terminal.call("GetStatement", **period, onlyTransactionId=True)
    assert [(item.transactionId, item.amount) for item in ids.statements] == [
        (437, None),
        (439, None),
    ]
    later = {"dateFrom": PAID_AT + dt.timedelta(seconds=1), "dateTo": PAID_AT.replace(day=16)}
    empty = await terminal.call("GetStatement", **(period | later))
    assert (empty.status, empty.statements) == (0, [])


async def test_after_a_change_only_the_new_password_opens(terminal: Terminal) -> None:
    changed = await terminal.call("ChangePassword", newPassword="new-demo")
    old = await terminal.call("CheckTransaction", **transaction())
    new = await terminal.call("CheckTransaction", **transaction(), password="new-demo")
    assert (changed.status, old.status, new.status) == (0, 412, 203)
