"""The bad network itself: every weather does what it says, and fair weather does nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.proxy import FAIR, Proxy, Weather
from tests.faults.wire import Line, NoAnswerError, get

_REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Echo:
    """A server that counts requests and answers each."""

    def __init__(self) -> None:
        self.requests = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                writer.write(_REPLY)
        except (EOFError, OSError):
            writer.close()


@asynccontextmanager
async def network() -> AsyncIterator[tuple[Echo, Proxy, Line]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    proxy = Proxy(server.sockets[0].getsockname()[:2])
    await proxy.start()
    line = Line(("127.0.0.1", proxy.port))
    try:
        yield echo, proxy, line
    finally:
        line.close()
        await proxy.stop()
        server.close()


async def test_in_fair_weather_everything_passes_on_one_connection() -> None:
    async with network() as (echo, proxy, line):
        for _ in range(20):
            assert (await line.ask(get("/"), 2)).body == b"ok"
        assert (echo.requests, proxy.connections) == (20, 1)


async def test_delay_and_a_narrow_line_take_their_time() -> None:
    async with network() as (_, proxy, line):
        for weather in (Weather(delay_seconds=0.1), Weather(bytes_per_second=400)):
            await proxy.change(weather)
            started = time.monotonic()
            await line.ask(get("/"), 3)
            assert time.monotonic() - started > 0.15


async def test_delay_may_befall_some_connections_only() -> None:
    async with network() as (_, proxy, line):
        await proxy.change(Weather(delay_seconds=0.2, slow_share=0.5))
        slow = 0
        for _ in range(12):
            started = time.monotonic()
            await line.ask(get("/"), 10)
            slow += time.monotonic() - started > 0.4
            line.close()
        assert slow > 0
        await proxy.change(Weather(delay_seconds=60, slow_share=0.0))
        assert (await line.ask(get("/"), 30)).status == 200


@pytest.mark.parametrize("held", ["requests", "replies"])
async def test_what_is_held_comes_when_the_weather_is_better(held: str) -> None:
    async with network() as (echo, proxy, line):
        await line.ask(get("/"), 2)
        await proxy.change(
            Weather(holds_requests=held == "requests", holds_replies=held == "replies")
        )
        asked = asyncio.create_task(line.ask(get("/"), 5))
        await asyncio.sleep(0.1)
        assert not asked.done()
        assert echo.requests == (1 if held == "requests" else 2)
        await proxy.change(FAIR)
        assert (await asked).body == b"ok"
        assert (echo.requests, proxy.connections) == (2, 1)


async def test_a_cut_ends_connections_and_new_ones_work() -> None:
    async with network() as (_, proxy, line):
        await proxy.change(Weather(holds_replies=True))
        asked = asyncio.create_task(line.ask(get("/"), 5))
        await asyncio.sleep(0.05)
        await proxy.cut()
        with pytest.raises(NoAnswerError):
            await asked
        await proxy.change(FAIR)
        assert (await line.ask(get("/"), 2)).body == b"ok"
        assert proxy.connections == 2


async def test_refused_connections_end_at_once_and_old_ones_live() -> None:
    async with network() as (_, proxy, line):
        await line.ask(get("/"), 2)
        await proxy.change(Weather(refuses=True))
        await line.ask(get("/"), 2)
        with pytest.raises(NoAnswerError):
            await Line(line.place).ask(get("/"), 2)


async def test_a_forgotten_connection_says_nothing_until_the_weather_is_better() -> None:
    async with network() as (echo, proxy, line):
        await line.ask(get("/"), 2)
        await proxy.forget()
        asked = asyncio.create_task(line.ask(get("/"), 5))
        await asyncio.sleep(0.1)
        assert not asked.done()
        await proxy.change(FAIR)
        with pytest.raises(NoAnswerError):
            await asked
        assert echo.requests == 1
        assert (await line.ask(get("/"), 2)).body == b"ok"


async def test_a_duplicated_request_reaches_the_server_twice_and_is_answered_once() -> None:
    async with network() as (echo, proxy, line):
        await proxy.change(Weather(duplicates=True))
        assert (await line.ask(get("/"), 2)).body == b"ok"
        for _ in range(100):
            if echo.requests == 2:
                break
            await asyncio.sleep(0.01)
        assert echo.requests == 2
