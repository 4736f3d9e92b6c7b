"""What the janitor settles: the list, and the steps that belong to nobody else."""

from __future__ import annotations

from server.storage.connection import Connection
from server.storage.janitor import Step

_PORTION = 1000


async def maintain_partitions(connection: Connection) -> int:
    """Months ahead, also when the server is not started anew for a year."""
    before = await connection.fetchval(_PARTITIONS)
    await connection.execute("call ledger.maintain_partitions(current_date)")
    made: int = await connection.fetchval(_PARTITIONS) - before
    return made


async def prune_replay_keys(connection: Connection) -> int:
    """Claims of signed messages that are no longer valid anyhow."""
    pruned: int = await connection.fetchval(_PRUNE, _PORTION)
    return pruned


_PARTITIONS = """
select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relkind = 'r'
"""
_PRUNE = """
with gone as (
  delete from ledger.replay_key where key in (
    select key from ledger.replay_key where expires_at < now() order by expires_at limit $1)
  returning 1
)
select count(*) from gone
"""

STEPS = (
    Step("partitions", 6 * 3600, maintain_partitions),
    Step("replay keys", 60, prune_replay_keys),
)
"""In the order in which they are run when several are due."""
