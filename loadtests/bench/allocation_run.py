"""How fast payments are allocated, and what that costs the payers beside it.

Three figures: taking accounts in that owe two bills and were never taken in; payments, each on
another account, laid over charges as fast as the step goes; and a bill for every account. Then
payers post a given number a second, with the step running in a process of its own, and without.
Usage: python -m loadtests.bench.allocation_run [--accounts N] [--payments N] [--rate N]
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import multiprocessing
import multiprocessing.synchronize
import tempfile
import time
from pathlib import Path
from typing import TypeAlias

import asyncpg

from server.embedded import EmbeddedPostgres
from server.money import Money
from server.payments.ports import Order, Result
from server.sealing import FileSealer
from server.storage.allocator import Allocator
from server.storage.ledger import PostgresLedger
from server.storage.migrate import migrate
from server.storage.proof import differences

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
_SERVICES = 6
_BILLS = 2
_PAYERS = 256
_BESIDE_SECONDS = 20.0
_CONNECTIONS = 4

_SETTLE = """
insert into billing.management_companies (name, inn) values ('УК', '7700000000');
insert into billing.suppliers (name, inn) values ('РСО', '7700000001');
insert into billing.services (code, name, supplier)
  select 'service' || i, 'Услуга ' || i, 1 from generate_series(1, {services}) i;
insert into ledger.agents (name, amount_min_kopecks, amount_max_kopecks)
  values ('osmp', 1, 15000000);
insert into billing.accounts (number, holder, address)
  select (1000000 + i)::text, 'Иванов Иван Иванович', 'ул. Садовая, д. 5, кв. ' || i
    from generate_series(1, {accounts}) i;
"""
_BILL = """
insert into billing.charges (account, service, period, amount_kopecks)
select (1000000 + i)::text, 'service' || s, $1, 10000
  from generate_series(1, $2::int) i, generate_series(1, $3::int) s
"""


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--payments", type=int, default=20_000)
    parser.add_argument("--rate", type=int, default=2_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        postgres = EmbeddedPostgres(Path(directory) / "postgres")
        postgres.start()
        try:
            asyncio.run(_measure(postgres.dsn, options.accounts, options.payments, options.rate))
        finally:
            postgres.stop()


async def _measure(dsn: str, accounts: int, payments: int, rate: int) -> None:
    await migrate(dsn)
    async with asyncpg.create_pool(dsn, min_size=_CONNECTIONS, max_size=_CONNECTIONS) as pool:
        await pool.execute(_SETTLE.format(services=_SERVICES, accounts=accounts))
        today = dt.datetime.now(dt.UTC).date()
        for months in range(_BILLS, 0, -1):
            await pool.execute(_BILL, _month(today, -months), accounts, _SERVICES)
        await pool.execute("vacuum analyze")
        ledger = PostgresLedger(pool, {}, FileSealer(bytes(32)))
        allocator = Allocator()
        seconds = await _drain(pool, allocator)
        print(f"taken in: {accounts / seconds:,.0f} accounts/s")
        posting = await _post(ledger, accounts, payments)
        seconds = await _drain(pool, allocator)
        print(f"posted {payments / posting:,.0f}/s, allocated {payments / seconds:,.0f} payments/s")
        await pool.execute(_BILL, _month(today, 0), accounts, _SERVICES)
        seconds = await _drain(pool, allocator)
        print(f"a bill of {_SERVICES} services: {accounts / seconds:,.0f} accounts/s")
        await _beside(dsn, ledger, accounts, rate)
        async with pool.acquire() as connection:
            assert await differences(connection) == ()
        lines = await pool.fetchval("select count(*) from ledger.allocation")
        print(f"{lines:,} lines, every one proven")
        await _drain(pool, allocator)
        await _idle(pool, allocator)
        await ledger.finish()


def _month(today: dt.date, months: int) -> dt.date:
    place = today.year * 12 + today.month - 1 + months
    return dt.date(place // 12, place % 12 + 1, 1)


async def _drain(pool: Pool, allocator: Allocator) -> float:
    started = time.perf_counter()
    async with pool.acquire() as connection:
        while await allocator.step(connection):
            pass
    return time.perf_counter() - started


async def _post(ledger: PostgresLedger, accounts: int, payments: int) -> float:
    started, numbers = time.perf_counter(), iter(range(payments))
    series = time.time_ns()

    async def payer() -> None:
        for number in numbers:
            posted = await ledger.post(_order(f"{series}-{number}", number * 7919 % accounts))
            assert posted.result is Result.ACCEPTED, posted

    await asyncio.gather(*(payer() for _ in range(_PAYERS)))
    return time.perf_counter() - started


async def _beside(dsn: str, ledger: PostgresLedger, accounts: int, rate: int) -> None:
    """Posting at a given rate with the step running every second, and without."""
    for with_step in (False, True):
        stop = multiprocessing.Event()
        answer: multiprocessing.SimpleQueue[float] = multiprocessing.SimpleQueue()
        stepping = multiprocessing.Process(target=_step_apart, args=(dsn, stop, answer))
        if with_step:
            stepping.start()
        latencies = sorted(await _post_at(ledger, accounts, rate))
        stop.set()
        behind = await asyncio.to_thread(answer.get) if with_step else 0.0
        late = latencies[len(latencies) * 99 // 100]
        done = len(latencies) / _BESIDE_SECONDS
        how = f"allocated beside, {behind:.1f} s of work left" if with_step else "alone"
        print(f"{done:,.0f} payments/s {how}: p50 {latencies[len(latencies) // 2]:.1f} ms,"
              f" p99 {late:.1f} ms")  # fmt: skip


async def _post_at(ledger: PostgresLedger, accounts: int, rate: int) -> list[float]:
    latencies: list[float] = []
    started, series = time.perf_counter(), time.time_ns()
    posting: set[asyncio.Task[None]] = set()

    async def pay(number: int) -> None:
        before = time.perf_counter()
        posted = await ledger.post(_order(f"{series}-{number}", number * 7919 % accounts))
        assert posted.result is Result.ACCEPTED, posted
        latencies.append((time.perf_counter() - before) * 1000)

    for number in range(int(rate * _BESIDE_SECONDS)):
        due = started + number / rate
        if due > time.perf_counter():
            await asyncio.sleep(due - time.perf_counter())
        task = asyncio.create_task(pay(number))
        posting.add(task)
        task.add_done_callback(posting.discard)
    await asyncio.gather(*posting)
    return latencies


def _step_apart(
    dsn: str,
    stop: multiprocessing.synchronize.Event,
    answer: multiprocessing.SimpleQueue[float],
) -> None:
    answer.put(asyncio.run(_step_until(dsn, stop)))


async def _step_until(dsn: str, stop: multiprocessing.synchronize.Event) -> float:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        allocator = Allocator()
        while not stop.is_set():
            async with pool.acquire() as connection:
                settled = await allocator.step(connection)
            if not settled:
                await asyncio.sleep(1)
        return await _drain(pool, allocator)


async def _idle(pool: Pool, allocator: Allocator) -> None:
    steps = 200
    started = time.perf_counter()
    async with pool.acquire() as connection:
        for _ in range(steps):
            await allocator.step(connection)
    print(f"a step with nothing to do: {(time.perf_counter() - started) / steps * 1000:.2f} ms")


def _order(key: str, place: int) -> Order:
    now = dt.datetime.now(dt.UTC)
    return Order("osmp", key, str(1_000_001 + place), Money(15_000), now, now.date())


if __name__ == "__main__":
    main()
