"""Behind a proxy of ours every door sees the peer that the proxy speaks for, not the proxy."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from server.transport.admission import (
    CERTIFICATE_HEADER,
    FORWARDED_FOR,
    Networks,
    Peer,
    peer_of,
)

_PEER = web.RequestKey("peer", Peer)
_ONCE = frozenset({CERTIFICATE_HEADER, "authorization"})
_SCHEMES = ("http", "https")


def behind_proxies(networks: Networks) -> Middleware:
    """A middleware that believes the proxies in these networks, and nobody else."""

    @web.middleware
    async def seen(request: web.Request, handler: Handler) -> web.StreamResponse:
        peer = peer_of(request.remote, heads_of(request), networks)
        if peer.is_proxied:
            scheme = request.headers.get("X-Forwarded-Proto", "").lower()
            known = scheme if scheme in _SCHEMES else request.scheme
            request = request.clone(remote=peer.address, scheme=known)
            request[_PEER] = peer
        return await handler(request)

    return seen


def peer_behind(request: web.Request) -> Peer:
    """Who asks, as far as a proxy of ours has told."""
    return request.get(_PEER) or Peer(request.remote or "")


def heads_of(request: web.Request) -> Mapping[str, str]:
    """Headers by lower-case names. Of what says who somebody is, two are as good as none."""
    heads = {name.lower(): value for name, value in request.headers.items()}
    for name in _ONCE:
        if len(request.headers.getall(name, ())) > 1:
            del heads[name]
    if FORWARDED_FOR in heads:
        heads[FORWARDED_FOR] = ",".join(request.headers.getall(FORWARDED_FOR))
    return heads
