"""Registries: importing a file, and what became of it: summary, lines, notes, the file itself."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import asyncpg

from server.reconciliation.formats import FileRefused
from server.reconciliation.intake import BYTES_MAX, RegistrySummary, Terms, Upload
from server.storage.connection import Connection
from server.storage.registry_import import Progress, take_in


async def import_registry(
    connection: Connection,
    upload: Upload,
    *,
    agent: str,
    actor: str,
    terms: Terms | None = None,
    dry_run: bool = False,
    bytes_max: int = BYTES_MAX,
    progress: Progress | None = None,
) -> RegistrySummary:
    """Take a file in and match it: all in one transaction, a file of the same bytes once.

    `progress` is told how many bytes have been read. A dry run leaves nothing.
    Raises FileRefused (then only the raw bytes and the reason are kept), LookupError for an unknown
    agent, UnknownFormat.
    """
    if upload.size > bytes_max:
        raise FileRefused(f"файл больше {bytes_max} байт")
    work = connection.transaction()
    await work.start()
    try:
        registry_id, known = await take_in(
            connection, upload, agent, actor, terms or Terms(), progress
        )
        summary = await registry(connection, registry_id)
    except FileRefused:
        await (work.rollback() if dry_run else work.commit())
        raise
    except BaseException:
        await work.rollback()
        raise
    if dry_run:
        await work.rollback()
        return replace(summary, registry_id=registry_id if known else None, already_imported=known)
    await work.commit()
    return replace(summary, already_imported=known)


async def registry(connection: Connection, registry_id: int) -> RegistrySummary:
    """As it stands now. Raises LookupError."""
    row = await connection.fetchrow(_REGISTRIES + " where r.id = $1", registry_id)
    if row is None:
        raise LookupError(f"no registry {registry_id}")
    return await _summary(connection, row)


async def registries(
    connection: Connection, *, agent: str | None = None, before: int | None = None, limit: int = 50
) -> tuple[RegistrySummary, ...]:
    """The newest first; `before` is the last id of the page before."""
    rows = await connection.fetch(
        _REGISTRIES + " where ($1::text is null or r.agent = $1)"
        " and ($2::bigint is null or r.id < $2) order by r.id desc limit $3",
        agent,
        before,
        limit,
    )
    return tuple([await _summary(connection, row) for row in rows])


@dataclass(frozen=True, slots=True)
class RegistryLine:
    """A line as the file has it; kopecks, bucket and payment as they stand now."""

    line_id: int
    number: int
    operation: str
    account: str
    amount_kopecks: int | None
    paid_on: dt.date | None
    paid_time: dt.time | None
    fault: str
    column: int
    buckets: dict[str, int]
    payment_id: int | None
    mismatch_id: int | None


async def registry_lines(
    connection: Connection, registry_id: int, *, after: int = 0, limit: int = 100
) -> tuple[RegistryLine, ...]:
    """A page of lines in the file's order; `after` is the last line_id of the page before."""
    rows = await connection.fetch(_LINES, registry_id, after, limit)
    return tuple(
        RegistryLine(**{**row, "buckets": json.loads(row["buckets"] or "{}")}) for row in rows
    )


async def registry_notes(connection: Connection, registry_id: int) -> list[dict[str, object]]:
    """Oddities that the reader told of: line, column, message."""
    notes = await connection.fetchval(
        "select notes from recon.registries where id = $1", registry_id
    )
    if notes is None:
        raise LookupError(f"no registry {registry_id}")
    loaded: list[dict[str, object]] = json.loads(notes)
    return loaded


async def file_content(connection: Connection, registry_id: int) -> AsyncIterator[bytes]:
    """The registry's file as it came, in blocks; inside a transaction of its own."""
    async with connection.transaction():
        async for row in connection.cursor(
            "select b.content from recon.registries r join recon.file_blocks b on b.file = r.file"
            " where r.id = $1 order by b.seq",
            registry_id,
            prefetch=2,
        ):
            yield row["content"]


async def _summary(connection: Connection, row: asyncpg.Record) -> RegistrySummary:
    cases = await connection.fetch(
        "select kind::text, state, count(*) from recon.cases($1) group by 1, 2 order by 1, 2",
        row["registry_id"],
    )
    kinds: dict[str, int] = {}
    states = {"open": 0, "assigned": 0, "resolved": 0, "closed": 0}
    for kind, state, count in cases:
        kinds[kind] = kinds.get(kind, 0) + count
        states[state] += count
    buckets = await connection.fetch(
        "select bucket::text, kopecks from recon.buckets($1) order by 1", row["registry_id"]
    )
    return RegistrySummary(
        **dict(row),
        mismatches=kinds,
        open=states["open"] + states["assigned"],
        resolved=states["resolved"],
        closed=states["closed"],
        buckets={row[0]: row[1] for row in buckets},
    )


_REGISTRIES = """
select r.id as registry_id, r.agent, f.name as file_name, r.format, r.encoding, r.lenient,
       r.number, r.day, r.lines, r.bad_lines, r.declared_total_kopecks, r.computed_total_kopecks,
       r.matched, r.imported_at, r.imported_by, r.corrects,
       (select min(c.id) from recon.registries c where c.corrects = r.id) as corrected_by,
       r.payer_fee_kopecks, r.withheld_kopecks,
       e.happened_at as closed_at, coalesce(e.actor, '') as closed_by
  from recon.registries r join recon.files f on f.id = r.file
  left join recon.audit e on e.subject = 'registry' and e.subject_id = r.id::text
   and e.action = 'close'
"""

_LINES = """
select l.id as line_id, l.number, l.operation, l.account, l.amount_kopecks, l.paid_on, l.paid_time,
       l.fault, l.col as column, o.payment_id, m.id as mismatch_id,
       (select jsonb_object_agg(p.bucket, p.kopecks) from recon.positions(o.id) p) as buckets
  from recon.registries r
  join recon.lines l on l.id >= r.first_line and l.id < r.first_line + r.lines
  join recon.lines o on o.id = coalesce(l.same_as, l.id)
  left join recon.mismatches m on m.line = o.id
 where r.id = $1 and l.id > $2
 order by l.id limit $3
"""
