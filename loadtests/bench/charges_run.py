"""A monthly run of 1 M charges through billing's door, with payments beside it.

Prints the run's time as a multiple of the bare INSERT of the same rows into a table without
index, partition or trigger, and the latency of payments (through group commit) during the run.
The run charges the first S of the H services that each account has.
Usage: python -m loadtests.bench.charges_run [--charges N] [--services S] [--had H]
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

import asyncpg

from server.embedded import EmbeddedPostgres
from server.money import Money
from server.payments.ports import Order, Result
from server.sealing import FileSealer
from server.storage.ledger import PostgresLedger
from server.storage.migrate import migrate
from server.storage.proof import differences

_PAYERS = 16
_ROUNDS = 3

_SETTLE = """
insert into billing.management_companies (name, inn) values ('УК', '7700000000');
insert into billing.suppliers (name, inn) values ('РСО', '7700000001');
insert into billing.services (code, name, supplier)
  select 'service' || i, 'Услуга ' || i, 1 from generate_series(1, {had}) i;
insert into billing.accounts (number, holder, address)
  select (1000000 + i)::text, 'Иванов Иван Иванович', 'ул. Садовая, д. 5, кв. ' || i
    from generate_series(1, {accounts}) i;
insert into ledger.agents (name, amount_min_kopecks, amount_max_kopecks)
  values ('osmp', 100, 1500000);
insert into billing.charges (account, service, period, amount_kopecks)
  select (1000000 + i)::text, 'service' || s, date '2026-10-01', 10000
    from generate_series(1, {accounts}) i, generate_series(1, {had}) s;
create table source as
  select (1000000 + i)::text as account, 'service' || s as service, date '2026-11-01' as period,
         (10000 + i % 100)::bigint as amount_kopecks
    from generate_series(1, {accounts}) i, generate_series(1, {services}) s;
create table bare (like billing.charges including defaults);
"""
_INTO = "insert into {} (account, service, period, amount_kopecks) select * from source"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charges", type=int, default=1_000_000)
    parser.add_argument("--services", type=int, default=6)
    parser.add_argument("--had", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        postgres = EmbeddedPostgres(Path(directory) / "postgres")
        postgres.start()
        try:
            asyncio.run(_measure(postgres.dsn, options))
        finally:
            postgres.stop()


async def _measure(dsn: str, options: argparse.Namespace) -> None:
    charges, services = options.charges, options.services
    accounts = charges // services
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await connection.execute(_SETTLE.format(services=services, accounts=accounts, had=options.had))
    await connection.execute("vacuum analyze")
    for _ in range(_ROUNDS):
        await connection.execute("truncate bare")
        bare = await _timed(connection, _INTO.format("bare"))
        alone = await _timed(connection, _INTO.format("billing.charges"))
        stop = multiprocessing.Event()
        counted: multiprocessing.SimpleQueue[tuple[int, float, float, float]]
        counted = multiprocessing.SimpleQueue()
        payer = multiprocessing.Process(target=_pay, args=(dsn, accounts, stop, counted))
        payer.start()
        await asyncio.sleep(2)
        beside = await _timed(connection, _INTO.format("billing.charges"))
        stop.set()
        count, median, p99, worst = await asyncio.to_thread(counted.get)
        payer.join()
        print(
            f"{charges} charges on {accounts} accounts: bare {bare:.2f} s, run {alone:.2f} s"
            f" ({alone / bare:.1f} x), beside payments {beside:.2f} s; {count} payments meanwhile:"
            f" p50 {median:.1f} ms, p99 {p99:.1f} ms, worst {worst:.1f} ms"
        )
    assert await differences(connection) == ()
    await connection.close()


async def _timed(connection: asyncpg.Connection[asyncpg.Record], sql: str) -> float:
    started = time.perf_counter()
    await connection.execute(sql)
    return time.perf_counter() - started


def _pay(
    dsn: str,
    accounts: int,
    stop: multiprocessing.synchronize.Event,
    counted: multiprocessing.SimpleQueue[tuple[int, float, float, float]],
) -> None:
    latencies = sorted(asyncio.run(_pay_until(dsn, accounts, stop)))
    middle, late = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]
    counted.put((len(latencies), middle, late, latencies[-1]))


async def _pay_until(
    dsn: str, accounts: int, stop: multiprocessing.synchronize.Event
) -> list[float]:
    async with asyncpg.create_pool(dsn, min_size=4, max_size=4) as pool:
        ledger = PostgresLedger(pool, {}, FileSealer(bytes(32)))
        latencies: list[float] = []
        series = time.time_ns()

        async def payer(number: int) -> None:
            turn = 0
            while not stop.is_set():
                turn += 1
                place = (number * 7919 + turn * 104_729) % accounts + 1
                started = time.perf_counter()
                posted = await ledger.post(_order(f"{series}{number:02d}{turn}", place))
                assert posted.result is Result.ACCEPTED, posted
                latencies.append((time.perf_counter() - started) * 1000)
                await asyncio.sleep(0.02)

        await asyncio.gather(*map(payer, range(_PAYERS)))
        return latencies


def _order(key: str, place: int) -> Order:
    now = dt.datetime.now(dt.UTC)
    return Order("osmp", key, str(1_000_000 + place), Money(100), now, now.date())


if __name__ == "__main__":
    main()
