"""One connection to a Redis node (RESP3), for commands in order and for its pushes.

Commands are answered by callback, in the order sent; nothing is awaited on the way. hiredis
reads. The administrative side may `await call(…)`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import hiredis
from redis.asyncio.connection import parse_url

Reply = Any
"""What hiredis makes of a reply: bytes, int, None, list, dict, or a ReplyError as a value."""
Answer = Callable[[Reply], None]
Argument = bytes | str | int

_CONNECT_SECONDS = 1.0


class LinkLostError(ConnectionError):
    """The connection is gone; what was asked on it may or may not have been done."""


class RedisRefusedError(ConnectionError):
    """The node answers, but not with what was asked for (password, version, memory policy …)."""


@dataclass(frozen=True, slots=True)
class Node:
    """Where a Redis node is and how to log in."""

    host: str = "127.0.0.1"
    port: int = 6379
    path: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    tls: bool = False

    @classmethod
    def from_url(cls, url: str) -> Node:
        """redis://, rediss:// or unix://, as redis-py reads them. Raises ValueError."""
        parts: dict[str, Any] = dict(parse_url(url))
        return cls(
            host=parts.get("host", "127.0.0.1"),
            port=int(parts.get("port", 6379)),
            path=parts.get("path", ""),
            username=parts.get("username") or "",
            password=parts.get("password") or "",
            database=int(parts.get("db", 0)),
            tls=url.startswith("rediss:"),
        )


def packed(*arguments: Argument) -> bytes:
    """A command as bytes."""
    pieces = [b"*%d\r\n" % len(arguments)]
    for each in arguments:
        data = each if isinstance(each, bytes) else str(each).encode()
        pieces.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(pieces)


class Link(asyncio.Protocol):
    """See the module. `on_push` gets every push message, `on_lost` is called once at the end."""

    def __init__(
        self, on_push: Callable[[Sequence[Reply]], None], on_lost: Callable[[], None]
    ) -> None:
        self._on_push = on_push
        self._on_lost = on_lost
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[Answer, float]] = deque()
        self._transport: asyncio.Transport | None = None
        self._clock = asyncio.get_running_loop().time
        self.is_congested = False

    @classmethod
    async def connect(
        cls,
        node: Node,
        on_push: Callable[[Sequence[Reply]], None] = lambda _: None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> Link:
        """Connect and log in. Raises OSError (also LinkLostError, RedisRefusedError)."""
        loop = asyncio.get_running_loop()
        link = cls(on_push, on_lost)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                if node.path:
                    await loop.create_unix_connection(lambda: link, node.path)
                else:
                    context = ssl.create_default_context() if node.tls else None
                    await loop.create_connection(lambda: link, node.host, node.port, ssl=context)
                await link._greet(node)
        except BaseException as error:
            link.abort()
            if isinstance(error, TimeoutError):
                raise LinkLostError(f"no answer from {node}") from error
            raise
        return link

    async def _greet(self, node: Node) -> None:
        hello: list[Argument] = ["HELLO", 3]
        if node.password:
            hello += ["AUTH", node.username or "default", node.password]
        await self.call(*hello)
        if node.database:
            await self.call("SELECT", node.database)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        reader.feed(data)
        try:
            while (reply := reader.gets()) is not False:
                if type(reply) is hiredis.PushNotification:
                    self._on_push(reply)
                elif self._waiting:
                    self._waiting.popleft()[0](reply)
        except hiredis.ProtocolError:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        lost = LinkLostError("connection lost")
        while self._waiting:
            self._waiting.popleft()[0](lost)
        self._on_lost()

    def pause_writing(self) -> None:
        self.is_congested = True

    def resume_writing(self) -> None:
        self.is_congested = False

    @property
    def is_open(self) -> bool:
        """Whether commands can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, command: bytes, answer: Answer) -> None:
        """Send one packed command; `answer` gets its reply, or a LinkLostError as a value."""
        if self._transport is None or self._transport.is_closing():
            answer(LinkLostError("not connected"))
            return
        self._waiting.append((answer, self._clock()))
        self._transport.write(command)

    def send_many(self, commands: bytes, count: int, answer: Callable[[list[Reply]], None]) -> None:
        """Send `count` packed commands; `answer` gets their replies, errors as values."""
        gathered = _Gathered(count, answer)
        if self._transport is None or self._transport.is_closing():
            for _ in range(count):
                gathered(LinkLostError("not connected"))
            return
        self._waiting.extend(((gathered, self._clock()),) * count)
        self._transport.write(commands)

    async def call(self, *arguments: Argument) -> Reply:
        """Send and await the reply. Raises LinkLostError, RedisRefusedError."""
        return await self.ask(packed(*arguments))

    def ask(self, command: bytes) -> asyncio.Future[Reply]:
        """The same for a packed command; sent at once, awaited when wanted."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.send(command, lambda reply: _settle(future, reply))
        return future

    def oldest_wait_seconds(self) -> float:
        """How long the first unanswered command has been waiting; 0 = none is."""
        return self._clock() - self._waiting[0][1] if self._waiting else 0.0

    def abort(self) -> None:
        """Give up on the connection; everything that waits is told."""
        if self._transport is not None:
            self._transport.abort()


class _Gathered:
    """Takes `count` replies one by one, then hands them on."""

    __slots__ = ("_answer", "_count", "_replies")

    def __init__(self, count: int, answer: Callable[[list[Reply]], None]) -> None:
        self._count = count
        self._answer = answer
        self._replies: list[Reply] = []

    def __call__(self, reply: Reply) -> None:
        self._replies.append(reply)
        if len(self._replies) == self._count:
            self._answer(self._replies)


def _settle(future: asyncio.Future[Reply], reply: Reply) -> None:
    if future.done():
        return
    if isinstance(reply, LinkLostError):
        future.set_exception(reply)
    elif isinstance(reply, hiredis.ReplyError):
        future.set_exception(RedisRefusedError(str(reply)))
    else:
        future.set_result(reply)
