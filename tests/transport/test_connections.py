"""A flood of connections: what is over a limit is reset, and nobody else notices."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from server.transport.connections import Gate, Watch, peer_of, raise_files_limit

REQUEST = b"GET / HTTP/1.1\r\nHost: kvitok\r\n\r\n"


@dataclass
class Town:
    """A server behind a gate."""

    gate: Gate
    port: int

    async def connect(self, address: str = "127.0.0.1") -> Caller:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(address, 0)
        )
        return Caller(reader, writer)


@dataclass
class Caller:
    """One connection from outside."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def is_answered(self) -> bool:
        try:
            self.writer.write(REQUEST)
            return (await self.reader.readuntil(b"ok")).endswith(b"ok")
        except (OSError, EOFError):
            return False

    async def is_hung_up(self) -> bool:
        try:
            return await self.reader.read(1) == b""
        except OSError:
            return True


@asynccontextmanager
async def town(gate: Gate, **options: Any) -> AsyncIterator[Town]:
    async def ok(request: web.Request) -> web.Response:
        return web.Response(text="ok")

    application = web.Application()
    application.add_routes([web.get("/", ok)])
    runner = web.AppRunner(application, **options)
    await runner.setup()
    assert runner.server is not None
    Watch(runner.server, gate)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield Town(gate, runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def until_open(gate: Gate, count: int) -> None:
    while gate.count != count:  # noqa: ASYNC110 - the other end closes when it likes
        await asyncio.sleep(0.005)


async def test_one_peer_has_its_share_and_another_is_answered() -> None:
    async with town(Gate(10, 3)) as here:
        callers = [await here.connect() for _ in range(5)]
        answered = [await caller.is_answered() for caller in callers]
        assert answered == [True, True, True, False, False]
        assert await (await here.connect("127.0.0.2")).is_answered()


async def test_a_full_worker_refuses_whoever_comes_until_somebody_goes() -> None:
    async with town(Gate(2, 0)) as here:
        first, _ = await here.connect(), await here.connect()
        assert await first.is_answered()
        assert await (await here.connect("127.0.0.2")).is_hung_up()
        first.writer.close()
        await until_open(here.gate, 1)
        assert await (await here.connect("127.0.0.2")).is_answered()


async def test_everybody_who_went_is_forgotten() -> None:
    async with town(Gate(5, 5)) as here:
        callers = [await here.connect(f"127.0.0.{1 + place}") for place in range(8)]
        for caller in callers:
            await caller.is_answered()
            caller.writer.close()
        await until_open(here.gate, 0)
        assert not here.gate._by_peer


async def test_without_limits_everybody_comes_in() -> None:
    async with town(Gate(0, 0)) as here:
        callers = [await here.connect() for _ in range(30)]
        assert all([await caller.is_answered() for caller in callers])


@pytest.mark.parametrize("said", [b"", b"G", REQUEST[:-2]], ids=["silence", "a byte", "a head"])
async def test_who_does_not_finish_a_head_is_hung_up_on(said: bytes) -> None:
    """aiohttp's timer must run from the beginning; a later version might not have it."""
    async with town(Gate(0, 0), keepalive_timeout=0.2) as here:
        caller = await here.connect()
        caller.writer.write(said)
        async with asyncio.timeout(5):
            assert await caller.is_hung_up()
        await until_open(here.gate, 0)


class Peer(asyncio.BaseTransport):
    """A transport that says who is at the other end."""

    def __init__(self, name: object) -> None:
        super().__init__({"peername": name})


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        (("192.0.2.7", 4000), "192.0.2.7"),
        (("::ffff:192.0.2.7", 4000, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3::4", 4000, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 4000, 0, 2), "fe80::/64"),
        ("", ""),
    ],
)
def test_who_counts_as_one_peer(name: object, peer: str) -> None:
    assert peer_of(Peer(name)) == peer


def test_a_process_may_open_as_many_files_as_it_is_allowed_to() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1024), hard))
    assert 0 < raise_files_limit() < hard
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
