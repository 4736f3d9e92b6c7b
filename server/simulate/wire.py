"""How a network's requests reach us, and what becomes of their answers."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import aiohttp
from yarl import URL

from server.agents import Agent
from server.protocols import Response
from server.protocols.agents_side import Exchange
from server.simulate.soap import Stub

_LOST = (aiohttp.ClientError, asyncio.TimeoutError, OSError)


class Wire:
    """The agent's address. `counts` says how many requests went out, and what became of them."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, agent: Agent, secrets: Mapping[str, str]
    ) -> None:
        self._session = session
        self._address = f"{url.rstrip('/')}/pay/{agent.name}"
        self._headers = _basic(agent, secrets)
        self._stub: Stub | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()

    async def describe(self) -> None:
        """Read the service's WSDL: from now on zeep writes the requests."""
        async with self._session.get(f"{self._address}?wsdl", headers=self._headers) as reply:
            reply.raise_for_status()
            self._stub = Stub(await reply.read())

    def written(self, exchange: Exchange) -> Exchange:
        """The request as it goes out."""
        headers = tuple(self._headers.items())
        named = {name.lower() for name, _ in exchange.headers}
        if "authorization" not in named:
            exchange = replace(exchange, headers=(*exchange.headers, *headers))
        return self._stub.written(exchange) if self._stub and exchange.body else exchange

    def fault(self, exchange: Exchange, response: Response) -> str:
        """Why a client made from the WSDL cannot read the answer; empty when it can."""
        return self._stub.fault(exchange, response) if self._stub and exchange.body else ""

    async def send(self, exchange: Exchange, timeout_seconds: float) -> Response | None:
        """The answer; None when there was none in time."""
        self.counts["requests"] += 1
        query = f"?{exchange.query}" if exchange.query else ""
        url = URL(f"{self._address}{exchange.path_suffix}{query}", encoded=True)
        try:
            async with asyncio.timeout(timeout_seconds):
                async with self._session.request(
                    exchange.method, url, data=exchange.body or None, headers=exchange.headers
                ) as reply:
                    return Response(
                        await reply.read(),
                        reply.headers.get("Content-Type", ""),
                        reply.status,
                        tuple(reply.headers.items()),
                    )
        except _LOST:
            self.counts["unanswered"] += 1
            return None

    async def hang_up(self, exchange: Exchange, after_seconds: float) -> None:
        """Send and cut the line, perhaps before the answer."""
        await self.send(exchange, after_seconds)

    def leave(self, exchange: Exchange, timeout_seconds: float, after_seconds: float = 0) -> None:
        """Send, now or later, and do not wait for the answer."""
        task = asyncio.create_task(self._left(exchange, timeout_seconds, after_seconds))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _left(self, exchange: Exchange, timeout: float, after: float) -> None:
        await asyncio.sleep(after)
        await self.send(exchange, timeout)

    async def quiet(self) -> None:
        """Until nothing is under way any more."""
        while self._under_way:
            await asyncio.wait(self._under_way)


def _basic(agent: Agent, secrets: Mapping[str, str]) -> dict[str, str]:
    """What any agent may be asked for besides its protocol's own proof."""
    if agent.setting("basic", "off") != "on":
        return {}
    pair = f"{secrets.get('basic_login', '')}:{secrets.get('basic_password', '')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
