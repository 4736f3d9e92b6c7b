"""What is done to the stores and the feed, and how long after their return all is well again.

Well is: a charge made after the return is shown by every worker. Meanwhile checks go on, and
payments over HTTP each of which is looked for on every worker at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncpg
import redis

from loadtests.bench import shapes
from loadtests.bench.keys import account_number
from loadtests.bench.sockets import asked, one_to_each_worker
from loadtests.bench.sync_checks import CheckJob, Judged, debt_in
from loadtests.bench.sync_lag import PROBES
from loadtests.bench.sync_parts import Companion, Connection, Site, beside, checking, until
from server.lookup.slot import SLOT

RATE = 1_000.0
_PAYERS_ACCOUNTS = 20
_AWAY_SECONDS = 1.0
_PAUSED_SECONDS = 7.0
"""Longer than wal_sender_timeout: PostgreSQL ends the stream meanwhile."""
_CUTS = 10
_HEALED_SECONDS = 60.0
_COMPLETE_SECONDS = 120.0
_CHARGED_KOPECKS = 100


@dataclass(frozen=True, slots=True)
class Healing:
    """How one fault went."""

    fault: str
    healed_seconds: float
    complete_seconds: float
    """Until Valkey certainly held every account."""
    checks: Judged
    payments: dict[str, int]


async def heal(site: Site) -> list[Healing]:
    """One fault after the other."""
    return [await _heal(site, name, fault) for name, fault in _FAULTS.items()]


async def _heal(site: Site, name: str, fault: Callable[[Site], Awaitable[None]]) -> Healing:
    await until(site.is_complete, _COMPLETE_SECONDS, f"complete before {name}")
    some = range(0, site.first_probe, max(1, site.first_probe // 20_000))
    job = CheckJob(site.server.port, await site.write_owed([*some], "owed"), 0, RATE)
    payers = range(site.accounts - _PAYERS_ACCOUNTS, site.accounts)
    file = await site.write_owed([*payers], "owed-by-payers")
    words = ("loadtests.bench.sync_payments", site.server.port, site.server.pid, site.workers)
    with checking(job) as checks, beside(*words, file) as payments:
        async with _probe(site) as probe:
            await asyncio.sleep(1.0)
            await fault(site)
            healed = await until(probe, _HEALED_SECONDS, f"healed after {name}", 0.01)
            # The marks may only be about to be missed; then they are of a new epoch soon.
            await asyncio.sleep(0.5)
            complete = (
                healed
                + 0.5
                + await until(site.is_complete, _COMPLETE_SECONDS, f"complete after {name}")
            )
        return Healing(name, healed, complete, checks.stop(), _counts(payments))


def _counts(payments: Companion) -> dict[str, int]:
    return {name: int(str(count)) for name, count in payments.found().items()}


@asynccontextmanager
async def _probe(site: Site) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Charges an account once, and says whether every worker shows that."""
    number = account_number(site.first_probe + PROBES // 2)
    links = one_to_each_worker(site.server.port, site.server.pid, site.workers, number)
    request = shapes.filled(shapes.check("/pay/osmp"), 1, number)
    before = debt_in(asked(links[0], request))
    assert before is not None
    charged = False

    async def probe() -> bool:
        nonlocal charged
        if not charged:
            with suppress(OSError, asyncpg.PostgresError):
                await charge(site, number)
                charged = True
            return False
        shown = {debt_in(asked(link, request)) for link in links}
        return shown == {before + _CHARGED_KOPECKS}

    yield probe
    for link in links:
        link.close()


async def charge(site: Site, number: str) -> None:
    """As a billing system does it. Raises OSError, asyncpg.PostgresError."""
    connection = await asyncpg.connect(site.dsn, timeout=5)
    try:
        await connection.execute(
            "insert into billing.charges (account, service, period, amount_kopecks)"
            " values ($1, 'cold_water', date_trunc('month', now()), $2)",
            number,
            _CHARGED_KOPECKS,
        )
    finally:
        connection.terminate()


async def _valkey_restarted(site: Site) -> None:
    await asyncio.to_thread(site.store.valkey.kill)
    await asyncio.sleep(_AWAY_SECONDS)
    site.store.valkey.start()


async def _postgres_restarted(site: Site) -> None:
    connection = await asyncpg.connect(site.dsn)
    await connection.execute("checkpoint")  # how long PostgreSQL itself takes is not the question
    await connection.close()
    await asyncio.to_thread(site.store.postgres.stop)
    await asyncio.sleep(_AWAY_SECONDS)
    site.store.postgres.start()


async def _slot_lost(site: Site) -> None:
    """The sync comes back to it within half a second, so whoever drops it has to be quick."""
    connection = await asyncpg.connect(site.dsn)
    try:
        await until(lambda: _dropped(connection), 20, "the slot dropped", 0.005)
    finally:
        connection.terminate()


async def _dropped(connection: Connection) -> bool:
    await connection.execute(
        "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1",
        SLOT,
    )
    try:
        await connection.execute("select pg_drop_replication_slot($1)", SLOT)
    except asyncpg.ObjectInUseError:
        return False
    return True


async def _feed_paused(site: Site) -> None:
    pid = site.process("sync")
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(_PAUSED_SECONDS)
    finally:
        os.kill(pid, signal.SIGCONT)


async def _connections_cut(site: Site) -> None:
    """Those of the workers and of the sync alike, and again while they come back."""
    for _ in range(_CUTS):
        with site.redis() as client, suppress(redis.RedisError):
            client.client_kill_filter(_type="normal")
        await asyncio.sleep(0.1)


_FAULTS: dict[str, Callable[[Site], Awaitable[None]]] = {
    "Valkey killed and started empty": _valkey_restarted,
    "the replication slot dropped": _slot_lost,
    "PostgreSQL restarted": _postgres_restarted,
    "the sync paused for 7 s": _feed_paused,
    "all connections to Valkey cut ten times": _connections_cut,
}
