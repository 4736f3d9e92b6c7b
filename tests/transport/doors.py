"""The protocols' door twice: with the fast lane and without, driven without a network."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

from aiohttp import web

from server.agents import Agent
from server.messages import Outcome
from server.payments.desk import PaymentDesk
from server.protocols import Request, load
from server.transport.access_log import AccessLog
from server.transport.admission import Networks
from server.transport.answer import Answering
from server.transport.http import ProtocolDoor, observe
from server.transport.lane import Lane
from server.transport.limits import Rates
from server.transport.proxies import behind_proxies
from server.transport.wire import Connection
from tests.payments.fakes import FakeAccounts, FakeLedger, view
from tests.protocols.vectors import make_agent
from tests.transport.town import Town

NOW = dt.datetime(2026, 1, 15, 7, 20, 31, 250_000, tzinfo=dt.UTC)
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
BODY_BYTES_MAX = 20_000
HEADER_BYTES_MAX = 8190
_QUIET_TURNS = 25
_TURNS_MAX = 3000
_DATE = re.compile(rb"\r\nDate: [^\r]{29}\r\n")


def agent(protocol: str, **changes: Any) -> Agent:
    """A demo agent of the protocol, reachable from loopback."""
    secrets = ({"username": "paynet", "password": "paynet-demo"},) if protocol == "paynet" else ()
    made = replace(make_agent(protocol), allow_list=LOOPBACK, secrets=secrets)
    return replace(made, **changes)


AGENTS = {
    "osmp": agent("osmp"),
    "sber": agent("sber"),
    "paynet": agent("paynet"),
    "osmp-1251": agent("osmp", name="osmp-1251", settings={"encoding": "windows-1251"}),
    "osmp-far": agent("osmp", name="osmp-far", allow_list=(ip_network("10.0.0.0/8"),)),
    "osmp-paused": agent("osmp", name="osmp-paused", paused=True),
}


class Watched(Connection):
    """A connection that remembers which bytes went to aiohttp, in which pieces."""

    __slots__ = ("pieces",)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.pieces: list[tuple[int, int]] = []

    def _pass_on(self, data: bytes) -> None:
        end = self.transport.delivered if isinstance(self.transport, Line) else 0
        self.pieces.append((end - len(data), end))
        super()._pass_on(data)


class Line(asyncio.Transport):
    """A transport whose other end is the test."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        super().__init__()
        self.sent = bytearray()
        self.is_closed = False
        self.reads = True
        self.takes = 1 << 30
        """Bytes that the peer still takes; when they are used up, writing is paused."""
        self.protocol: Any = None
        self.delivered = 0
        """Bytes that the server has taken."""
        self._is_closing = False
        self._address = address
        self._waiting: deque[bytes] = deque()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self._address, 40000) if name == "peername" else default

    def write(self, data: Any) -> None:
        if self._is_closing:
            return
        self.sent += data
        if self.takes >= 0 and self.takes < len(self.sent):
            self.takes = -1
            self.protocol.pause_writing()

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def get_write_buffer_size(self) -> int:
        return len(self.sent) if self.takes < 0 else 0

    def drain(self, takes: int) -> None:
        """The peer has read everything, and takes so many bytes more."""
        was_paused, self.takes = self.takes < 0, len(self.sent) + takes
        if was_paused:
            self.protocol.resume_writing()

    def close(self) -> None:
        """As of a socket: what was written is waited for, be it for ever."""
        self._is_closing = True
        if self.takes >= 0:
            self.abort()

    def abort(self) -> None:
        if not self.is_closed:
            self.is_closed = self._is_closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True
        asyncio.get_running_loop().call_soon(self._deliver)

    def feed(self, data: bytes) -> None:
        """The peer sends."""
        self._waiting.append(data)
        self._deliver()

    def _deliver(self) -> None:
        while self._waiting and self.reads and not self._is_closing:
            data = self._waiting.popleft()
            self.delivered += len(data)
            self.protocol.data_received(data)

    @property
    def waiting_bytes(self) -> int:
        """What the server has not taken yet."""
        return sum(map(len, self._waiting))

    async def settle(self) -> None:
        """Until nothing has happened for a while."""
        quiet, before = 0, -1
        for _ in range(_TURNS_MAX):
            await asyncio.sleep(0)
            now = len(self.sent) + self.waiting_bytes
            quiet = quiet + 1 if now == before else 0
            before = now
            if quiet > _QUIET_TURNS:
                return
        raise AssertionError("it does not come to rest")


