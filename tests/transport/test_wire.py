"""The fast lane's guards, one by one; tests/transport/test_lanes.py compares whole exchanges."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from server.money import Money
from server.transport import access_log, wire
from tests.transport.doors import AGENTS, Door, Line, agent, check, opened
from tests.transport.town import ACCOUNTS, Town

PAY = b"GET /pay/osmp?command=pay&txn_id=%d&account=1004217&sum=10.45&txn_date=20260115102030"
SLOW = b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"


def pay(number: int) -> bytes:
    return PAY % number + b" HTTP/1.1\r\nHost: a\r\n\r\n"


def slow_pay(number: int) -> bytes:
    """With a header that may mean anything."""
    return PAY % number + b" HTTP/1.1\r\nHost: a\r\nPrefer: wait\r\n\r\n"


def posted(form: bytes) -> bytes:
    head = b"POST /pay/osmp HTTP/1.1\r\nHost: a\r\n"
    kind = b"Content-Type: application/x-www-form-urlencoded\r\n"
    return head + kind + b"Content-Length: %d\r\n\r\n" % len(form) + form


async def passed_on(door: Door, *requests: bytes) -> list[tuple[int, int]]:
    """What of these went to aiohttp."""
    exchange = await door.exchange(requests, [30])
    return list(exchange.passed_on)


# --- which lane -------------------------------------------------------------------------------


def test_this_aiohttp_was_tested() -> None:
    """Fails when aiohttp is raised: run tests/transport with it, then add it to TESTED."""
    assert aiohttp.__version__ in wire.TESTED


def test_another_aiohttp_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wire.is_tested()
    monkeypatch.setattr(aiohttp, "__version__", "3.99.0")
    assert not wire.is_tested()


@pytest.mark.parametrize("version", sorted(wire.TESTED))
def test_a_tested_version_is_one_that_may_be_installed(version: str) -> None:
    assert version.startswith("3.14.")


async def test_plain_checks_do_not_reach_aiohttp() -> None:
    async with opened(is_fast=True) as door:
        assert await passed_on(door, check(), check() * 3, check("5000001"), check("9000001")) == []
        post = posted(b"command=check&txn_id=1&account=1004217&sum=1.00")
        assert await passed_on(door, post, post + check() + post) == []
        sber = b"GET /pay/sber?ACTION=check&ACCOUNT=1004217 HTTP/1.1\r\nHost: a\r\n\r\n"
        assert await passed_on(door, sber, check(), sber) == []


async def test_the_first_check_of_a_connection_need_not_wait_for_aiohttp() -> None:
    """A terminal that connects for each request sends it with the connection."""
    async with opened(is_fast=True) as door:
        line = door.connect()
        line.feed(check())
        assert line.sent.count(b"<result>0</result>") == 1
        line.feed(slow_pay(1) + check())
        line.feed(check())
        await line.settle()
        assert line.protocol.pieces[0] == (len(check()), len(check() + slow_pay(1) + check()))
        assert line.sent.count(b"<fields>") == 3
        assert line.sent.rindex(b"<fields>") > line.sent.index(b"prv_txn")
        half = door.connect()
        half.feed(check()[:30])
        half.feed(check()[30:] + check())
        half.feed(check())
        await half.settle()
        assert half.sent.count(b"<fields>") == 3


async def test_after_a_slow_request_with_a_known_end_the_connection_is_fast_again() -> None:
    async with opened(is_fast=True) as door:
        slow = await passed_on(door, check(), slow_pay(1), check(), SLOW, check())
        assert [end - start for start, end in slow] == [len(slow_pay(1)), len(SLOW)]
        cut = await passed_on(door, check()[:50], check()[50:], check())
        assert cut == [(0, 50), (50, len(check()))]


async def test_after_a_slow_request_with_an_unknown_end_the_connection_stays_slow() -> None:
    chunked = b"POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    async with opened(is_fast=True) as door:
        slow = await passed_on(door, chunked, check(), check())
        assert sum(end - start for start, end in slow) == len(chunked + check() * 2)


# --- who may ----------------------------------------------------------------------------------


async def test_an_address_that_is_not_allowed_is_refused() -> None:
    async with opened(is_fast=True) as door:
        line = door.connect("192.0.2.1")
        await asyncio.sleep(0)
        line.feed(check())
        await line.settle()
        assert line.sent.startswith(b"HTTP/1.1 403 ")
        far = door.connect("10.1.2.3")
        await asyncio.sleep(0)
        far.feed(check(agent_name="osmp-far"))
        await far.settle()
        assert far.sent.startswith(b"HTTP/1.1 200 ")


async def test_a_change_of_an_agent_holds_for_open_connections() -> None:
    async with opened(is_fast=True) as door:
        line = door.connect()
        await asyncio.sleep(0)
        for changed, status in (
            (AGENTS["osmp"], b"200"),
            (replace(AGENTS["osmp"], allow_list=(ip_network("10.0.0.0/8"),)), b"403"),
            (AGENTS["osmp"], b"200"),
            (None, b"404"),
        ):
            door.book.agents = {"osmp": changed} if changed else {}
            door.lane.due = 0.0
            line.sent.clear()
            line.feed(check())
            await line.settle()
            assert line.sent.split()[1] == status


async def test_rates_hold_on_the_fast_lane() -> None:
    limits = replace(AGENTS["osmp"].limits, requests_per_second_max=3)
    for cold in ((), ("1004217",)):
        agents = {"osmp": agent("osmp", limits=limits)}
        async with opened(is_fast=True, agents=agents, town=Town(cold=cold)) as door:
            exchange = await door.exchange([check() * 8])
            assert 3 <= exchange.sent.count(b"<result>0</result>") <= 6  # the second may change
            assert exchange.sent.count(b"<result>1</result>") >= 2
            assert exchange.sent.count(b"HTTP/1.1 200 OK") == 8
            assert exchange.passed_on == ()


async def test_unknown_accounts_are_counted_on_the_fast_lane() -> None:
    limits = replace(AGENTS["osmp"].limits, unknown_accounts_per_minute_max=2)
    async with opened(is_fast=True, agents={"osmp": agent("osmp", limits=limits)}) as door:
        requests = [check("5000001"), check("5000002"), check("5000003"), check()]
        exchange = await door.exchange(requests, [40])
        assert exchange.sent.count(b"<result>5</result>") == 2
        assert exchange.sent.count(b"<result>1</result>") == 2


async def test_limits_of_a_sum_hold_on_the_fast_lane() -> None:
    limits = replace(AGENTS["osmp"].limits, amount_min=Money(500), amount_max=Money(600))
    async with opened(is_fast=True, agents={"osmp": agent("osmp", limits=limits)}) as door:
        results = []
        for amount in ("4.99", "5.00", "6.00", "6.01", "0.00"):
            exchange = await door.exchange([check(amount=amount)])
            results.append(exchange.sent.partition(b"<result>")[2].partition(b"<")[0])
        assert results == [b"241", b"0", b"0", b"242", b"0"]


async def test_what_may_not_be_trusted_is_asked_for() -> None:
    town = Town()
    async with opened(is_fast=True, town=town) as door:
        await door.exchange([check()])
        assert town.asked == []
        town.trusted = False
        exchange = await door.exchange([check()])
        assert town.asked == ["1004217"]
        assert b"<result>0</result>" in exchange.sent


# --- slow peers -------------------------------------------------------------------------------


async def test_a_peer_that_does_not_read_is_not_read_from() -> None:
    async with opened(is_fast=True) as door:
        line = door.connect()
        await asyncio.sleep(0)
        line.takes = 20_000
        for _ in range(300):
            line.feed(check() * 10)
            await asyncio.sleep(0)
        await line.settle()
        assert len(line.sent) < 300_000
        assert line.waiting_bytes > 300_000
        answered = line.sent.count(b"HTTP/1.1 200 OK")
        for _ in range(3000):
            if line.takes < 0:
                line.drain(50_000)
            await asyncio.sleep(0)
        await line.settle()
        assert line.waiting_bytes == 0
        assert answered < line.sent.count(b"HTTP/1.1 200 OK") == 3000


async def test_a_peer_that_waits_for_nothing_does_not_fill_the_memory() -> None:
    town = Town(cold=list(ACCOUNTS), delay=15)
    async with opened(is_fast=True, town=town) as door:
        line = door.connect()
        await asyncio.sleep(0)
        for _ in range(100):
            line.feed(check() * 10)
        assert town.in_flight <= 64
        assert line.waiting_bytes > 50_000
        await line.settle()
        assert line.sent.count(b"HTTP/1.1 200 OK") == 1000


async def test_one_connection_does_not_keep_the_others_waiting() -> None:
    async with opened(is_fast=True) as door:
        greedy, modest = door.connect(), door.connect()
        await asyncio.sleep(0)
        greedy.feed(check() * 1000)
        modest.feed(check())
        assert greedy.sent.count(b"HTTP/1.1 200 OK") < 100
        assert modest.sent.count(b"HTTP/1.1 200 OK") == 1
        await greedy.settle()
        assert greedy.sent.count(b"HTTP/1.1 200 OK") == 1000


async def test_a_peer_that_leaves_while_its_account_is_looked_up_harms_nobody() -> None:
    async with opened(is_fast=True, town=Town(cold=["1004217"], delay=5)) as door:
        line = door.connect()
        await asyncio.sleep(0)
        line.feed(check() + check("9000001"))
        line.close()
        await asyncio.sleep(0)
        sent = len(line.sent)
        await line.settle()
        assert len(line.sent) == sent
        assert b"<result>0</result>" in (await door.exchange([check()])).sent


# --- time -------------------------------------------------------------------------------------


async def _idle(line: Line, door: Door, requests: int) -> None:
    for _ in range(requests):
        line.feed(check())
        await asyncio.sleep(0.05)
    assert not line.is_closed


@pytest.mark.parametrize("first", [check(), SLOW, pay(1), slow_pay(1)])
async def test_fast_answers_keep_a_connection_alive_and_idleness_ends_it(first: bytes) -> None:
    async with opened(is_fast=True, keepalive_timeout=1) as door:
        line = door.connect()
        await asyncio.sleep(0)
        line.feed(first)
        await _idle(line, door, 30)
        for _ in range(400):
            await asyncio.sleep(0.01)
            if line.is_closed:
                return
        raise AssertionError("an idle connection stays open")


async def test_a_connection_that_waits_for_its_answer_is_not_idle() -> None:
    town = Town(cold=["1004217"], delay=1 << 60)
    async with opened(is_fast=True, town=town, keepalive_timeout=0.2) as door:
        line = door.connect()
        await asyncio.sleep(0)
        line.feed(check())
        await asyncio.sleep(0.7)
        assert not line.is_closed
        line.close()


async def test_a_stopping_server_answers_what_it_is_looking_up() -> None:
    async with opened(is_fast=True, town=Town(cold=["1004217"], delay=40)) as door:
        line = door.connect()
        await asyncio.sleep(0)
        line.feed(check() + check("9000001"))
        await asyncio.sleep(0)
        assert not line.sent
        await door.runner.cleanup()
        assert line.sent.count(b"HTTP/1.1 200 OK") == 2
        assert line.is_closed


async def test_a_stopping_server_takes_no_new_requests() -> None:
    async with opened(is_fast=True) as door:
        line = door.connect()
        await asyncio.sleep(0)
        line.feed(check())
        assert line.sent
        line.sent.clear()
        door.runner.server.pre_shutdown()  # type: ignore[union-attr]
        line.feed(check())
        await line.settle()
        assert not line.sent


# --- what is seen of it -----------------------------------------------------------------------


@pytest.mark.parametrize("cold", [(), ("1004217",)])
async def test_the_access_log_has_the_lines_of_the_slow_lane(cold: tuple[str, ...]) -> None:
    processors: list[Any] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.add_log_level,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    before = structlog.get_config()
    structlog.configure(processors=processors)
    try:
        async with opened(is_fast=True, town=Town(cold=cold)) as door:
            await door.exchange([check() + check()])
            door.lane.flush()
            lines = "".join(door.lines).splitlines()
    finally:
        structlog.configure(**before)
    async with opened(is_fast=False) as slow:
        with capture_logs() as slow_lines:
            await slow.exchange([check()])
    (slow_line,) = (line for line in slow_lines if line["event"] == "answered")
    assert len(lines) == 2
    for line in map(json.loads, lines):
        assert line.pop("timestamp") == "2026-01-15T07:20:31.250000Z"
        assert line.pop("level") == slow_line["log_level"]
        assert line == {name: text for name, text in slow_line.items() if name != "log_level"}
        assert line["account"] == "***217"


def test_a_log_for_a_person_has_plain_lines() -> None:
    before = structlog.get_config()
    structlog.configure(processors=[structlog.dev.ConsoleRenderer(colors=False)])
    try:
        line = access_log.Lines("osmp", "GET").of([b"1004217"], "2026-01-15T07:20:31Z")
    finally:
        structlog.configure(**before)
    assert line == (
        "answered agent=osmp method=GET operation=check outcome=ok account=***217"
        " 2026-01-15T07:20:31Z\n"
    )


def _metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def _counts() -> tuple[float, ...]:
    ok = {"agent": "osmp", "operation": "check", "outcome": "ok"}
    return (
        _metric("kvitok_requests_total", **ok),
        _metric("kvitok_request_seconds_count", agent="osmp"),
        _metric("kvitok_fast_answers_total", agent="osmp", source="memory"),
        _metric("kvitok_fast_answers_total", agent="osmp", source="redis"),
    )


async def test_the_metrics_count_every_answer() -> None:
    async with opened(is_fast=True, town=Town(cold=["9000004"])) as door:
        door.lane.flush()
        before = _counts()
        seconds = _metric("kvitok_request_seconds_sum", agent="osmp")
        await door.exchange([check(), check() * 4, check("9000004"), check("9000001")], [30])
        door.lane.flush()
        grown = [after - at_first for after, at_first in zip(_counts(), before, strict=True)]
        assert grown == [6, 7, 5, 1]
        assert _metric("kvitok_request_seconds_sum", agent="osmp") > seconds


async def test_requests_are_the_ones_that_aiohttp_would_have_handed_over() -> None:
    seen = []

    def watch(agent: object, request: object, outcome: object) -> None:
        seen.append((agent, request))

    post = posted(b"command=check&txn_id=1&account=9000001&sum=1.00")
    for fast in (True, False):
        async with opened(is_fast=fast, watch=watch) as door:
            exchange = await door.exchange([check("9000001") + post, post])
            assert (exchange.passed_on == ()) or not fast
    assert len(seen) == 6
    assert seen[:3] == seen[3:]


async def test_a_site_serves_with_the_fast_lane() -> None:
    assert issubclass(wire.FastSite, web.SockSite)
