"""A payment over HTTP as one would write it at first: aiohttp and one asyncpg transaction."""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import uvloop
from aiohttp import web

from loadtests.bench.peers.one_transaction import pay

_CONNECTIONS = 32
_ANSWER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<response><osmp_txn_id>{}</osmp_txn_id>'
    "<prv_txn>{}</prv_txn><sum>{}</sum><result>0</result></response>"
)


def main(port: str, dsn: str) -> None:
    """Serve until the end."""
    uvloop.install()
    web.run_app(_application(dsn), host="127.0.0.1", port=int(port), access_log=None)


async def _application(dsn: str) -> web.Application:
    idle: asyncio.LifoQueue[asyncpg.Connection[asyncpg.Record]] = asyncio.LifoQueue()
    for _ in range(_CONNECTIONS):
        idle.put_nowait(await asyncpg.connect(dsn))

    async def handle(request: web.Request) -> web.Response:
        query = request.query
        roubles, _, kopecks = query["sum"].partition(".")
        connection = await idle.get()
        try:
            number = await pay(
                connection, query["txn_id"], query["account"], int(roubles) * 100 + int(kopecks)
            )
        finally:
            idle.put_nowait(connection)
        if number is None:
            return web.Response(status=409)
        text = _ANSWER.format(query["txn_id"], number, query["sum"])
        return web.Response(text=text, content_type="text/xml", charset="utf-8")

    application = web.Application()
    application.router.add_get("/pay", handle)
    return application


if __name__ == "__main__":
    main(*sys.argv[1:])
