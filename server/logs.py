"""Structured logs on stderr: JSON lines, or coloured text for a person at a terminal.

A payment does not depend on its log line. Lines that cannot be written, because their disk is full
or because nobody reads them any more, are counted and left out, and nobody waits for long.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import select
import socket
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from server.refusals import discreet

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PATIENCE_SECONDS = 0.2
"""A reader that is at work has made room by then."""
_PAUSE_SECONDS = 10.0
"""So long nobody waits again for one that was not."""
_ROW = re.compile(r"^DETAIL:.*\n?", re.MULTILINE)
"""PostgreSQL shows the row that it did not take, with its holder and address."""


def configure() -> None:
    """Once for each process, after the fork."""
    person = sys.stderr.isatty()
    sys.stderr = io.TextIOWrapper(
        LogStream(2), encoding="utf-8", errors="backslashreplace", write_through=True
    )
    shared: list[structlog.typing.Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.add_log_level,
    ]
    last: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if person
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, _without_payers, last],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries (aiohttp, asyncio) speak through the standard module; only what is wrong matters.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Discreet("%(asctime)s %(name)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def _without_payers(
    logger: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Exceptions quote what they stumbled over."""
    if "exception" in event:
        event["exception"] = _discreet(str(event["exception"]))
    return event


def _discreet(text: str) -> str:
    return discreet(_ROW.sub("", text))


class _Discreet(logging.Formatter):
    """Exceptions as structlog's; of a request that is no HTTP, only what is wrong with it."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        if type(error).__module__ != "aiohttp.http_exceptions":
            return super().format(record)
        # It quotes the request, query and all; its name says enough.
        quiet = logging.makeLogRecord(record.__dict__)
        quiet.msg = f"{record.getMessage()}: {type(error).__name__}"
        quiet.args, quiet.exc_info, quiet.exc_text = None, None, None
        return super().format(quiet)

    def formatException(self, ei: Any) -> str:
        return _discreet(super().formatException(ei))


class LogStream(io.RawIOBase):
    """What is written here never raises; of what takes no more, whole lines are lost."""

    def __init__(
        self,
        descriptor: int,
        patience_seconds: float = _PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._descriptor, self._send = _without_waiting(descriptor)
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._patient_after = 0.0
        self._lost = 0
        self._is_torn = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: ReadableBuffer, /) -> int:
        """Returns the length of `data`, whatever becomes of it."""
        text = bytes(data)
        if self._lost and self._write(self._confession()):
            self._lost, self._is_torn = 0, False
        if self._lost or not self._write(text):
            self._lost += text.count(b"\n")
        return len(text)

    def _confession(self) -> bytes:
        said = json.dumps({"event": "log lines lost", "count": self._lost, "level": "warning"})
        return b"\n" * self._is_torn + said.encode() + b"\n"

    def _write(self, text: bytes) -> bool:
        """Whether all of it was written."""
        sent, deadline = 0, self._clock() + self._patience_seconds
        with suppress(OSError):
            while sent < len(text):
                count = self._send_some(text[sent:])
                sent += count
                if not count and not self._has_room(deadline):
                    break
        self._is_torn |= 0 < sent < len(text)
        return sent == len(text)

    def _send_some(self, text: bytes) -> int:
        """How much was taken at once. Raises OSError when no more ever will be."""
        try:
            return self._send(text)
        except BlockingIOError:
            return 0

    def _has_room(self, deadline: float) -> bool:
        """Wait for it until then, unless that was in vain not long ago."""
        now = self._clock()
        if now < self._patient_after:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        if deadline > now and poll.poll((deadline - now) * 1000):
            return True
        self._patient_after = now + _PAUSE_SECONDS
        return False


def _without_waiting(descriptor: int) -> tuple[int, Callable[[bytes], int]]:
    """A descriptor for the same, and how to write to it without waiting for a reader."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        peer = socket.socket(fileno=os.dup(descriptor))
        return peer.fileno(), lambda text: peer.send(text, socket.MSG_DONTWAIT)
    if stat.S_ISFIFO(mode):
        descriptor = _own_pipe(descriptor)
    return descriptor, lambda text: os.write(descriptor, text)


def _own_pipe(descriptor: int) -> int:
    """The other processes that write to the pipe go on waiting where they wish to."""
    try:
        path = f"/proc/self/fd/{descriptor}"
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # a pipe that another user made, as in a container
        os.set_blocking(descriptor, False)
        return descriptor