@dataclass
class Book:
    """The agents as they are now."""

    agents: dict[str, Agent]


@dataclass
class Door:
    """One server with everything behind it in memory."""

    town: Town
    ledger: FakeLedger
    book: Book
    runner: web.AppRunner
    lane: Lane
    rates: Rates
    is_fast: bool
    lines: list[str] = field(default_factory=list)
    """The access log of the fast lane."""

    def connect(self, address: str = "127.0.0.1") -> Line:
        """A new connection."""
        line = Line(address)
        server: Any = self.runner.server
        if self.is_fast:
            loop = asyncio.get_running_loop()
            line.protocol = Watched(server, self.lane, loop=loop, **server._kwargs)
        else:
            line.protocol = server()
        line.protocol.connection_made(line)
        return line

    async def exchange(self, chunks: Sequence[bytes], turns: Sequence[int] = ()) -> Exchange:
        """Send the chunks, with so many turns of the loop after each; what comes back."""
        line = self.connect()
        await asyncio.sleep(0)
        for place, chunk in enumerate(chunks):
            line.feed(chunk)
            for _ in range(turns[place % len(turns)] if turns else 0):
                await asyncio.sleep(0)
        await line.settle()
        pieces = tuple(line.protocol.pieces) if self.is_fast else ()
        answer = Exchange(undated(bytes(line.sent)), line.is_closed, pieces)
        line.close()
        await line.settle()
        return answer


@dataclass(frozen=True)
class Exchange:
    """What the server said, and whether it hung up."""

    sent: bytes
    is_closed: bool
    passed_on: tuple[tuple[int, int], ...] = field(default=(), compare=False)
    """From where to where the fast lane left the bytes to aiohttp, piece by piece."""


def undated(sent: bytes) -> bytes:
    """With one Date for all."""
    return _DATE.sub(b"\r\nDate: now\r\n", sent)


@asynccontextmanager
async def opened(
    *,
    is_fast: bool,
    town: Town | None = None,
    agents: dict[str, Agent] | None = None,
    watch: Callable[[Agent, Request, Outcome], None] = observe,
    proxies: Networks = (),
    within_seconds: float = 60,
    **options: Any,
) -> AsyncIterator[Door]:
    """A door in use."""
    town = town or Town()
    book = Book(dict(AGENTS if agents is None else agents))
    ledger = FakeLedger(FakeAccounts(view()), lambda: NOW)
    rates = Rates(asyncio.get_running_loop().time)
    desk = PaymentDesk(town, ledger, lambda: NOW)
    answering = Answering(desk, rates, _claim, watch)
    door = ProtocolDoor(lambda: book.agents, load(), answering, within_seconds, clock=lambda: NOW)
    application = web.Application(
        client_max_size=BODY_BYTES_MAX, middlewares=[behind_proxies(proxies)]
    )
    application.add_routes(door.routes())
    lines: list[str] = []
    lane = Lane(
        lambda: book.agents,
        load(),
        town,
        answering,
        rates,
        head_bytes_max=HEADER_BYTES_MAX,
        body_bytes_max=BODY_BYTES_MAX,
        proxies=proxies,
        wall_clock=lambda: NOW,
        log=AccessLog(lines.append),
    )
    runner = web.AppRunner(
        application,
        access_log=None,
        max_line_size=HEADER_BYTES_MAX,
        max_field_size=HEADER_BYTES_MAX,
        **{"shutdown_timeout": 1, "lingering_time": 0.05, **options},
    )
    await runner.setup()
    lane.start()
    try:
        yield Door(town, ledger, book, runner, lane, rates, is_fast, lines)
    finally:
        await runner.cleanup()
        await lane.stop()


async def _claim(key: str, expires: dt.datetime) -> bool:
    return True


def http(request: Request, **headers: str) -> bytes:
    """The bytes of a request as a client would send them."""
    target = f"{request.path}?{request.query}" if request.query else request.path
    fields = {"Host": "127.0.0.1", **headers, **request.headers}
    if request.body or request.method == "POST":
        fields["Content-Length"] = str(len(request.body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    head = f"{request.method} {target} HTTP/1.1\r\n{lines}\r\n"
    return head.encode("latin-1", "replace") + request.body


def check(account: str = "1004217", agent_name: str = "osmp", amount: str = "10.45") -> bytes:
    """A plain check of osmp."""
    return (
        f"GET /pay/{agent_name}?command=check&txn_id=90000000000001&account={account}&sum={amount}"
        " HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: Dispatcher/1.0\r\nAccept: */*\r\n\r\n"
    ).encode()
