"""HTTP as agents' equipment speaks it: one request at a time on a connection that may die."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass

Place = tuple[str, int]
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


class NoAnswerError(Exception):
    """Nobody knows what became of the request."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    body: bytes


class Line:
    """A connection that is kept alive while it works."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes, seconds: float) -> Reply:
        """Raises NoAnswerError; the next request then takes a new connection."""
        try:
            async with asyncio.timeout(seconds):
                writer = await self._send(request)
                reply = await self._read()
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.close()
            raise NoAnswerError(repr(error)) from error
        if reply is None:
            writer.transport.abort()
            raise NoAnswerError("no HTTP")
        return reply

    async def tell(self, request: bytes, seconds: float) -> None:
        """Send and hang up without waiting: the reply is lost."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                await self._send(request)
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _send(self, request: bytes) -> asyncio.StreamWriter:
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self._streams = await asyncio.open_connection(*self.place)
        writer = self._streams[1]
        writer.write(request)
        await writer.drain()
        return writer

    async def _read(self) -> Reply | None:
        assert self._streams is not None
        reader = self._streams[0]
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 "):
            return None
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        if b"\r\nconnection: close" in head.lower():
            self.close()
        return Reply(int(head[9:12]), body)


def get(path: str) -> bytes:
    """A request without a body."""
    return f"GET {path} HTTP/1.1\r\nHost: kvitok\r\n\r\n".encode()


def post(path: str, content_type: str, body: bytes, *headers: str) -> bytes:
    """A request with a body."""
    head = (f"POST {path} HTTP/1.1", "Host: kvitok", f"Content-Type: {content_type}", *headers)
    return "\r\n".join((*head, f"Content-Length: {len(body)}", "", "")).encode() + body
