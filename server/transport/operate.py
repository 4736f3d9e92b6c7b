"""What operators ask: /healthz, /readyz, /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from server.transport import metrics

_PROBE_SECONDS = 1.0


class Lookup(Protocol):
    """What the near cache says about itself."""

    def can_answer(self) -> bool:
        """Whether checks are answered from Redis or memory now."""
        ...

    def lag_seconds(self) -> float | None:
        """Age of the sync's last sign of life; None = never seen."""
        ...

    def counters(self) -> dict[str, int]:
        """Hits, misses and the like."""
        ...


class Operate:
    """Health of this process and the numbers of all workers.

    `flush` adds to the metrics what has been counted elsewhere.
    """

    def __init__(
        self,
        postgres_answers: Callable[[], Awaitable[bool]],
        lookup: Lookup,
        flush: Callable[[], None] = lambda: None,
    ) -> None:
        self._postgres_answers = postgres_answers
        self._lookup = lookup
        self._flush = flush

    def routes(self) -> list[web.RouteDef]:
        """The three addresses."""
        return [
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics),
        ]

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def _readyz(self, request: web.Request) -> web.Response:
        """Yes while checks can be answered truthfully or payments taken; the parts are told."""
        postgres = await self._postgres()
        redis = self._lookup.can_answer()
        lag = self._lookup.lag_seconds()
        body = {
            "ok": postgres or redis,
            "postgres": postgres,
            "redis": redis,
            "sync_lag_seconds": None if lag is None else round(lag, 3),
        }
        return web.json_response(body, status=200 if body["ok"] else 503)

    async def _postgres(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                return await self._postgres_answers()
        except TimeoutError:
            return False

    async def _metrics(self, request: web.Request) -> web.Response:
        self._flush()
        lag = self._lookup.lag_seconds()
        if lag is not None:
            metrics.SYNC_LAG.set(lag)
        for name, count in self._lookup.counters().items():
            metrics.NEAR_CACHE.labels(name).set(count)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )
