"""What the tests know about the town that they build, and how they compare two of them."""

from __future__ import annotations

import datetime as dt

import asyncpg

ACCOUNTS = 2_000
TODAY = dt.date(2026, 3, 17)

_TABLES = """
select format('%I.%I', n.nspname, c.relname) as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname in ('billing', 'ledger') and c.relkind in ('r', 'p') and not c.relispartition
 order by 1
"""
_SEQUENCES = "select schemaname, sequencename, last_value from pg_sequences order by 1, 2"


async def contents(connection: asyncpg.Connection) -> dict[str, str]:
    """A checksum of every table, and where every sequence stands."""
    found = {}
    for row in await connection.fetch(_TABLES):
        found[row["name"]] = await connection.fetchval(
            "select coalesce(md5(string_agg(t::text, '|' order by t::text collate \"C\")), '')"
            f" from {row['name']} t"
        )
    for row in await connection.fetch(_SEQUENCES):
        found[f"{row['schemaname']}.{row['sequencename']}"] = str(row["last_value"])
    return found


_SHAPE = """
select format('%s %s', i.indrelid::regclass, pg_get_indexdef(i.indexrelid)) from pg_index i
  join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
 where n.nspname in ('billing', 'ledger') and i.indisvalid
union all
select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint
 where connamespace in ('billing'::regnamespace, 'ledger'::regnamespace) and conrelid <> 0
union all
select format('%s.%s %s', adrelid::regclass, adnum, pg_get_expr(adbin, adrelid)) from pg_attrdef d
  join pg_class c on c.oid = d.adrelid join pg_namespace n on n.oid = c.relnamespace
 where n.nspname in ('billing', 'ledger')
union all
select format('%s %s %s', tgrelid::regclass, tgname, tgenabled) from pg_trigger
 where not tgisinternal
union all
select format('%s %s', schemaname || '.' || sequencename, cache_size) from pg_sequences
"""


async def shape(connection: asyncpg.Connection) -> set[str]:
    """Indexes, constraints, defaults, triggers and sequences."""
    return {row[0] for row in await connection.fetch(_SHAPE)}
