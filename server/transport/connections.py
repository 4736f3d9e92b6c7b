"""How many connections a worker holds, in all and of one peer.

Each connection takes a file, and so do PostgreSQL and Redis: a flood of connections must not take
the files that these need. What is over the limit is reset at once. What idles is closed by
aiohttp's own timer; it runs from a connection's beginning and from each answer, so a head that
comes a byte a second is not waited for either.
"""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from ipaddress import ip_address, ip_network

import structlog
from aiohttp import web

from server.transport import metrics

_log = structlog.get_logger("connections")
_FILES_KEPT = 256
"""For PostgreSQL, Redis, logs, files being read and uploads."""
_IPV6_PREFIX = 64  # what one subscriber usually has
_COMPLAINT_SECONDS = 10.0


def raise_files_limit() -> int:
    """As many files as this process may have; how many of them connections may take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        hard = 1 << 20
    return max(hard - _FILES_KEPT, 16)


class Gate:
    """Counts what is open; 0 as a limit = none."""

    def __init__(self, connections_max: int, peer_connections_max: int) -> None:
        self._connections_max = connections_max
        self._peer_connections_max = peer_connections_max
        self._by_peer: Counter[str] = Counter()
        self.count = 0

    def enter(self, peer: str) -> str:
        """Why it may not come in; empty = it is in."""
        if self._connections_max and self.count >= self._connections_max:
            return "worker"
        if self._peer_connections_max and self._by_peer[peer] >= self._peer_connections_max:
            return "peer"
        self._by_peer[peer] += 1
        self.count += 1
        return ""

    def leave(self, peer: str) -> None:
        """One that was in is gone."""
        self.count -= 1
        self._by_peer[peer] -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]


class Watch:
    """Lets connections of a server in through a gate; made once for each server."""

    def __init__(self, server: web.Server, gate: Gate) -> None:
        self._gate = gate
        self._inside: dict[object, str] = {}
        self._complain_after = 0.0
        self._made, self._lost = server.connection_made, server.connection_lost
        # aiohttp tells its server of every connection; there is no other place to hear of it.
        server.connection_made = self._connection_made  # type: ignore[method-assign]
        server.connection_lost = self._connection_lost  # type: ignore[method-assign]

    def _connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        self._made(handler, transport)
        peer = peer_of(transport)
        reason = self._gate.enter(peer)
        if not reason:
            self._inside[handler] = peer
            metrics.CONNECTIONS.inc()
            return
        metrics.CONNECTIONS_REFUSED.labels(reason).inc()
        self._complain(peer, reason)
        transport.abort()

    def _connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        self._lost(handler, exc)
        peer = self._inside.pop(handler, None)
        if peer is not None:
            self._gate.leave(peer)
            metrics.CONNECTIONS.dec()

    def _complain(self, peer: str, reason: str) -> None:
        now = asyncio.get_running_loop().time()
        if now > self._complain_after:
            self._complain_after = now + _COMPLAINT_SECONDS
            _log.warning("connections refused", peer=peer, limit=reason, open=self._gate.count)


def peer_of(transport: asyncio.BaseTransport) -> str:
    """Who is counted as one; a unix socket is whoever may write there."""
    name = transport.get_extra_info("peername")
    return subscriber_of(str(name[0])) if isinstance(name, tuple) else ""


def subscriber_of(peer: str) -> str:
    """An IPv4 address, or the IPv6 network of a subscriber. Raises ValueError."""
    address = ip_address(peer.partition("%")[0])
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((address, _IPV6_PREFIX), strict=False))
