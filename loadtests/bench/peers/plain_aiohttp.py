"""A check as one would write it at first: aiohttp, its routes, redis-py; no log, no limits."""

from __future__ import annotations

import sys

import uvloop
from aiohttp import web
from redis.asyncio import Redis

_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<response><osmp_txn_id>'
_SIGN_END = b"</osmp_txn_id>"


def main(port: str, redis_url: str) -> None:
    """Serve until the end."""
    uvloop.install()
    web.run_app(_application(redis_url), host="127.0.0.1", port=int(port), access_log=None)


def _application(redis_url: str) -> web.Application:
    redis = Redis.from_url(redis_url, max_connections=256)

    async def check(request: web.Request) -> web.Response:
        rest = await redis.get("p:" + request.query["account"])
        if rest is None:
            return web.Response(status=503)
        assert isinstance(rest, bytes)
        body = _HEAD + request.query["txn_id"].encode() + _SIGN_END + rest
        return web.Response(body=body, content_type="text/xml", charset="utf-8")

    application = web.Application()
    application.router.add_get("/check", check)
    return application


if __name__ == "__main__":
    main(*sys.argv[1:])
