"""A worker that does not know its agents yet says so: 503 to everybody until it does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

_PAUSE_SECONDS = 1.0


async def opened(
    attempt: Callable[[], Awaitable[bool]], listener: socket.socket, stopping: asyncio.Event
) -> bool:
    """Repeats the attempt until it succeeds, serving 503 meanwhile; False when told to stop."""
    if await attempt():
        return True
    application = web.Application()
    application.router.add_route("*", "/{anything:.*}", _not_yet)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.SockSite(runner, listener.dup()).start()
    try:
        while not await _stops_within_a_pause(stopping):
            if await attempt():
                return True
        return False
    finally:
        await runner.cleanup()


async def _not_yet(request: web.Request) -> web.Response:
    """Alive, and not ready: with no agents known nothing that we could say would be true."""
    if request.path == "/healthz":
        return web.json_response({"ok": True})
    return web.Response(status=503, headers={"Retry-After": "1", "Connection": "close"})


async def _stops_within_a_pause(stopping: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(_PAUSE_SECONDS):
            await stopping.wait()
    except TimeoutError:
        return False
    return True
