"""Builds the demo town in an empty database; docs/demo.md says what is in it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Callable
from contextlib import aclosing

import asyncpg

from server.demo import rows
from server.demo.agents import demo_agents
from server.demo.batch import Town
from server.demo.catalogue import COMPANIES, DISTRICTS, SERVICES, SUPPLIERS
from server.demo.houses import houses_for
from server.demo.loading import Load, numbered_from_one, quicken
from server.demo.payments import FIRST_PAYMENT_ID, TRAFFIC
from server.demo.periods import MONTHS, Year
from server.demo.workshop import all_texts

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what); `what` is ACCOUNTS, then FINISHING."""

ACCOUNTS, FINISHING = "accounts", "finishing"

_LOCK = 0x746F776E  # any constant: of two servers that start together, one builds
_TARIFFS_SINCE = dt.date(2020, 1, 1)
_DAYS_LEFT_OPEN = 5


class NotEmpty(Exception):
    """The database holds accounts of somebody else: no town is built over them."""


def _silent(done: int, total: int, what: str) -> None:
    """The default progress."""


async def build_town(
    dsn: str, accounts: int, *, today: dt.date, progress: Progress = _silent
) -> None:
    """Build the town once; a database that has one, of whatever size, keeps it, and gains the
    agents that a newer version has brought.

    `today` is the date in Moscow, where the town's clocks stand: nothing is paid on it or later.
    An interrupted build leaves no account and no mark behind, and the next one begins anew.
    Raises NotEmpty. The database must be migrated, and the role a superuser.
    """
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(_MARK)
            if not await connection.fetchval("select exists (select from public.demo_town)"):
                await _build(connection, dsn, Town(accounts, Year.before(today)), progress)
            else:
                await _admit_agents(connection)
    finally:
        await connection.close()


async def _build(
    connection: asyncpg.Connection[asyncpg.Record], dsn: str, town: Town, progress: Progress
) -> None:
    if await connection.fetchval("select exists (select from billing.accounts)"):
        raise NotEmpty("the database already holds accounts, and they are not the demo town's")
    other = await asyncpg.connect(dsn)
    try:
        await other.execute("call ledger.maintain_partitions($1)", town.year.today)
        await quicken(connection)
        await _settle_in(connection, town)
        # The charges are committed first, and alone they do no harm: a town without its mark is
        # begun anew, and its tables are emptied before they are filled.
        async with other.transaction():
            await quicken(other)
            await _load(connection, other, town, progress)
    finally:
        await other.close()
    await _close_books(connection, town)
    await connection.execute(
        "insert into public.demo_town (accounts, today) values ($1, $2)",
        town.accounts,
        town.year.today,
    )


async def _load(
    connection: asyncpg.Connection[asyncpg.Record],
    other: asyncpg.Connection[asyncpg.Record],
    town: Town,
    progress: Progress,
) -> None:
    """Two loads side by side, of about equal work."""
    every = rows.targets(town.year)
    theirs = [
        target for target in every if target.parent in (rows.CHARGES.parent, rows.READINGS.parent)
    ]
    ours = [target for target in every if target not in theirs]
    steps = _Steps(progress)
    loads = (
        Load(other, theirs, steps, constants=rows.recorded_at(town.year)),
        Load(connection, ours, steps, kept=_LEANED_ON),
    )
    async with numbered_from_one(other, rows.CHARGES.parent, "id"), asyncio.TaskGroup() as tasks:
        for load in loads:
            tasks.create_task(load.run())
        await _feed(loads, town, progress)


async def _feed(loads: tuple[Load, ...], town: Town, progress: Progress) -> None:
    progress(0, town.accounts, ACCOUNTS)
    async with aclosing(all_texts(town)) as batches:
        async for places, texts in batches:
            by_target = dict(zip(rows.targets(town.year), texts, strict=True))
            for load in loads:
                await load.batches.put(by_target)
            progress(places.stop, town.accounts, ACCOUNTS)
    for load in loads:
        await load.batches.put(None)


