"""What a store needs before payments are measured on it, and who works on them afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg

from loadtests.bench.sockets import owner_of
from server.embedded import processes

_FOUND_SECONDS = 60.0


async def open_day(dsn: str) -> None:
    """Today's, for those who do not open it themselves; and the pages of a used database."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "insert into ledger.business_day (agent, day) values ('osmp', current_date)"
        " on conflict do nothing"
    )
    await connection.execute("vacuum analyze")
    await connection.close()


async def take_in(dsn: str) -> None:
    """The books of accounts that were written straight into the lanes, as the janitor keeps them.

    Without them no account adds up, and after each payment the janitor looks for what is missing.
    """
    connection = await asyncpg.connect(dsn)
    await connection.execute(_BOOKS)
    await connection.close()


async def janitor_of(dsn: str, server: int) -> Sequence[int]:
    """The janitor's process and its session's, of the server that `server` supervises."""
    connection = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(_FOUND_SECONDS):
            found = await _janitor(connection, server)
            while found is None:
                await asyncio.sleep(0.1)
                found = await _janitor(connection, server)
    finally:
        await connection.close()
    return found


async def _janitor(
    connection: asyncpg.Connection[asyncpg.Record], server: int
) -> Sequence[int] | None:
    children = processes.descendants(server)
    for row in await connection.fetch(_HOLDERS):
        owner = owner_of(row["client_port"], row["port"], children)
        if owner is not None:
            return (owner, row["pid"])
    return None


_BOOKS = """
insert into ledger.allocated (account, paid_version, billed_version, payment_id, charge_id, at)
select l.account, l.version, b.version, 0, 0, now()
  from ledger.account_paid l join ledger.account_billed b on b.account = l.account;
insert into ledger.owed (account, service, period, kopecks)
select l.account, u.service, date_trunc('month', current_date), u.charged - u.paid
  from ledger.account_paid l join ledger.account_billed b on b.account = l.account
 cross join lateral unnest(b.services, b.charged, l.paid) as u(service, charged, paid)
 where u.charged <> u.paid;
insert into ledger.payment_left (account, payment_id, service, credited_at, kopecks)
select account, 0, 0, now(), advance from ledger.account_paid where advance > 0;
"""
# Whoever has an advisory lock of a session is the janitor.
_HOLDERS = """
select a.pid, a.client_port, current_setting('port')::integer as port
  from pg_locks l join pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'advisory' and l.granted and l.mode = 'ExclusiveLock' and a.client_port > 0
"""
