"""Registries: files as received, their import in one transaction, and what became of them."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace

import asyncpg

from server.reconciliation.formats import Differs, FileRefused, Note
from server.reconciliation.intake import (
    BYTES_MAX,
    ROW_COLUMNS,
    Reading,
    RegistrySummary,
    Row,
    Survey,
    Terms,
    Upload,
)
from server.storage.connection import Connection
from server.storage.matching import (
    DISCARD,
    INSERT_LINES,
    MATCHED,
    STAGE,
    Matching,
    classify,
    record_cases,
)

Progress = Callable[[int], None]
_ROWS_AT_A_TIME = 500  # between two turns of the event loop: a few milliseconds


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
        summary = await _import(connection, upload, agent, actor, terms or Terms(), progress)
    except FileRefused:
        await (work.rollback() if dry_run else work.commit())
        raise
    except BaseException:
        await work.rollback()
        raise
    if dry_run:
        await work.rollback()
        return summary if summary.already_imported else replace(summary, registry_id=None)
    await work.commit()
    return summary


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


async def _import(
    connection: Connection,
    upload: Upload,
    agent: str,
    actor: str,
    terms: Terms,
    progress: Progress | None,
) -> RegistrySummary:
    # Two files of one agent are matched one after the other.
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('recon ' || $1, 0))", agent
    )
    if not await connection.fetchval("select true from ledger.agents where name = $1", agent):
        raise LookupError(f"no agent {agent}")
    survey = await _survey(upload)
    earlier = await connection.fetchrow(
        _REGISTRIES + " where r.agent = $1 and f.sha256 = $2", agent, survey.sha256
    )
    if earlier is not None:
        return replace(await _summary(connection, earlier), already_imported=True)
    file = await _store(connection, upload, survey, agent, actor)
    reading: Reading | None = None
    try:
        form = terms.form(survey, upload.name)
        reading = Reading(form, terms.encoding or survey.encoding(form), terms.strict)
        async with connection.transaction():
            return await _match(connection, upload, reading, file, agent, actor, progress)
    except FileRefused as refused:
        await connection.execute(
            "insert into recon.refusals (file, refused_to, format, encoding, message, line, col)"
            " values ($1, $2, $3, $4, $5, $6, $7)",
            file,
            actor,
            reading.form.name if reading else "",
            reading.encoding if reading else "",
            refused.message,
            refused.line,
            refused.column,
        )
        raise


async def _survey(upload: Upload) -> Survey:
    survey = Survey()
    for block in upload.open():
        survey.feed(block)
        await asyncio.sleep(0)
    return survey


async def _store(
    connection: Connection, upload: Upload, survey: Survey, agent: str, actor: str
) -> int:
    """The id of the file; kept once, also when it was refused before."""
    known: int | None = await connection.fetchval(
        "select id from recon.files where agent = $1 and sha256 = $2", agent, survey.sha256
    )
    if known is not None:
        return known
    file: int = await connection.fetchval(
        "insert into recon.files (agent, sha256, name, size_bytes, received_by)"
        " values ($1, $2, $3, $4, $5) returning id",
        agent,
        survey.sha256,
        upload.name,
        upload.size,
        actor,
    )
    for seq, block in enumerate(upload.open()):
        await connection.execute(
            "insert into recon.file_blocks (file, seq, content) values ($1, $2, $3)",
            file,
            seq,
            block,
        )
    return file


async def _match(
    connection: Connection,
    upload: Upload,
    reading: Reading,
    file: int,
    agent: str,
    actor: str,
    progress: Progress | None,
) -> RegistrySummary:
    await connection.execute("set local jit = off")
    await connection.execute("set local work_mem = '128MB'")
    await connection.execute(STAGE)
    await connection.copy_records_to_table(
        "recon_stage",
        records=_unhurried(reading.rows(upload, progress)),
        columns=ROW_COLUMNS,
        schema_name="pg_temp",
    )
    matching = await _matching(connection, reading, agent)
    await classify(connection, matching)
    first_line: int = await connection.fetchval("select recon.reserve_lines($1)", reading.lines)
    await _insert(connection, reading, matching, file, first_line, actor)
    audit: int = await connection.fetchval(
        "insert into recon.audit (actor, action, subject, subject_id, details)"
        " values ($1, 'import', 'registry', $2, $3) returning id",
        actor,
        str(matching.registry),
        json.dumps({"file": upload.name, "lines": reading.lines, "strict": reading.strict}),
    )
    if reading.lines:
        await connection.execute(INSERT_LINES, agent, matching.registry, first_line)
    await record_cases(connection, matching, first_line, audit)
    await _record_total(connection, reading, matching)
    await connection.execute(DISCARD)
    return await registry(connection, matching.registry)


async def _matching(connection: Connection, reading: Reading, agent: str) -> Matching:
    header = reading.header
    corrects: int | None = None
    if header.number and header.made_on is not None:
        corrects = await connection.fetchval(
            "select max(id) from recon.registries where agent = $1 and number = $2 and day = $3",
            agent,
            header.number,
            header.made_on,
        )
    registry_id: int = await connection.fetchval(
        "select nextval(pg_get_serial_sequence('recon.registries', 'id'))"
    )
    return Matching(agent, registry_id, corrects, reading.form.numbers, reading.days)


async def _insert(
    connection: Connection,
    reading: Reading,
    matching: Matching,
    file: int,
    first_line: int,
    actor: str,
) -> None:
    oddities: list[Differs | Note] = [*reading.differences, *reading.notes]
    notes = [
        {"line": note.number, "column": note.column, "message": note.message} for note in oddities
    ]
    await connection.execute(
        _INSERT,
        matching.registry,
        matching.agent,
        file,
        reading.form.name,
        reading.encoding,
        not reading.strict,
        reading.header.number,
        reading.header.made_on,
        reading.header.origin,
        matching.corrects,
        reading.lines,
        reading.bad_lines,
        first_line,
        reading.declared.lines if reading.declared else None,
        reading.declared.amount.kopecks if reading.declared else None,
        reading.total.kopecks,
        await connection.fetchval(MATCHED),
        json.dumps(notes, ensure_ascii=False),
        actor,
    )


async def _record_total(connection: Connection, reading: Reading, matching: Matching) -> None:
    """However many control values differ: one case, because it has one cause to be found."""
    if not reading.differences:
        return
    declared = reading.declared.amount.kopecks if reading.declared else reading.total.kopecks
    details = {
        "differences": [
            {"line": item.number, "column": item.column, "message": item.message}
            for item in reading.differences
        ]
    }
    await connection.execute(
        "insert into recon.mismatches (agent, registry, kind, amount_kopecks, details)"
        " values ($1, $2, 'TOTAL_DIFFERS', $3, $4)",
        matching.agent,
        matching.registry,
        reading.total.kopecks - declared,
        json.dumps(details, ensure_ascii=False),
    )


async def _unhurried(rows: Iterator[Row]) -> AsyncIterator[Row]:
    """Lets other work of this process go on while a file is read."""
    for count, row in enumerate(rows, start=1):
        yield row
        if count % _ROWS_AT_A_TIME == 0:
            await asyncio.sleep(0)


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
       (select min(c.id) from recon.registries c where c.corrects = r.id) as corrected_by
  from recon.registries r join recon.files f on f.id = r.file
"""

_INSERT = """
insert into recon.registries (id, agent, file, format, encoding, lenient, number, day, origin,
    corrects, lines, bad_lines, first_line, declared_lines, declared_total_kopecks,
    computed_total_kopecks, matched, notes, imported_by)
overriding system value
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
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
