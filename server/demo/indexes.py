"""Indexes off before a load and on again after it, as the catalogue describes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class Index:
    """An index, or the constraint that owns one, as the catalogue describes it."""

    drop: str
    create: str


async def drop_indexes(
    connection: asyncpg.Connection[asyncpg.Record], tables: Iterable[str]
) -> list[Index]:
    """Drop what can be made again afterwards, faster; all that no foreign key leans on."""
    rows = await connection.fetch(_INDEXES, list(tables))
    indexes = [Index(row["drop"], row["create"]) for row in rows]
    for index in indexes:
        await connection.execute(index.drop)
    return indexes


# For an index of a partitioned table the catalogue writes ON ONLY, which would leave the
# partitions without one.
_INDEXES = """
select case when c.oid is null then format('drop index %s', i.indexrelid::regclass)
            else format('alter table %s drop constraint %I', i.indrelid::regclass, c.conname)
       end as drop,
       case when c.oid is null
            then replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ')
            else format('alter table %s add constraint %I %s', i.indrelid::regclass, c.conname,
                        pg_get_constraintdef(c.oid))
       end as create
  from pg_index i
  left join pg_constraint c on c.conindid = i.indexrelid and c.conrelid = i.indrelid
        and c.contype in ('p', 'u')
 where i.indrelid = any($1::text[]::regclass[])
   and not exists (select from pg_constraint f where f.contype = 'f' and f.conindid = i.indexrelid)
 order by i.indrelid::regclass::text, i.indexrelid::regclass::text
"""
