"""A peer that does not read what it is answered is waited for, but not for ever.

aiohttp waits for such a peer without an end, with all that was written in memory. Here it must have
read a little of it whenever as long has passed as a connection may idle; else it is hung up on.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

_READ_BYTES_MIN = 4096  # by who is behind, in the time that a connection may idle


class Patient(RequestHandler):
    """aiohttp's connection; see the module."""

    __slots__ = ("_progress",)

    def __init__(self, manager: web.Server, **options: Any) -> None:
        super().__init__(manager, **options)
        self._progress: asyncio.TimerHandle | None = None
        """The next look at whether the peer reads what is written."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._task_handler is not None:
            self._task_handler.add_done_callback(self._see_off)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._expect_nothing()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.transport is not None:
            self._expect_progress(self.transport)

    def resume_writing(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self._expect_nothing()
        super().resume_writing()

    def force_close(self) -> None:
        self._see_off()
        super().force_close()

    def _see_off(self, _: object = None) -> None:
        """What is closed waits for its peer to read, and would for ever."""
        transport = self.transport
        if transport is not None and transport.get_write_buffer_size():
            self._expect_progress(transport)

    def _expect_progress(self, transport: asyncio.Transport) -> None:
        """Whoever waits for the peer to read, aiohttp's handlers too, waits no longer than this."""
        self._expect_nothing()
        unread = transport.get_write_buffer_size()
        self._progress = self._loop.call_later(
            self._keepalive_timeout, self._require_progress, transport, unread
        )

    def _expect_nothing(self) -> None:
        if self._progress is not None:
            self._progress.cancel()

    def _require_progress(self, transport: asyncio.Transport, unread: int) -> None:
        if unread - transport.get_write_buffer_size() < _READ_BYTES_MIN:
            transport.abort()
        else:
            self._expect_progress(transport)


class PatientSite(web.SockSite):
    """A site of such connections."""

    async def start(self) -> None:
        """Listen."""
        await web.BaseSite.start(self)
        manager = self._runner.server
        assert manager is not None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: self._connection(manager, loop=loop, **manager._kwargs),
            sock=self._sock,
            ssl=self._ssl_context,
            backlog=self._backlog,
        )

    def _connection(self, manager: web.Server, **options: Any) -> RequestHandler:
        return Patient(manager, **options)
