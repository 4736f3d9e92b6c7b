"""Plain requests that are no checks, payments above all: on the fast lane up to the pipeline."""

from __future__ import annotations

import pytest

from tests.transport.doors import check, opened
from tests.transport.test_wire import PAY, passed_on, pay, posted, slow_pay
from tests.transport.town import Town


async def test_plain_payments_do_not_reach_aiohttp_either() -> None:
    async with opened(is_fast=True) as door:
        assert await passed_on(door, pay(1), check(), pay(2) + check() + pay(3), pay(1)) == []
        post = posted(b"command=pay&txn_id=4&account=1004217&sum=1.00&txn_date=20260115102030")
        assert await passed_on(door, post, post + check()) == []
        assert await passed_on(door, PAY[:40] + b" HTTP/1.1\r\nHost: a\r\n\r\n") == []


@pytest.mark.parametrize(
    "query",
    [b'"', b"#a=1", b"a=\xd0\x9f", b"a=1 b", b"WSDL", b"wsdl", b"a=" + b"1" * 2048],
    ids=["quote", "fragment", "not ASCII", "blank", "document", "document again", "long"],
)
async def test_what_a_parser_might_have_a_word_about_reaches_aiohttp(query: bytes) -> None:
    request = b"GET /pay/paynet?" + query + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    if b"sdl" not in query.lower():
        request = request.replace(b"paynet", b"osmp")
    async with opened(is_fast=True) as door:
        assert await passed_on(door, request) == [(0, len(request))]


async def test_what_follows_a_payment_is_not_begun_before_it_is_answered() -> None:
    """It may ask for what the payment changes; so may the payment change what comes before."""
    town = Town(cold=["1004217", "5000001"], delay=9)
    said: list[tuple[str, int]] = []

    def watch(agent: object, request: object, outcome: object) -> None:
        said.append((type(outcome).__name__, town.in_flight))

    async with opened(is_fast=True, town=town, watch=watch) as door:
        line = door.connect()
        line.feed(pay(1) + check() + pay(1) + check("5000001"))
        assert town.asked == []
        await line.settle()
        assert town.asked == ["1004217", "5000001"]
        assert said == [("PaymentAccepted", 0), ("PaymentAccepted", 0), ("RefusedOutcome", 0)]
        assert line.sent.count(b"HTTP/1.1 200 OK") == 4


@pytest.mark.parametrize("first", [pay(1), slow_pay(1)], ids=["plain", "slow"])
async def test_while_a_payment_is_being_answered_nothing_overtakes_it(first: bytes) -> None:
    async with opened(is_fast=True) as door:
        exchange = await door.exchange([first + check(), check()], [0])
        assert exchange.sent.count(b"HTTP/1.1 200 OK") == 3
        assert exchange.sent.index(b"prv_txn") < exchange.sent.index(b"<fields>")


@pytest.mark.parametrize("paid", [pay(5), slow_pay(5)], ids=["plain", "slow"])
async def test_answers_leave_in_the_order_of_their_requests(paid: bytes) -> None:
    numbers = ["9000004", "1004217", "0000042", "5000001", "9000005", "9000002"]
    requests = [check(n).replace(b"90000000000001", n.encode()) for n in numbers]
    async with opened(is_fast=True, town=Town(cold=["1004217", "5000001"], delay=7)) as door:
        exchange = await door.exchange([b"".join(requests), paid, requests[0]], [2])
        places = [exchange.sent.index(b">%s<" % n.encode()) for n in numbers]
        assert places == sorted(places)
        assert exchange.sent.index(b"prv_txn") > places[-1]
