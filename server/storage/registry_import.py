"""The steps of an import: the file is kept, read, matched and recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator

from server.reconciliation.formats import Differs, FileRefused, Note
from server.reconciliation.intake import (
    ROW_COLUMNS,
    Reading,
    Row,
    Survey,
    Terms,
    Upload,
)
from server.storage.connection import Connection
from server.storage.fees import record_fees_of_file
from server.storage.matching import (
    INSERT_LINES,
    MATCHED,
    STAGE,
    Matching,
    classify,
    record_cases,
)
from server.storage.missing_payments import find_missing, record_missing

Progress = Callable[[int], None]
_ROWS_AT_A_TIME = 500  # between two turns of the event loop: a few milliseconds


async def take_in(
    connection: Connection,
    upload: Upload,
    agent: str,
    actor: str,
    terms: Terms,
    progress: Progress | None,
) -> tuple[int, bool]:
    """The registry's id, and whether it was there before; within the caller's transaction.

    After FileRefused the raw bytes and the reason are in the transaction still.
    """
    # Two files of one agent are matched one after the other.
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('recon ' || $1, 0))", agent
    )
    if not await connection.fetchval("select true from ledger.agents where name = $1", agent):
        raise LookupError(f"no agent {agent}")
    survey = await _survey(upload)
    earlier: int | None = await connection.fetchval(
        "select r.id from recon.registries r join recon.files f on f.id = r.file"
        " where f.agent = $1 and f.sha256 = $2",
        agent,
        survey.sha256,
    )
    if earlier is not None:
        return earlier, True
    file = await _store(connection, upload, survey, agent, actor)
    reading: Reading | None = None
    try:
        form = terms.form(survey, upload.name)
        reading = Reading(form, terms.encoding or survey.encoding(form), terms.strict)
        async with connection.transaction():
            return await _match(connection, upload, reading, file, agent, actor, progress), False
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
) -> int:
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
    await find_missing(connection, matching)
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
    await record_missing(connection, matching)
    if reading.fees is not None:
        await record_fees_of_file(connection, first_line)
    await _record_total(connection, reading, matching)
    await connection.execute(_DISCARD)
    return matching.registry


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
        await connection.fetchval("select count(*) from recon_carried"),
        first_line,
        reading.declared.lines if reading.declared else None,
        reading.declared.amount.kopecks if reading.declared else None,
        reading.total.kopecks,
        await connection.fetchval(MATCHED),
        json.dumps(notes, ensure_ascii=False),
        actor,
        reading.fees.payer.kopecks if reading.fees else None,
        reading.fees.withheld.kopecks if reading.fees else None,
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


# Within a larger transaction the tables would outlive the import.
_DISCARD = """
drop table recon_stage, recon_work, recon_carried, recon_keys, recon_tied, recon_pairs,
           recon_repeated, recon_verdict, recon_days, recon_own, recon_missing
"""

_INSERT = """
insert into recon.registries (id, agent, file, format, encoding, lenient, number, day, origin,
    corrects, lines, bad_lines, carried, first_line, declared_lines, declared_total_kopecks,
    computed_total_kopecks, matched, notes, imported_by, payer_fee_kopecks, withheld_kopecks)
overriding system value
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
        $21, $22)
"""
