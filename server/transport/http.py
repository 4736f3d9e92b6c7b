"""The protocols' door: /pay/<agent>. Address, body and time limits before any parsing."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Collection, Mapping

import structlog
from aiohttp import web

from server.accounts import masked
from server.agents import Agent
from server.messages import (
    AccountChecked,
    AccountsFound,
    BatchPaid,
    DayShown,
    Outcome,
    PaymentAccepted,
    PaymentCancelled,
    PaymentStatus,
    RefusedOutcome,
    Statement,
)
from server.offices import DayClosed, DayDiffers
from server.protocols import UNAVAILABLE, Codec, Request, Response
from server.refusals import Refusal
from server.transport import metrics
from server.transport.admission import Admission, admission
from server.transport.answer import Answering
from server.transport.proxies import heads_of, peer_behind

Agents = Callable[[], Mapping[str, Agent]]
"""The agents as they are now; they change while we run."""

_log = structlog.get_logger("access")
_CHALLENGE = 'Basic realm="kvitok", charset="UTF-8"'
_OPERATIONS: dict[type[object], str] = {
    AccountChecked: "check",
    PaymentAccepted: "pay",
    PaymentCancelled: "cancel",
    PaymentStatus: "status",
    Statement: "statement",
    AccountsFound: "find",
    BatchPaid: "batch",
    DayClosed: "close_day",
    DayDiffers: "close_day",
    DayShown: "day",
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
        unserved: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._agents = agents
        self._unserved = unserved
        self._codecs = codecs
        self._answering = answering
        self._request_timeout_seconds = request_timeout_seconds
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """GET and POST of /pay/<agent>."""
        return [web.route("*", "/pay/{agent}", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        started = time.perf_counter()
        name = request.match_info["agent"]
        agent = self._agents().get(name)
        codec = self._codecs.get(agent.protocol) if agent else None
        if agent is None or codec is None:
            if name in self._unserved():
                return _rendered(UNAVAILABLE)
            return web.Response(status=404, text="no such agent\n")
        denial = _denied(agent, request)
        if denial is not None:
            return denial
        if request.method not in ("GET", "POST"):
            return web.Response(status=405, headers={"Allow": "GET, POST"})
        raw_path, _, query = request.raw_path.partition("?")
        document = codec.documents.get(query.lower()) if request.method == "GET" else None
        if document is not None:
            content_type, body = document(f"{request.scheme}://{request.host}{raw_path}")
            return web.Response(body=body, headers={"Content-Type": content_type})
        if codec.body_bytes_max > request.client_max_size:
            request = request.clone(client_max_size=codec.body_bytes_max)
        try:
            async with asyncio.timeout(self._request_timeout_seconds):
                body_bytes = await request.read()
        except TimeoutError:
            late = web.Response(status=408)
            late.force_close()
            return late
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


def _denied(agent: Agent, request: web.Request) -> web.Response | None:
    """What is said to who may not speak for the agent."""
    peer = peer_behind(request)
    said = admission(agent, peer, heads_of(request))
    if said is Admission.ADMITTED:
        return None
    _log.warning("not admitted", agent=agent.name, peer=peer.address, said=said.value)
    if said is Admission.FORBIDDEN:
        return web.Response(status=403, text="not allowed\n")
    return web.Response(status=401, text="not allowed\n", headers={"WWW-Authenticate": _CHALLENGE})


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
        account=_account(outcome),
    )


def _account(outcome: Outcome) -> str:
    account = ""
    if isinstance(outcome, AccountChecked):
        account = outcome.view.account
    elif isinstance(outcome, PaymentAccepted | PaymentCancelled | PaymentStatus):
        account = outcome.payment.account
    return masked(account)
