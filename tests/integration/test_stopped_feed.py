"""Redis follows PostgreSQL through the log alone: stop its consumer, and nothing moves."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import asyncpg
import redis

from tests.integration.demo import Demo, until


def _sync_pid(demo: Demo) -> int:
    """The supervisor's child that calls itself so."""
    assert demo.process is not None
    supervisor = demo.process.pid
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text()
    return next(
        pid
        for pid in map(int, children.split())
        if Path(f"/proc/{pid}/comm").read_text().strip() == "kvitok-sync"
    )


def test_a_charge_reaches_valkey_only_through_the_feed(tmp_path: Path) -> None:
    with Demo(tmp_path / "demo", accounts=20) as demo:
        stop_the_feed(demo)


def stop_the_feed(demo: Demo) -> None:
    client = redis.Redis.from_url(demo.run("dsn", "--redis")[1].strip())
    sync = _sync_pid(demo)
    os.kill(sync, signal.SIGSTOP)
    before = client.get("a:1000001")

    async def charge() -> None:
        connection = await asyncpg.connect(demo.run("dsn")[1].strip())
        await connection.execute(
            "insert into billing.charges (account, service, period, amount_kopecks)"
            " select '1000001', code, '2026-11-01', 777 from billing.services order by id limit 1"
        )
        await connection.close()

    asyncio.run(charge())
    time.sleep(1.5)
    assert client.get("a:1000001") == before
    os.kill(sync, signal.SIGCONT)
    until(10, lambda: client.get("a:1000001") != before)
    assert demo.run("cache", "verify")[0] == 0
    assert demo.stop() == 0
