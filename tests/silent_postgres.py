"""A PostgreSQL that hangs: everybody may log in and begin a transaction, and that is all."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_CANCEL_REQUEST = 80877102
_SIZE = struct.Struct("!i")


def _messages(*said: tuple[bytes, bytes]) -> bytes:
    return b"".join(kind + _SIZE.pack(len(body) + 4) + body for kind, body in said)


_LOGGED_IN = _messages(
    (b"R", _SIZE.pack(0)),
    (b"S", b"server_version\x0018.0\x00"),
    (b"S", b"client_encoding\x00UTF8\x00"),
    (b"K", struct.pack("!ii", 1, 1)),
    (b"Z", b"I"),
)
_BEGUN = _messages((b"C", b"BEGIN\x00"), (b"Z", b"T"))


class SilentPostgres:
    """Whoever asks for a cancellation waits as well, or is hung up on at once (`hangs_up`)."""

    def __init__(self, *, hangs_up: bool) -> None:
        self._hangs_up = hangs_up
        self._writers: list[asyncio.StreamWriter] = []
        self.dsn = ""
        self.logins = 0
        self.asked = asyncio.Event()
        """Somebody waits for an answer."""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            start = await _body(reader)
            if _SIZE.unpack(start[:4]) == (_CANCEL_REQUEST,):
                if self._hangs_up:
                    writer.close()
                return
            self.logins += 1
            writer.write(_LOGGED_IN)
            while True:
                kind, body = await reader.readexactly(1), await _body(reader)
                if kind == b"Q" and body.startswith(b"BEGIN"):
                    writer.write(_BEGUN)
                else:
                    self.asked.set()

    def end(self) -> None:
        """Close what is open."""
        for writer in self._writers:
            writer.close()


async def _body(reader: asyncio.StreamReader) -> bytes:
    (size,) = _SIZE.unpack(await reader.readexactly(4))
    return await reader.readexactly(size - 4)


@asynccontextmanager
async def silent_postgres(*, hangs_up: bool) -> AsyncIterator[SilentPostgres]:
    """One that listens."""
    silent = SilentPostgres(hangs_up=hangs_up)
    server = await asyncio.start_server(silent.talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    silent.dsn = f"postgresql://nobody@127.0.0.1:{port}/nothing?sslmode=disable"
    try:
        yield silent
    finally:
        server.close()
        silent.end()
