"""A SOAP client that zeep makes from the served WSDL, against the whole server."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import zeep

from tests.integration.demo import Demo

WHO = {"username": "paynet", "password": "paynet-demo"}
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
_ids = itertools.count(7_000)


class Terminal:
    """Paynet's side: every call as zeep makes it from the WSDL."""

    def __init__(self, demo: Demo) -> None:
        client = zeep.Client(demo.url + "/pay/paynet?wsdl")
        self._service: Any = client.service

    def balance(self, account: str) -> int:
        result = self._service.GetInformation(
            **WHO, serviceId=1, parameters=[{"paramKey": "clientid", "paramValue": account}]
        )
        assert result.status == 0
        return next(int(p.paramValue) for p in result.parameters if p.paramKey == "balance")

    def pay(self, key: int, account: str, tiyin: int) -> Any:
        return self._service.PerformTransaction(
            **WHO,
            amount=tiyin,
            parameters=[{"paramKey": "clientid", "paramValue": account}],
            serviceId=1,
            transactionId=key,
            transactionTime=NOW,
        )

    def check(self, key: int) -> Any:
        return self._service.CheckTransaction(
            **WHO, serviceId=1, transactionId=key, transactionTime=NOW, parameters=[]
        )

    def cancel(self, key: int) -> Any:
        return self._service.CancelTransaction(
            **WHO, serviceId=1, transactionId=key, transactionTime=NOW, parameters=[]
        )

    def statement(self) -> list[int]:
        result = self._service.GetStatement(
            **WHO,
            dateFrom=NOW - dt.timedelta(minutes=1),
            dateTo=NOW + dt.timedelta(minutes=1),
            serviceId=1,
            onlyTransactionId=True,
            parameters=[],
        )
        assert result.status == 0
        return [row.transactionId for row in result.statements]


@pytest.fixture(scope="module")
def terminal(demo: Demo) -> Terminal:
    return Terminal(demo)


def test_a_whole_day_of_a_soap_client(demo: Demo, terminal: Terminal) -> None:
    account = "1000030"
    debt = demo.debt(account)
    assert terminal.balance(account) == debt
    key = next(_ids)
    first = terminal.pay(key, account, 12_345)
    again = terminal.pay(key, account, 12_345)
    assert (first.status, again.status) == (0, 201)
    assert first.providerTrnId == again.providerTrnId > 0
    assert terminal.balance(account) == debt - 12_345
    assert terminal.pay(key, account, 12_346).status == 413
    assert terminal.pay(key, "1000031", 12_345).status == 302
    checked = terminal.check(key)
    assert (checked.transactionState, checked.providerTrnId) == (1, first.providerTrnId)
    assert key in terminal.statement()
    cancelled = terminal.cancel(key)
    assert (cancelled.status, cancelled.transactionState) == (0, 2)
    assert terminal.cancel(key).status == 202
    assert terminal.check(key).transactionState == 2
    assert key not in terminal.statement()
    assert terminal.balance(account) == debt
    (row,) = [
        p
        for p in demo.json("payment", "list", "--account", account, "--agent", "paynet")
        if p["agent_payment_id"] == str(key)
    ]
    assert row["state"] == "cancelled"


def test_unknown_and_closed_accounts_have_their_statuses(terminal: Terminal) -> None:
    assert terminal.pay(next(_ids), "5555555", 10_000).status == 302
    assert terminal.pay(next(_ids), "9000001", 10_000).status == 501
    assert terminal.pay(next(_ids), "1000030", 99).status == 413


def test_sixty_four_equal_pays_are_one_success_and_sixty_three_duplicates(demo: Demo) -> None:
    key = next(_ids)
    terminals = [Terminal(demo) for _ in range(16)]

    def pay_four_times(terminal: Terminal) -> list[tuple[int, int]]:
        results = [terminal.pay(key, "1000032", 10_000) for _ in range(4)]
        return [(result.status, result.providerTrnId) for result in results]

    with ThreadPoolExecutor(16) as pool:
        answers = [each for four in pool.map(pay_four_times, terminals) for each in four]
    assert Counter(status for status, _ in answers) == {0: 1, 201: 63}
    assert len({number for _, number in answers}) == 1
