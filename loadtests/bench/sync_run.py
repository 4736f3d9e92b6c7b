"""The sync at full load: from commit to answer, a month's run, a rebuild, and what it heals."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from loadtests.bench.figures import quantile
from loadtests.bench.machine import Cores, everywhere
from loadtests.bench.ours import OurServer, Store
from loadtests.bench.sync_checks import CheckJob, Judged
from loadtests.bench.sync_faults import Healing, heal
from loadtests.bench.sync_parts import Connection, Site, beside, checking, until

WORKERS = 2
PAYMENTS_PER_SECOND, CHECKS_PER_SECOND = 2_000, 5_000
_BARE_SLOT = "kvitok_bench"
_LAG = "loadtests.bench.sync_lag"
_CHECKED = 50_000
_CHARGED_KOPECKS = 100
_WARM_UP_SECONDS = 3.0
_AFTER_SECONDS = 2.0
_CATCH_UP_SECONDS, _REBUILD_SECONDS = 180.0, 180.0


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """How much of everything."""

    accounts: int
    rounds: int
    """Of the way from commit to answer."""
    lag_seconds: float


@dataclass(frozen=True, slots=True)
class Lag:
    """One round of it; milliseconds after the commit was known to whoever committed."""

    probes: int
    payments_per_second: float
    bare_p50_ms: float
    """A slot of its own, read by pgoutput, by somebody who does nothing else."""
    bare_p99_ms: float
    seen_p50_ms: float
    """Every worker's answer shows it."""
    seen_p99_ms: float


@dataclass(frozen=True, slots=True)
class Bulk:
    """Many accounts at once, with checks beside it."""

    accounts: int
    seconds: float
    checks: Judged
    cpu_us: dict[str, float]
    """CPU for each account meanwhile, what the checks cost included, by who used it."""

    @property
    def per_second(self) -> float:
        """Accounts."""
        return self.accounts / self.seconds


@dataclass(frozen=True, slots=True)
class Synced:
    """What the part found."""

    accounts: int
    lags: list[Lag]
    month: Bulk
    """From its commit until Valkey holds all of it."""
    rebuild: Bulk
    healings: list[Healing]


def run(plan: SyncPlan, directory: Path, cores: Cores) -> Synced:
    """On a database of its own, which is used up: everybody is charged and pays."""
    place = directory / "sync"
    shutil.rmtree(place, ignore_errors=True)
    try:
        with ExitStack() as stack:
            store = stack.enter_context(Store(place, plan.accounts, cores))
            server = OurServer(store.where, directory, "sync", cores, workers=WORKERS)
            stack.enter_context(server)
            everywhere(server.pid)  # five processes and two stores share what there is
            server.wait_until_complete()
            site = Site(store, server, plan.accounts, WORKERS, place)
            return asyncio.run(_measured(site, plan))
    finally:
        shutil.rmtree(place, ignore_errors=True)


async def _measured(site: Site, plan: SyncPlan) -> Synced:
    connection = await asyncpg.connect(site.dsn)
    await connection.execute("vacuum analyze ledger.account_billed, ledger.account_paid")
    lags = [await _lag(site, connection, plan.lag_seconds) for _ in range(plan.rounds)]
    month = await _month(site, connection)
    rebuild = await _rebuild(site)
    await connection.close()
    return Synced(plan.accounts, lags, month, rebuild, await heal(site))


async def _lag(site: Site, connection: Connection, seconds: float) -> Lag:
    await _drop_slot(connection)
    await connection.execute(
        "select pg_create_logical_replication_slot($1, 'pgoutput')", _BARE_SLOT
    )
    probing = (_LAG, "probes", site.server.port, site.server.pid, WORKERS, seconds)
    try:
        with (
            beside(_LAG, "reader", _BARE_SLOT, site.dsn) as reader,
            beside(_LAG, "payers", PAYMENTS_PER_SECOND, site.accounts, site.dsn) as payers,
        ):
            await asyncio.to_thread(reader.wait_ready)
            await asyncio.sleep(1.0)
            with beside(*probing, site.first_probe, site.dsn) as probes:
                found = await asyncio.to_thread(probes.found, seconds + 60)
            paid, passed = payers.found(), reader.found()
    finally:
        await _drop_slot(connection)
    return compared(found["probes"], passed, paid)  # type: ignore[arg-type]


