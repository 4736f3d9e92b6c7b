"""How connections end: peers that do not read, and servers that stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from server import app
from server.config import Settings
from server.transport.patience import PatientSite
from server.transport.wire import FastSite
from tests.transport.doors import Door, Line, check, opened
from tests.transport.test_wire import pay, slow_pay
from tests.transport.town import Town

CLOSING = b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


async def _ended(line: Line) -> None:
    """Waits until the server has hung up."""
    for _ in range(1000):
        if line.is_closed:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the connection stays open")


@pytest.mark.parametrize(
    "sent",
    [check() * 12, check() * 2000, slow_pay(1) * 12],
    ids=["answered", "held", "slow"],
)
async def test_a_peer_that_never_reads_is_hung_up_on(sent: bytes) -> None:
    async with opened(is_fast=True, keepalive_timeout=0.2) as door:
        line = door.connect()
        await asyncio.sleep(0)
        line.takes = 1000
        line.feed(sent)
        await line.settle()
        assert line.takes < 0
        await _ended(line)


async def test_a_peer_that_reads_again_in_time_gets_all_its_answers() -> None:
    async with opened(is_fast=True, keepalive_timeout=5) as door:
        line = door.connect()
        await asyncio.sleep(0)
        line.takes = 5000
        line.feed(check() * 200)
        await line.settle()
        line.drain(1 << 30)
        await line.settle()
        assert line.sent.count(b"HTTP/1.1 200 OK") == 200
        assert not line.is_closed


async def _all_gone(server: Any) -> None:
    for _ in range(1000):
        if not server.connections:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the connection is not forgotten")


async def _send_for_ever(peer: socket.socket) -> None:
    while True:
        sending = asyncio.get_running_loop().sock_sendall(peer, check() * 500)
        await asyncio.wait_for(sending, 60)


@asynccontextmanager
async def _peer(door: Door, *, is_fast: bool = True) -> AsyncIterator[socket.socket]:
    """Connected with little room for what it does not read."""
    with socket.socket() as listener, socket.socket() as peer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        fast = FastSite(door.runner, listener, door.lane)
        site = fast if is_fast else PatientSite(door.runner, listener)
        await site.start()
        peer.setblocking(False)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.get_running_loop().sock_connect(peer, listener.getsockname())
        server: Any = door.runner.server
        for _ in range(1000):
            if server.connections:
                break
            await asyncio.sleep(0.01)
        yield peer
        await site.stop()


@pytest.mark.parametrize("is_fast", [True, False])
async def test_a_real_peer_that_never_reads_is_hung_up_on(is_fast: bool) -> None:
    opening = opened(is_fast=is_fast, keepalive_timeout=0.2)
    async with opening as door, _peer(door, is_fast=is_fast) as peer:
        with pytest.raises(ConnectionError):
            await _send_for_ever(peer)
        await _all_gone(door.runner.server)


@pytest.mark.parametrize("field", [b"Connection: close", b"Accept: */*"])
async def test_what_is_closed_does_not_wait_for_a_peer_that_never_reads(field: bytes) -> None:
    last = CLOSING.replace(b"Connection: close", field)
    async with opened(is_fast=True, keepalive_timeout=0.2) as door, _peer(door) as peer:
        await asyncio.get_running_loop().sock_sendall(peer, check() * 40 + last)
        await _all_gone(door.runner.server)


async def test_what_is_closed_waits_for_a_peer_that_reads() -> None:
    async with opened(is_fast=True, keepalive_timeout=1) as door, _peer(door) as peer:
        loop, said = asyncio.get_running_loop(), b""
        await loop.sock_sendall(peer, check() * 40 + CLOSING)
        await asyncio.sleep(0.1)
        while got := await asyncio.wait_for(loop.sock_recv(peer, 4096), 60):
            said += got
        assert said.count(b"HTTP/1.1 200 OK") == 40
        assert b"HTTP/1.1 404 " in said


async def test_a_request_that_does_not_arrive_in_time_is_the_last_one() -> None:
    head = b"POST /pay/osmp HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
    async with opened(is_fast=True, within_seconds=0.2, lingering_time=0.1) as door:
        line = door.connect()
        await asyncio.sleep(0)
        line.feed(head + b"command=check")
        await _ended(line)
        assert line.sent.startswith(b"HTTP/1.1 408 ")
        assert b"\r\nConnection: close\r\n" in line.sent


async def _stopped(door: Door, line: Line) -> None:
    """As aiohttp shuts a connection down, but for the hint that it gives before."""
    await line.protocol.shutdown(1)
    await line.settle()
    assert line.is_closed


@pytest.mark.parametrize("later", [pay(1), slow_pay(1)], ids=["plain", "slow"])
async def test_what_waits_behind_a_lookup_is_not_begun_by_a_server_that_stops(
    later: bytes,
) -> None:
    """Its answer could not leave any more: a payment that is not answered is better not made."""
    async with opened(is_fast=True, town=Town(cold=["1004217"], delay=40)) as door:
        line = door.connect()
        await asyncio.sleep(0)
        line.feed(check() + later)
        await _stopped(door, line)
        assert line.sent.count(b"HTTP/1.1 200 OK") == 1
        assert door.ledger.rows == {}


async def test_what_comes_after_the_last_answer_is_not_begun_by_a_server_that_stops() -> None:
    async with opened(is_fast=True, town=Town(cold=["1004217"], delay=40)) as door:
        line = door.connect()
        await asyncio.sleep(0)
        line.feed(check())

        async def come_late() -> None:
            for _ in range(1000):
                if line.sent:
                    break
                await asyncio.sleep(0)
            line.feed(pay(1))

        late = asyncio.create_task(come_late())
        await _stopped(door, line)
        await late
        assert line.sent.count(b"HTTP/1.1 200 OK") == 1
        assert door.ledger.rows == {}


@pytest.mark.parametrize(
    ("fast_lane", "is_tested", "kind"),
    [
        (True, True, FastSite),
        (False, True, PatientSite),
        (True, False, web.SockSite),
        (False, False, web.SockSite),
    ],
)
async def test_connections_of_our_own_only_with_an_aiohttp_that_was_tested(
    monkeypatch: pytest.MonkeyPatch, fast_lane: bool, is_tested: bool, kind: type
) -> None:
    monkeypatch.setattr(app, "is_tested", lambda: is_tested)
    settings = Settings.model_construct(fast_lane=fast_lane)
    async with opened(is_fast=True) as door:
        with socket.socket() as listener:
            site = app._site(settings, door.runner, listener, door.lane)
            assert type(site) is kind
            site._sock.close()
