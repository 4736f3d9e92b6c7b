"""A worker that knows no agents yet says so; one that was told to stop stops."""

from __future__ import annotations

import asyncio

import aiohttp

from server.supervisor import listen
from server.waiting import opened


class Attempts:
    """Succeeds when it is told to."""

    def __init__(self) -> None:
        self.succeeds = False

    async def __call__(self) -> bool:
        return self.succeeds


async def test_everything_is_503_until_the_agents_are_known() -> None:
    listener = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    attempts = Attempts()
    waiting = asyncio.create_task(opened(attempts, listener, asyncio.Event()))
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{address}/pay/osmp?command=check") as response:
            assert response.status == 503
        async with session.post(f"{address}/readyz") as response:
            assert response.status == 503
        async with session.get(f"{address}/healthz") as response:
            assert response.status == 200
    attempts.succeeds = True
    assert await waiting
    listener.close()


async def test_whoever_waits_can_be_told_to_stop() -> None:
    listener = listen("127.0.0.1", 0)
    stopping = asyncio.Event()
    waiting = asyncio.create_task(opened(Attempts(), listener, stopping))
    await asyncio.sleep(0)
    stopping.set()
    assert not await waiting
    listener.close()
