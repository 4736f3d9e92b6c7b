"""The protocols' door: /pay/<agent>. Address, body and time limits before any parsing."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address

import structlog
from aiohttp import web

from server.agents import Agent
from server.messages import (
    AccountChecked,
    Outcome,
    PaymentAccepted,
    PaymentCancelled,
    PaymentStatus,
    RefusedOutcome,
    Statement,
)
from server.protocols import Codec, Request, Response
from server.refusals import Refusal
from server.transport import metrics
from server.transport.answer import Answering

Agents = Callable[[], Mapping[str, Agent]]
"""The agents as they are now; they change while we run."""

_log = structlog.get_logger("access")
_OPERATIONS: dict[type[object], str] = {
    AccountChecked: "check",
    PaymentAccepted: "pay",
    PaymentCancelled: "cancel",
    PaymentStatus: "status",
    Statement: "statement",
}


class ProtocolDoor:
    """Serves every agent that speaks an online protocol."""

    def __init__(
        self,
        agents: Agents,
        codecs: Mapping[str, Codec],
        answering: Answering,
        request_timeout_seconds: float,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._agents = agents
        self._codecs = codecs
        self._answering = answering
        self._request_timeout_seconds = request_timeout_seconds
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """GET and POST of /pay/<agent>."""
        return [web.route("*", "/pay/{agent}", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        started = time.perf_counter()
        agent = self._agents().get(request.match_info["agent"])
        codec = self._codecs.get(agent.protocol) if agent else None
        if agent is None or codec is None:
            return web.Response(status=404, text="no such agent\n")
        if not is_allowed(agent, request.remote):
            _log.warning("address refused", agent=agent.name, peer=request.remote)
            return web.Response(status=403, text="address not allowed\n")
        if request.method not in ("GET", "POST"):
            return web.Response(status=405, headers={"Allow": "GET, POST"})
        raw_path, _, query = request.raw_path.partition("?")
        document = codec.documents.get(query.lower()) if request.method == "GET" else None
        if document is not None:
            content_type, body = document(f"{request.scheme}://{request.host}{raw_path}")
            return web.Response(body=body, headers={"Content-Type": content_type})
        try:
            async with asyncio.timeout(self._request_timeout_seconds):
                body_bytes = await request.read()
        except TimeoutError:
            return web.Response(status=408)
        response = await self._answering.answer(
            codec, self._received(request, agent, raw_path, query, body_bytes)
        )
        metrics.SECONDS.labels(agent.name).observe(time.perf_counter() - started)
        return _rendered(response)

    def _received(
        self, request: web.Request, agent: Agent, path: str, query: str, body: bytes
    ) -> Request:
        return Request(
            method=request.method,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            agent=agent,
            received_at=self._clock(),
        )


def is_allowed(agent: Agent, peer: str | None) -> bool:
    """Whether the address is on the agent's allow-list; an empty list allows nobody."""
    if peer is None:
        return False
    address = ip_address(peer)
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in agent.allow_list)


def _rendered(response: Response) -> web.Response:
    rendered = web.Response(
        body=response.body,
        status=response.status,
        headers={"Content-Type": response.content_type},
    )
    for name, value in response.headers:
        rendered.headers[name] = value
    return rendered


def observe(agent: Agent, request: Request, outcome: Outcome) -> None:
    """Count and log one outcome; account numbers are masked, names never appear."""
    operation = _OPERATIONS.get(type(outcome), "other")
    result = outcome.refusal.value if isinstance(outcome, RefusedOutcome) else "ok"
    metrics.REQUESTS.labels(agent.name, operation, result).inc()
    if result == Refusal.PAYMENT_CONFLICT.value:
        metrics.CONFLICTS.labels(agent.name).inc()
        _log.error("payment id reused", agent=agent.name)
    _log.info(
        "answered",
        agent=agent.name,
        method=request.method,
        operation=operation,
        outcome=result,
        account=_masked(outcome),
    )


def _masked(outcome: Outcome) -> str:
    account = ""
    if isinstance(outcome, AccountChecked):
        account = outcome.view.account
    elif isinstance(outcome, PaymentAccepted | PaymentCancelled | PaymentStatus):
        account = outcome.payment.account
    return f"***{account[-3:]}" if account else ""
