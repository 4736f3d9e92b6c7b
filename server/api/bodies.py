"""A body on its way in: nobody is waited for who sends it a byte at a time.

aiohttp's own timer stands still while a handler reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from server.api.problems import refused
from server.refusals import Refusal

WITHIN_SECONDS: web.AppKey[float] = web.AppKey("within_seconds", float)
"""What an application waits for a whole body, and for the beginning of a file."""
_WITHIN_SECONDS_USUAL = 60.0
_FILE_BYTES_A_SECOND_MIN = 1024  # a file on the slowest of lines still comes in


class Arrival:
    """How long the rest of a body is waited for."""

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self._timeout = timeout

    def extend(self, byte_count: int) -> None:
        """So many bytes of a file have come; the rest has that much longer."""
        until = self._timeout.when()
        assert until is not None
        self._timeout.reschedule(until + byte_count / _FILE_BYTES_A_SECOND_MIN)


@asynccontextmanager
async def arriving(request: web.Request) -> AsyncIterator[Arrival]:
    """Whatever reads the body stands inside. Raises Problem (408)."""
    within = request.app.get(WITHIN_SECONDS, _WITHIN_SECONDS_USUAL)
    timeout = asyncio.timeout(within)
    try:
        async with timeout:
            yield Arrival(timeout)
    except TimeoutError as error:
        if not timeout.expired():
            raise
        raise refused(408, Refusal.TRY_LATER) from error


async def body_bytes(request: web.Request) -> bytes:
    """A body that is short enough for memory. Raises Problem (408)."""
    async with arriving(request):
        return await request.read()
