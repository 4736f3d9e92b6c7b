"""Logs say why a request was refused, and nothing of who was to pay and where they live."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from urllib.parse import unquote

import pytest
from structlog.testing import capture_logs

from server.accounts import AccountState, AccountView
from server.messages import Outcome
from server.payments.desk import PaymentDesk
from server.payments.ports import PaidLane
from server.protocols import Codec, Request, Verified, load
from server.refusals import Refusal, Refused, outline
from server.transport.answer import Answering
from server.transport.http import observe
from server.transport.limits import Rates
from tests.payments.fakes import FakeAccounts, FakeLedger, view
from tests.protocols.nasty import payments, raw, with_field, with_raw
from tests.protocols.vectors import load_vectors

PROTOCOLS = sorted(load())
NAME = "Ivanov Ivan, Lenina 5-12"
TEXTS = (NAME, "Иванов Иван, ул. Садовая, д. 12", " 1004217", "1004217\t", "10042170" * 5)
JUNK = (
    f"{NAME} 1004217 %zz",
    f"account=1004217&address={NAME}&%",
    f"<a number='1004217' {NAME}='1'><b>1004217</a>",
    "<Иванов-Садовая12/><Иванов-1004217>",
    '{"account": "1004217", "Иванов": Ivanov Lenina}',
    f'{{"{NAME}": "1004217", "{NAME}": "1004217"}}',
)
_NUMBER = re.compile(r"[0-9]{6,}")
_WORD = re.compile(r"[а-яёА-ЯЁ]{3,}")
_KOPECKS = r"\.[0-9]{2}\b"  # after a sum, of which a log may speak
_OF_NAME = re.compile(r"Ivanov|Lenina")


@dataclass
class Unlucky:
    """Accounts that do not exist, or are closed."""

    state: AccountState | None

    async def find(self, number: str) -> AccountView | None:
        return view(number, self.state) if self.state else None

    async def publish(self, lanes: Sequence[PaidLane]) -> None:
        raise AssertionError("nothing is paid here")


class Trusting:
    """A codec that takes every signature for good: who holds the key may write nonsense too."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def __getattr__(self, name: str) -> object:
        return getattr(self._codec, name)

    def verify(self, *_: object) -> Verified:
        return Verified()


async def _claim(*_: object) -> bool:
    return True


def _logged(request: Request, state: AccountState | None) -> str:
    """What is logged of a request that is let in."""
    codec = load()[request.agent.protocol]
    desk = PaymentDesk(Unlucky(state), FakeLedger(FakeAccounts()), lambda: request.received_at)
    outcomes: list[Outcome] = []

    def watch(agent: object, request: Request, outcome: Outcome) -> None:
        outcomes.append(outcome)
        observe(request.agent, request, outcome)

    answering = Answering(desk, Rates(lambda: 0.0), _claim, watch)
    with capture_logs() as lines:
        asyncio.run(answering.answer(Trusting(codec), request))  # type: ignore[arg-type]
    assert all(line["event"] != "unexpected" for line in lines), lines
    assert outcomes
    return json.dumps(lines, ensure_ascii=False, default=str)


def _told(request: Request) -> str:
    """Everything that the request says, however it writes it."""
    text = f"{request.query} {request.body.decode(errors='replace')}"
    return " ".join((text, unquote(text), unquote(text, "cp1251")))


def _given_away(request: Request, log: str) -> set[str]:
    """What the log has of a request's numbers and names."""
    told = _told(request)
    found = {each for pattern in (_NUMBER, _WORD, _OF_NAME) for each in pattern.findall(told)}
    return {each for each in found if re.search(rf"{each}(?!{_KOPECKS})", log)}


def _requests(protocol: str) -> Iterator[Request]:
    for vector in load_vectors():
        if vector.protocol == protocol:
            yield vector.request
    vector = next(each for each in load_vectors() if each.protocol == protocol)
    for text in JUNK:
        yield with_raw(vector.request, text)
        yield replace(vector.request, query=text)
    fields = ("account", "payment_id", "amount")
    for paid, field, text in product(payments(protocol), fields, TEXTS):
        request = with_field(paid, field, text)
        if request is not None:
            yield request


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("state", [None, AccountState.CLOSED], ids=["unknown", "closed"])
def test_no_log_names_a_payer(protocol: str, state: AccountState | None) -> None:
    count = 0
    for request in _requests(protocol):
        log = _logged(request, state)
        assert _given_away(request, log) == set(), (raw(request), log)
        count += "refused" in log
    assert count > len(JUNK)


@pytest.mark.parametrize(
    ("detail", "logged"),
    [
        ("account 1004217", "account ***217"),
        ("Иванов: ул. Садовая", "…: …. …"),
        ("12345 < 1000000.00, 1500000.50 > 7", "12345 < 1000000.00, 1500000.50 > 7"),
        ("1004217.001", "***217.001"),
        ("zero", "zero"),
    ],
)
def test_what_may_be_an_account_or_a_name_is_no_detail(detail: str, logged: str) -> None:
    refused = Refused(Refusal.MALFORMED, detail)
    assert refused.detail == logged
    assert str(refused) == f"MALFORMED: {logged}"


@pytest.mark.parametrize(
    ("text", "outlined"),
    [
        ("ул. 12/а", "'xx. ##/x'"),
        ("", "''"),
        ("1\0", "'#\\x00'"),
        ("7" * 41, f"'{'#' * 40}', 41 characters"),
    ],
)
def test_an_outline_shows_a_form_and_no_content(text: str, outlined: str) -> None:
    assert outline(text) == outlined
