"""A TCP proxy that is the bad network between two of ours.

Bytes are never skipped inside a connection, because TCP does not do that either: they come late,
or slowly, or the connection ends, with a reset or without a word.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

_CHUNK_BYTES = 1 << 16

Place = tuple[str, int]
"""Host and port."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network is like now."""

    delay_seconds: float = 0.0
    """Each piece of data comes so much later, and up to as much again by chance."""
    slow_share: float = 1.0
    """Of the connections, so many have that delay; which ones is drawn when they are made."""
    bytes_per_second: int = 0
    """0 = as fast as it goes."""
    holds_requests: bool = False
    """Nothing reaches the server; it stands in the network and comes when the weather is better."""
    holds_replies: bool = False
    refuses: bool = False
    """New connections are reset at once."""
    forgets: bool = False
    """The far end is gone without a word: the near end's connection stays open and silent."""
    duplicates: bool = False
    """What a client sends is sent once more, on a connection of its own."""


FAIR = Weather()


class Proxy:
    """Listens on 127.0.0.1 and forwards to `target`; new connections heed a new target."""

    def __init__(self, target: Place, seed: int = 0) -> None:
        self.target = target
        self.weather = FAIR
        self.port = 0
        self.connections = 0
        """How many were ever made."""
        self._dice = random.Random(seed)
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._near: set[asyncio.StreamWriter] = set()
        self._far: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Returns when it listens; `port` says where."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Everything ends."""
        assert self._server is not None
        self._server.close()
        await self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def change(self, weather: Weather) -> None:
        """From now on it is so, for open connections too."""
        self.weather = weather
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def cut(self) -> None:
        """Reset every connection on both sides."""
        for writer in [*self._near, *self._far]:
            writer.transport.abort()

    async def forget(self) -> None:
        """The far ends are gone, and the near ends are not told."""
        await self.change(replace(self.weather, forgets=True))
        for writer in list(self._far):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._near.add(writer)
        self.connections += 1
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # `stop`; asyncio's streams would complain of it
        finally:
            self._near.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._wait_while(lambda: self.weather.forgets)  # connected, to nobody
        if self.weather.refuses:
            return
        try:
            up, down = await asyncio.open_connection(*self.target)
        except OSError:
            return
        self._far.add(down)
        try:
            await self._relay(reader, writer, up, down)
        finally:
            self._far.discard(down)
            down.transport.abort()

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up: asyncio.StreamReader,
        down: asyncio.StreamWriter,
    ) -> None:
        luck = self._dice.random()
        there = self._copy(
            reader, down, luck, lambda: self.weather.holds_requests, self._sent_again
        )
        back = self._copy(up, writer, luck, lambda: self.weather.holds_replies)
        tasks = [asyncio.create_task(there), asyncio.create_task(back)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # What was said before one side ended still arrives, unless the weather forbids it.
            await asyncio.wait(tasks, timeout=0.05)
            await self._wait_while(lambda: self.weather.forgets)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _copy(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        luck: float,
        is_held: Callable[[], bool],
        also: Callable[[bytes], None] | None = None,
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                await self._endure(len(data), luck, is_held)
                if self.weather.forgets:
                    return
                writer.write(data)
                await writer.drain()
                if also is not None and self.weather.duplicates:
                    also(data)
            if not self.weather.forgets:
                writer.write_eof()

    async def _endure(self, count: int, luck: float, is_held: Callable[[], bool]) -> None:
        await self._wait_while(is_held)
        weather = self.weather
        is_slow = weather.delay_seconds and luck < weather.slow_share
        pause = weather.delay_seconds * (1 + self._dice.random()) if is_slow else 0.0
        if weather.bytes_per_second:
            pause += count / weather.bytes_per_second
        if pause:
            await asyncio.sleep(pause)
        await self._wait_while(is_held)

    async def _wait_while(self, condition: Callable[[], bool]) -> None:
        while condition():
            await self._changed.wait()

    def _sent_again(self, data: bytes) -> None:
        """The same bytes reach the server a second time; its reply to them reaches nobody."""
        task = asyncio.create_task(self._send_alone(data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_alone(self, data: bytes) -> None:
        with suppress(OSError, asyncio.TimeoutError):
            up, down = await asyncio.open_connection(*self.target)
            try:
                down.write(data)
                async with asyncio.timeout(2):
                    await up.read(_CHUNK_BYTES)
            finally:
                down.transport.abort()