class _Steps:
    """How far the loads are with indexes and statistics, taken together."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._expected = 0
        self._done = 0

    def expect(self, count: int) -> None:
        self._expected += count

    def done(self) -> None:
        self._done += 1
        self._progress(self._done, self._expected, FINISHING)


async def _settle_in(connection: asyncpg.Connection[asyncpg.Record], town: Town) -> None:
    """Companies, suppliers, services, houses, agents."""
    await connection.executemany(
        "insert into billing.management_companies (id, name, inn) values ($1, $2, $3)",
        [(place, *company) for place, company in enumerate(COMPANIES, 1)],
    )
    await connection.executemany(
        "insert into billing.suppliers (id, name, inn, phone) values ($1, $2, $3, $4)",
        [(place, s.name, s.inn, s.phone) for place, s in enumerate(SUPPLIERS, 1)],
    )
    await connection.executemany(
        "insert into billing.services (id, code, name, supplier, unit) values ($1, $2, $3, $4, $5)",
        [(s.id, s.code, s.name, s.supplier, s.unit) for s in SERVICES],
    )
    await connection.executemany(
        "insert into billing.tariffs (service, since, kopecks_per_unit) values ($1, $2, $3)",
        [(s.id, _TARIFFS_SINCE, s.kopecks_per_unit) for s in SERVICES],
    )
    await _build_houses(connection, town)
    await _admit_agents(connection)


async def _build_houses(connection: asyncpg.Connection[asyncpg.Record], town: Town) -> None:
    await connection.copy_records_to_table(
        "houses",
        schema_name="billing",
        columns=("id", "company", "district", "street", "building", "postcode"),
        records=[
            (h.id, h.company, DISTRICTS[h.district], h.street, h.building, h.postcode)
            for h in houses_for(town.accounts)
        ],
    )
    for table in ("management_companies", "suppliers", "services", "houses"):
        await connection.execute(
            f"select setval(pg_get_serial_sequence('billing.{table}', 'id'), max(id))"
            f" from billing.{table}"
        )


async def _admit_agents(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Their secrets come later: only the demo holds the key that seals them."""
    await connection.executemany(
        "insert into ledger.agents (name, title, protocol, zone, amount_min_kopecks,"
        " amount_max_kopecks, allow_list, settings) values ($1, $2, $3, $4, $5, $6,"
        " $7::text[]::cidr[], $8) on conflict (name) do nothing",
        [
            (
                *(a.name, a.title, a.protocol, a.zone, a.amount_min_kopecks, a.amount_max_kopecks),
                *(list(a.allow_list), json.dumps(dict(a.settings), ensure_ascii=False)),
            )
            for a in demo_agents()
        ],
    )


async def _close_books(connection: asyncpg.Connection[asyncpg.Record], town: Town) -> None:
    """Every day up to yesterday, the last few still open; and the next number of a payment."""
    await connection.execute(
        "insert into ledger.business_day (agent, day, closed_at)"
        " select a.name, d.day::date, case when d.day < $2::date - $3::int"
        "        then (d.day + interval '1 day 10 hours') at time zone a.zone end"
        "   from ledger.agents a,"
        "        generate_series($1::date::timestamp, $2::date - 1, '1 day') d(day)"
        "  where a.name = any($4::text[])",
        town.year.pay_month(0),
        town.year.today,
        _DAYS_LEFT_OPEN,
        list(TRAFFIC),
    )
    last = FIRST_PAYMENT_ID - 1 + (MONTHS + 1) * town.all_accounts
    await connection.execute("select setval('ledger.payment_id', $1)", last)


# Foreign keys point at these, so they cannot be emptied alone, and need not be: they are empty.
_LEANED_ON = (rows.ACCOUNTS, rows.METERS)

_MARK = """
create table if not exists public.demo_town (
  one boolean primary key default true check (one),
  accounts integer not null,
  today date not null,
  finished_at timestamptz not null default clock_timestamp()
)
"""
