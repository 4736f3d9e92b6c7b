"""A Redis that is far away: what it says arrives late, in order."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


@contextlib.contextmanager
def far_away(redis_url: str, seconds: float) -> Iterator[str]:
    """URL of the same Redis, whose every word takes `seconds` to arrive."""
    started = threading.Event()
    proxy = _Proxy(redis_url, seconds)
    thread = threading.Thread(target=lambda: asyncio.run(proxy.serve(started)), daemon=True)
    thread.start()
    assert started.wait(10)
    yield proxy.url
    proxy.stop()
    thread.join()


class _Proxy:
    def __init__(self, redis_url: str, seconds: float) -> None:
        self._target = urlsplit(redis_url)
        self._seconds = seconds
        self.url = ""

    async def serve(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        secret = self._target.netloc.rpartition("@")[0]
        self.url = self._target._replace(netloc=f"{secret}@127.0.0.1:{port}").geturl()
        started.set()
        await self._stopped.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._target.hostname
        up, down = await asyncio.open_connection(self._target.hostname, self._target.port)
        await asyncio.gather(self._copy(reader, down, 0), self._copy(up, writer, self._seconds))

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
    ) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(1 << 16):
            if seconds:
                loop.call_later(seconds, writer.write, data)
            else:
                writer.write(data)
        writer.close()