def compared(
    probes: Sequence[tuple[str, float, float]],
    passed: dict[str, list[float]],
    paid: dict[str, float],
) -> Lag:
    """Probe by probe: `passed` has the moments of each account in the order of its commits."""
    bare, seen = [], []
    turns: dict[str, int] = {}
    for account, committed, shown in probes:
        turn = turns.setdefault(account, 0)
        turns[account] = turn + 1
        # The stream may be quicker than the answer to whoever committed.
        bare.append(max(passed[account][turn] - committed, 0.0) * 1000)
        seen.append((shown - committed) * 1000)
    return Lag(
        probes=len(seen),
        payments_per_second=paid["per_second"],
        bare_p50_ms=quantile(bare, 0.5),
        bare_p99_ms=quantile(bare, 0.99),
        seen_p50_ms=quantile(seen, 0.5),
        seen_p99_ms=quantile(seen, 0.99),
    )


async def _drop_slot(connection: Connection) -> None:
    """Of this run, or of one that was killed. A slot that nobody reads keeps the log for ever."""

    async def is_free() -> bool:
        held = "select active from pg_replication_slots where slot_name = $1"
        return not await connection.fetchval(held, _BARE_SLOT)

    await until(is_free, 20, "the bench's slot is free")
    await connection.execute(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1",
        _BARE_SLOT,
    )


async def _checks(site: Site, added: int) -> CheckJob:
    """Of accounts drawn uniformly, each with what it owes now."""
    count = min(_CHECKED, site.first_probe)
    places = random.Random(5).sample(range(site.first_probe), count)
    owed = await site.write_owed(places, "owed")
    return CheckJob(site.server.port, owed, added, CHECKS_PER_SECOND)


async def _month(site: Site, connection: Connection) -> Bulk:
    """A charge for everybody, in one transaction, by billing's door."""
    with checking(await _checks(site, _CHARGED_KOPECKS)) as checks:
        await asyncio.sleep(_WARM_UP_SECONDS)
        await connection.execute(
            "insert into billing.charges (account, service, period, amount_kopecks)"
            " select account, 'heating', date_trunc('month', now()), $1 from ledger.account_billed",
            _CHARGED_KOPECKS,
        )
        started, cpu = time.perf_counter(), site.cpu_seconds()
        lsn = int(await connection.fetchval("select pg_current_wal_insert_lsn() - '0/0'"))

        def is_there() -> bool:
            beat = site.beat()
            return beat is not None and beat.lsn >= lsn

        await until(is_there, _CATCH_UP_SECONDS, "the month's run in Valkey")
        seconds, cpu_us = time.perf_counter() - started, _used(site, cpu)
        checks.changed()
        await asyncio.sleep(_AFTER_SECONDS)
        return Bulk(site.accounts, seconds, checks.stop(), cpu_us)


def _used(site: Site, since: dict[str, float]) -> dict[str, float]:
    now = site.cpu_seconds()
    return {name: (now[name] - since[name]) / site.accounts * 1e6 for name in since}


async def _rebuild(site: Site) -> Bulk:
    """Valkey is emptied under everybody's hands."""
    with checking(await _checks(site, 0)) as checks:
        await asyncio.sleep(_WARM_UP_SECONDS)
        beat = site.beat()
        assert beat is not None
        started, cpu = time.perf_counter(), site.cpu_seconds()
        with site.redis() as client:
            client.flushall(asynchronous=True)
        await until(lambda: site.is_complete(beat.epoch), _REBUILD_SECONDS, "Valkey filled again")
        seconds, cpu_us = time.perf_counter() - started, _used(site, cpu)
        await asyncio.sleep(_AFTER_SECONDS)
        return Bulk(site.accounts, seconds, checks.stop(), cpu_us)
