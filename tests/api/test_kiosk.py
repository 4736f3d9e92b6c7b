"""The kiosk's JSON door, with a desk that answers what the test says."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from server.accounts import AccountState, AccountView, Meter, ServiceDebt
from server.agents import Agent, Limits
from server.api.kiosk import kiosk_routes
from server.messages import (
    AccountChecked,
    CheckAccount,
    Command,
    GetStatus,
    Outcome,
    Pay,
    Payment,
    PaymentAccepted,
    PaymentState,
    PaymentStatus,
    Reading,
    ReadingResult,
    RefusedOutcome,
)
from server.money import Money
from server.refusals import Refusal, Refused

NOON = dt.datetime(2026, 11, 24, 9, 0, 30, 5, tzinfo=dt.UTC)
AGENT = Agent(
    name="kiosk",
    protocol="",
    zone="Europe/Moscow",
    limits=Limits(Money(100), Money(1_500_000)),
    title="Киоски",
    allow_list=(ipaddress.ip_network("127.0.0.0/8"),),
)
VIEW = AccountView(
    account="1004217",
    state=AccountState.ACTIVE,
    holder="И*** И. И.",
    address="ул. Садовая, д. 12",
    charged=Money(152_340),
    paid=Money(0),
    version=1,
    services=(ServiceDebt("heating", "Отопление", Money(152_340)),),
    meters=(
        Meter("18-1", "cold_water", "Холодная вода", "м³", 124_500, dt.date(2026, 10, 20)),
        Meter("E1", "electricity", "Свет", "кВт·ч", None, None),
    ),
)
PAYMENT = Payment(
    payment_id=77,
    agent="kiosk",
    agent_payment_id="3f0c9a52-0000-4000-8000-000000000001",
    account="1004217",
    amount=Money(160_000),
    paid_at=NOON,
    recorded_at=NOON,
    state=PaymentState.CREDITED,
    state_at=NOON,
    readings=(ReadingResult("18-1"), ReadingResult("E1", Refusal.READING_IMPLAUSIBLE)),
)
SENT: dict[str, Any] = {
    "agent_payment_id": PAYMENT.agent_payment_id,
    "account": "1004217",
    "amount_kopecks": 160_000,
    "paid_at": "2026-11-24T12:00:00+03:00",
    "readings": [{"meter": "18-1", "reading": "131"}, {"meter": "E1", "reading": "9.05"}],
}


@dataclass
class FakeDesk:
    """Remembers what it was asked; answers, or raises, `answer`."""

    answer: Outcome | Refused = field(default_factory=lambda: AccountChecked(VIEW))
    asked: list[Command] = field(default_factory=list)

    async def handle(self, agent: Agent, command: Command) -> Outcome:
        assert agent.name == "kiosk"
        self.asked.append(command)
        if isinstance(self.answer, Refused):
            raise self.answer
        return self.answer


@dataclass
class FakeGuard:
    """Lets in while `open`; counts unknown accounts."""

    open: bool = True
    unknown: int = 0

    def admit(self, agent: Agent, peer: str) -> bool:
        return self.open

    def unknown_account(self, agent: Agent, peer: str) -> None:
        self.unknown += 1


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def guard() -> FakeGuard:
    return FakeGuard()


@pytest.fixture
def agents() -> list[Agent]:
    return [AGENT]


@pytest.fixture
async def client(
    desk: FakeDesk, guard: FakeGuard, agents: list[Agent]
) -> AsyncIterator[TestClient[Any, Any]]:
    app = web.Application()
    app.add_routes(kiosk_routes(desk, lambda: agents[-1], guard))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_an_account_is_shown_with_its_services_meters_and_limits(
    client: TestClient[Any, Any], desk: FakeDesk
) -> None:
    response = await client.get("/api/v1/kiosk/accounts/1004217")
    assert response.headers["Cache-Control"] == "no-store"
    assert await response.json() == {
        "account": "1004217",
        "state": "active",
        "holder": "И*** И. И.",
        "address": "ул. Садовая, д. 12",
        "debt_kopecks": 152_340,
        "services": [{"service": "heating", "name": "Отопление", "debt_kopecks": 152_340}],
        "meters": [
            {
                "meter": "18-1",
                "service": "cold_water",
                "service_name": "Холодная вода",
                "unit": "м³",
                "last_reading": "124.5",
                "last_date": "2026-10-20",
            },
            {
                "meter": "E1",
                "service": "electricity",
                "service_name": "Свет",
                "unit": "кВт·ч",
                "last_reading": None,
                "last_date": None,
            },
        ],
        "limits": {"min_kopecks": 100, "max_kopecks": 1_500_000},
    }
    assert desk.asked == [CheckAccount("1004217")]


async def test_a_payment_is_answered_with_what_a_receipt_prints(
    client: TestClient[Any, Any], desk: FakeDesk
) -> None:
    desk.answer = PaymentAccepted(PAYMENT)
    response = await client.post("/api/v1/kiosk/payments", json=SENT)
    answer = await response.json()
    assert answer["payment_id"] == 77
    assert answer["recorded_at"] == "2026-11-24T12:00:30+03:00"
    assert answer["repeated"] is False
    assert answer["readings"] == [
        {"meter": "18-1", "accepted": True, "reason": None},
        {"meter": "E1", "accepted": False, "reason": "READING_IMPLAUSIBLE"},
    ]
    assert answer["receipt"]["qr"].splitlines() == [
        "Платёж № 77",
        "24.11.2026 12:00",
        "Лицевой счёт 1004217",
        "1600,00 руб.",
        f"Код {PAYMENT.agent_payment_id}",
    ]
    [command] = desk.asked
    assert isinstance(command, Pay)
    assert command.amount == Money(160_000)
    assert command.readings == (Reading("18-1", 131_000), Reading("E1", 9_050))
    assert command.paid_at == dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)


async def test_a_repeat_differs_only_in_saying_so(
    client: TestClient[Any, Any], desk: FakeDesk
) -> None:
    answers = []
    for repeated in (False, True):
        desk.answer = PaymentAccepted(PAYMENT, repeated)
        answers.append(await (await client.post("/api/v1/kiosk/payments", json=SENT)).json())
    assert answers[0] | {"repeated": True} == answers[1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"agent_payment_id": "short"},
        {"agent_payment_id": "with space in it"},
        {"amount_kopecks": 1600.5},
        {"amount_kopecks": "160000"},
        {"paid_at": "2026-11-24T12:00:00"},
        {"readings": [{"meter": "18-1", "reading": "-1"}]},
        {"readings": [{"meter": "18-1", "reading": "1e3"}]},
        {"readings": [{"meter": "18-1", "reading": "1"}] * 21},
        {"account": None},
    ],
)
async def test_a_payment_that_cannot_be_read_never_reaches_the_desk(
    client: TestClient[Any, Any], desk: FakeDesk, wrong: dict[str, Any]
) -> None:
    response = await client.post("/api/v1/kiosk/payments", json=SENT | wrong)
    assert response.status == 400
    error = (await response.json())["error"]
    assert (error["code"], error["final"]) == ("MALFORMED", True)
    assert desk.asked == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe", b'{"account": 1}'])
async def test_junk_is_refused(client: TestClient[Any, Any], body: bytes) -> None:
    response = await client.post("/api/v1/kiosk/payments", data=body)
    assert response.status == 400


@pytest.mark.parametrize("refusal", list(Refusal))
async def test_every_refusal_has_one_shape_and_only_try_later_may_be_repeated(
    client: TestClient[Any, Any], desk: FakeDesk, refusal: Refusal
) -> None:
    desk.answer = Refused(refusal, "a detail that stays inside")
    response = await client.get("/api/v1/kiosk/accounts/1")
    error = (await response.json())["error"]
    assert error.keys() == {"code", "message", "final"}
    assert error["code"] == refusal.value
    assert "detail" not in error["message"]
    assert error["final"] is refusal.final
    assert (response.status == 503) is (refusal is Refusal.TRY_LATER)
    assert response.status >= 400


async def test_a_refused_outcome_of_a_payment_is_an_error_too(
    client: TestClient[Any, Any], desk: FakeDesk
) -> None:
    desk.answer = RefusedOutcome(Refusal.PAYMENT_CONFLICT, PAYMENT)
    response = await client.post("/api/v1/kiosk/payments", json=SENT)
    assert response.status == 409
    assert (await response.json())["error"]["code"] == "PAYMENT_CONFLICT"


async def test_a_sentence_is_in_the_language_that_was_asked_for(
    client: TestClient[Any, Any], desk: FakeDesk
) -> None:
    desk.answer = Refused(Refusal.ACCOUNT_CLOSED)
    said = []
    for language in ("ru", "en-GB,en;q=0.9,ru;q=0.1", "de"):
        headers = {"Accept-Language": language}
        response = await client.get("/api/v1/kiosk/accounts/9000001", headers=headers)
        said.append((await response.json())["error"]["message"])
    assert said[0] == said[2] == "Лицевой счёт закрыт, платежи на него не принимаются."
    assert said[1] == "The account is closed and takes no payments."


async def test_the_qr_picture_belongs_to_a_recorded_payment(
    client: TestClient[Any, Any], desk: FakeDesk
) -> None:
    path = f"/api/v1/kiosk/payments/{PAYMENT.agent_payment_id}/qr.svg"
    desk.answer = PaymentStatus(PAYMENT)
    response = await client.get(path)
    assert response.content_type == "image/svg+xml"
    assert (await response.read()).startswith(b"<svg")
    assert desk.asked == [GetStatus(agent_payment_id=PAYMENT.agent_payment_id)]
    desk.answer = Refused(Refusal.PAYMENT_NOT_FOUND)
    assert (await client.get(path)).status == 404


async def test_a_foreign_address_is_not_let_in(
    client: TestClient[Any, Any], desk: FakeDesk, agents: list[Agent]
) -> None:
    agents.append(replace(AGENT, allow_list=(ipaddress.ip_network("10.0.0.0/8"),)))
    response = await client.get("/api/v1/kiosk/accounts/1004217")
    assert response.status == 403
    assert desk.asked == []


async def test_too_many_requests_are_asked_to_come_later(
    client: TestClient[Any, Any], desk: FakeDesk, guard: FakeGuard
) -> None:
    desk.answer = Refused(Refusal.ACCOUNT_NOT_FOUND)
    assert (await client.get("/api/v1/kiosk/accounts/5")).status == 404
    assert guard.unknown == 1
    guard.open = False
    response = await client.get("/api/v1/kiosk/accounts/6")
    assert response.status == 503
    assert (await response.json())["error"]["final"] is False
    assert len(desk.asked) == 1
