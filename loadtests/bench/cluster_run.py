"""What an account costs the sync, Valkey and a worker: one server beside a cluster of three.

Prints CPU time, which says more than the clock where nodes share two cores. The sync fills an empty
Valkey, then follows a charge for everybody; a worker without a near cache asks for accounts drawn
uniformly, 64 in a turn of its loop.
Usage: python -m loadtests.bench.cluster_run [--accounts N] [--rounds N]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import uvloop

from loadtests.bench.filling import fill_postgres
from loadtests.bench.keys import account_number
from loadtests.bench.machine import cpu_seconds
from loadtests.bench.ours import INSTALLATION_KEY
from loadtests.bench.sync_parts import until
from server.demo.catalogue import SERVICES
from server.embedded import EmbeddedPostgres, EmbeddedValkey
from server.lookup.accounts import NearCache
from server.lookup.fleet import Fleet
from server.lookup.place import Place
from server.lookup.ring import Ring
from server.lookup.sync import run_sync
from tests.lookup.valkey_cluster import cluster
from tests.servers import short_directory

_SLOT = "kvitok_bench"
_QUESTIONS, _AT_ONCE = 20_000, 64
_PATIENCE_SECONDS = 300.0
_CATALOGUE = {service.id: (service.code, service.name, service.unit) for service in SERVICES}
_MONTH = (
    "insert into billing.charges (account, service, period, amount_kopecks)"
    " select account, 'heating', date_trunc('month', now()), 100 from ledger.account_billed"
)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--sync", nargs=2, help=argparse.SUPPRESS, metavar=("DSN", "URL"))
    options = parser.parse_args()
    if options.sync:
        uvloop.run(run_sync(*options.sync, slot=_SLOT))
        return
    with short_directory() as directory:
        postgres = EmbeddedPostgres(directory / "postgres")
        postgres.start()
        try:
            asyncio.run(fill_postgres(postgres.dsn, options.accounts, INSTALLATION_KEY))
            for number in range(options.rounds):
                _round(directory / str(number), postgres.dsn, options.accounts)
        finally:
            postgres.stop()


def _round(directory: Path, dsn: str, accounts: int) -> None:
    alone = EmbeddedValkey(directory / "one")
    alone.start()
    try:
        assert alone.pid is not None
        found = uvloop.run(_measured(dsn, alone.url, [alone.pid], accounts))
    finally:
        alone.stop()
    print("one server:", found, flush=True)
    with cluster(directory) as nodes:
        pids = [member.server.pid for member in nodes.primaries]
        found = uvloop.run(_measured(dsn, nodes.url, [pid for pid in pids if pid], accounts))
    print("three nodes:", found, flush=True)


async def _measured(dsn: str, url: str, valkeys: list[int], accounts: int) -> str:
    connection = await asyncpg.connect(dsn)
    fleet = await Fleet.open(Place.from_url(url))
    with _syncing(dsn, url) as sync:
        await until(lambda: _holds(fleet, 0), _PATIENCE_SECONDS, "the sync has begun")
        filled = await _cost(sync, valkeys, accounts, lambda: _is_complete(fleet))
        async with _worker(dsn, url) as cache:
            await connection.execute(_MONTH)
            lsn = int(await connection.fetchval("select pg_current_wal_insert_lsn() - '0/0'"))
            used = time.process_time()
            followed = await _cost(sync, valkeys, accounts, lambda: _holds(fleet, lsn))
            told_us = (time.process_time() - used) / accounts * 1e6
            asked = await _asked(cache, valkeys, accounts)
    await fleet.aclose()
    await until(lambda: _slot_dropped(connection), 20, "the slot is free")
    await connection.close()
    return (
        f"filling {filled}; a month's run {followed}, a worker {told_us:.1f} µs to be told;"
        f" a check in Redis {asked}"
    )


@asynccontextmanager
async def _worker(dsn: str, url: str) -> AsyncIterator[NearCache]:
    """It keeps nothing, and is told of every change."""
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        cache = NearCache(url, pool, _CATALOGUE, Ring.create(1), 0, 0)
        await cache.start()
        await until(cache.can_answer, 20, "a worker is connected")
        yield cache
        await cache.stop()


@contextmanager
def _syncing(dsn: str, url: str) -> Iterator[int]:
    command = [sys.executable, "-m", "loadtests.bench.cluster_run", "--sync", dsn, url]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


async def _cost(
    sync: int, valkeys: list[int], accounts: int, is_done: Callable[[], Awaitable[bool]]
) -> str:
    used, used_by_valkey, started = cpu_seconds([sync]), cpu_seconds(valkeys), time.perf_counter()
    await until(is_done, _PATIENCE_SECONDS, "done", 0.1)
    sync_us = (cpu_seconds([sync]) - used) / accounts * 1e6
    valkey_us = (cpu_seconds(valkeys) - used_by_valkey) / accounts * 1e6
    seconds = time.perf_counter() - started
    return f"sync {sync_us:.1f} µs, Valkey {valkey_us:.1f} µs an account, {seconds:.1f} s"


async def _is_complete(fleet: Fleet) -> bool:
    return all([(await mirror.marks()).complete for mirror in fleet.mirrors.values()])


async def _holds(fleet: Fleet, lsn: int) -> bool:
    beats = [(await mirror.marks()).beat for mirror in fleet.mirrors.values()]
    return all(beat is not None and beat.lsn >= lsn for beat in beats)


async def _asked(cache: NearCache, valkeys: list[int], accounts: int) -> str:
    draw = random.Random(1).randrange
    numbers = [account_number(draw(accounts)) for _ in range(_QUESTIONS)]
    used, used_by_valkey = time.process_time(), cpu_seconds(valkeys)
    for start in range(0, _QUESTIONS, _AT_ONCE):
        await asyncio.gather(*map(cache.find, numbers[start : start + _AT_ONCE]))
    worker_us = (time.process_time() - used) / _QUESTIONS * 1e6
    valkey_us = (cpu_seconds(valkeys) - used_by_valkey) / _QUESTIONS * 1e6
    assert cache.counters()["database_lookups"] == 0
    return f"worker {worker_us:.1f} µs, Valkey {valkey_us:.1f} µs"


async def _slot_dropped(connection: asyncpg.Connection[asyncpg.Record]) -> bool:
    held = "select active from pg_replication_slots where slot_name = $1"
    if await connection.fetchval(held, _SLOT):
        return False
    await connection.execute("select pg_drop_replication_slot($1)", _SLOT)
    return True


if __name__ == "__main__":
    main()
