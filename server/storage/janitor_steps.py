"""What the janitor settles: the list, and the steps that belong to nobody else."""

from __future__ import annotations

from functools import partial

import asyncpg

from server.storage.allocator import Allocator
from server.storage.claims import settle_claims
from server.storage.connection import Connection
from server.storage.janitor import Step
from server.storage.mismatches import PostgresCases
from server.storage.suspicions import Suspicion, Suspicions

_PORTION = 100
_REST_SECONDS = 10.0


def steps(
    pool: asyncpg.Pool[asyncpg.Record], suspicion: Suspicion | None = None
) -> tuple[Step, ...]:
    """In the order in which they are run when several are due; `pool` is for steps that share
    code with requests."""
    return (
        Step("holds", 0, expire_holds),
        Step("allocation", 0, Allocator(rest_seconds=_REST_SECONDS).step),
        Step("suspicions", 0, Suspicions(suspicion).step),
        Step("claims", 30, partial(settle_claims, PostgresCases(pool))),
        Step("readings", 30, settle_readings),
        Step("replay keys", 60, prune_replay_keys),
        Step("limits", 3600, prune_limits),
        Step("partitions", 6 * 3600, maintain_partitions),
    )


async def expire_holds(connection: Connection) -> int:
    """Held payments that nobody confirmed in time; each one by itself, whatever the others do."""
    expired = 0
    for row in await connection.fetch(_OVERDUE, _PORTION):
        try:
            outcome = await connection.fetchval(_EXPIRE, row["agent"], row["id"], row["day"])
        except asyncpg.LockNotAvailableError:
            continue
        expired += outcome == "accepted"
    return expired


async def settle_readings(connection: Connection) -> int:
    """Readings that came with a payment and did not reach the billed lane afterwards."""
    settled: int = await connection.fetchval("select ledger.settle_readings($1)", _PORTION)
    return settled


async def prune_replay_keys(connection: Connection) -> int:
    """Claims of signed messages that are no longer valid anyhow."""
    pruned: int = await connection.fetchval(_PRUNE, 10 * _PORTION)
    return pruned


async def prune_limits(connection: Connection) -> int:
    """What agents took in hours, and for accounts on days, that nobody counts any more."""
    pruned: int = await connection.fetchval(_PRUNE_LIMITS, 10 * _PORTION)
    return pruned


async def maintain_partitions(connection: Connection) -> int:
    """Months ahead, also when the server is not started anew for a year."""
    before = await connection.fetchval(_PARTITIONS)
    await connection.execute("call ledger.maintain_partitions(current_date)")
    made: int = await connection.fetchval(_PARTITIONS) - before
    return made


_OVERDUE = """
select p.agent, p.agent_payment_id as id, (now() at time zone a.zone)::date
         + (a.cut_off <> '00:00' and (now() at time zone a.zone)::time >= a.cut_off)::integer as day
  from ledger.open_hold o
  join ledger.payment p on p.payment_id = o.payment_id and p.recorded_at = o.recorded_at
  join ledger.agents a on a.name = p.agent
 where o.valid_until <= now() order by o.valid_until limit $1
"""
_EXPIRE = "select outcome from ledger.move_payment('expire', $1, $2, 0, $3, 'no', 'janitor', '')"
_PRUNE = """
with gone as (
  delete from ledger.replay_key where key in (
    select key from ledger.replay_key where expires_at < now() order by expires_at limit $1)
  returning 1
)
select count(*) from gone
"""
_PRUNE_LIMITS = """
with gone as (
  delete from ledger.agent_use where (agent, account, since) in (
    select agent, account, since from ledger.agent_use
     where since < now() at time zone 'UTC' - interval '70 days' or account = ''
       and since < now() at time zone 'UTC' - interval '1 day'
     order by since limit $1)
  returning 1
)
select count(*) from gone
"""
_PARTITIONS = """
select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relkind = 'r'
"""
