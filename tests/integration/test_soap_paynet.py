"""SOAP clients that are made from Paynet's served WSDL, against the whole server."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from server.messages import PaymentState
from tests.clients.soap_clients import CLIENTS, Client, Endpoint
from tests.integration import books
from tests.integration.demo import Demo

WHO = {"username": "paynet", "password": "paynet-demo"}
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
_ids = itertools.count(7_000)
ACCOUNTS = {"zeep": "1000030", "php": "1000033", "node": "1000034"}

every_client = pytest.mark.parametrize(
    "name",
    [
        "zeep",
        pytest.param("php", marks=pytest.mark.php),
        pytest.param("node", marks=pytest.mark.node),
    ],
)


class Terminal:
    """Paynet's side: every call as the client makes it from the WSDL."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def _call(self, operation: str, **arguments: Any) -> Any:
        return self._client.call(operation, **WHO, **arguments)

    def balance(self, account: str) -> int:
        result = self._call("GetInformation", parameters=_account(account), serviceId=1)
        assert int(result["status"]) == 0
        found = {each["paramKey"]: each["paramValue"] for each in result["parameters"]}
        return int(found["balance"])

    def pay(self, key: int, account: str, tiyin: int) -> tuple[int, int]:
        result = self._call(
            "PerformTransaction",
            amount=tiyin,
            parameters=_account(account),
            serviceId=1,
            transactionId=key,
            transactionTime=NOW.isoformat(),
        )
        return int(result["status"]), int(result["providerTrnId"])

    def check(self, key: int) -> tuple[int, int]:
        result = self._about("CheckTransaction", key)
        return int(result["transactionState"]), int(result["providerTrnId"])

    def cancel(self, key: int) -> tuple[int, int]:
        result = self._about("CancelTransaction", key)
        return int(result["status"]), int(result["transactionState"])

    def _about(self, operation: str, key: int) -> Any:
        moment = NOW.isoformat()
        return self._call(operation, serviceId=1, transactionId=key, transactionTime=moment)

    def statement(self) -> list[int]:
        result = self._call(
            "GetStatement",
            dateFrom=(NOW - dt.timedelta(minutes=1)).isoformat(),
            dateTo=(NOW + dt.timedelta(minutes=1)).isoformat(),
            serviceId=1,
            onlyTransactionId=True,
        )
        assert int(result["status"]) == 0
        rows = result.get("statements") or []
        # node's client makes no list of a single element.
        rows = rows if isinstance(rows, list) else [rows]
        return [int(row["transactionId"]) for row in rows]


def _account(number: str) -> list[dict[str, str]]:
    return [{"paramKey": "clientid", "paramValue": number}]


def _terminal(demo: Demo, name: str) -> tuple[Terminal, Client]:
    client = CLIENTS[name](Endpoint(f"{demo.url}/pay/paynet?wsdl"), "1.1")
    return Terminal(client), client


@pytest.fixture
def terminal(demo: Demo, name: str) -> Iterator[Terminal]:
    terminal, client = _terminal(demo, name)
    yield terminal
    client.close()


@every_client
def test_a_whole_day_of_a_soap_client(demo: Demo, terminal: Terminal, name: str) -> None:
    account = ACCOUNTS[name]
    debt = books.debt(demo, account)
    assert terminal.balance(account) == debt
    key = next(_ids)
    first = terminal.pay(key, account, 12_345)
    again = terminal.pay(key, account, 12_345)
    assert (first[0], again[0]) == (0, 201)
    assert first[1] == again[1] > 0
    assert terminal.balance(account) == debt - 12_345
    assert terminal.pay(key, account, 12_346) == (413, 0)
    assert terminal.pay(key, "1000031", 12_345) == (302, 0)
    assert terminal.check(key) == (1, first[1])
    assert key in terminal.statement()
    assert terminal.cancel(key) == (0, 2)
    assert terminal.cancel(key) == (202, 2)
    assert terminal.check(key) == (2, first[1])
    assert terminal.pay(key, account, 12_345) == (202, first[1])
    assert key not in terminal.statement()
    assert terminal.balance(account) == debt
    assert books.state(demo, "paynet", str(key)) is PaymentState.CANCELLED


@pytest.mark.parametrize("name", ["zeep"])
def test_unknown_and_closed_accounts_have_their_statuses(terminal: Terminal, name: str) -> None:
    assert terminal.pay(next(_ids), "5555555", 10_000)[0] == 302
    assert terminal.pay(next(_ids), "9000001", 10_000)[0] == 501
    assert terminal.pay(next(_ids), "1000030", 99)[0] == 413


def test_sixty_four_equal_pays_are_one_success_and_sixty_three_duplicates(demo: Demo) -> None:
    key = next(_ids)
    opened = [_terminal(demo, "zeep") for _ in range(16)]

    def pay_four_times(terminal: Terminal) -> list[tuple[int, int]]:
        return [terminal.pay(key, "1000032", 10_000) for _ in range(4)]

    with ThreadPoolExecutor(16) as pool:
        paid = pool.map(pay_four_times, (terminal for terminal, _ in opened))
        answers = [each for four in paid for each in four]
    for _, client in opened:
        client.close()
    assert Counter(status for status, _ in answers) == {0: 1, 201: 63}
    assert len({number for _, number in answers}) == 1
