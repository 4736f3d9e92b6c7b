"""Intake: once by checksum, strict or lenient, corrected and overlapping files diffed."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from server.reconciliation.formats import FileRefused
from server.reconciliation.intake import (
    RegistrySummary,
    Terms,
    UnknownFormat,
    Upload,
    refusal_json,
)
from server.storage.connection import Connection
from server.storage.mismatches import cases, history
from server.storage.registries import (
    file_content,
    import_registry,
    registries,
    registry,
    registry_lines,
    registry_notes,
)
from tests.reconciliation.conftest import Pool
from tests.reconciliation.town import (
    DAY,
    Paid,
    pack,
    pack_row,
    pay,
    qiwi,
    qiwi_row,
    take_in,
)

_TABLES = (
    "files", "file_blocks", "refusals", "registries", "lines", "mismatches", "inherited", "audit",
    "moves",
)  # fmt: skip


async def counts(connection: Connection) -> dict[str, int]:
    return {
        table: await connection.fetchval(f"select count(*) from recon.{table}") for table in _TABLES
    }


async def test_the_same_file_again_is_a_no_op(connection: Connection) -> None:
    upload = pack(pack_row("1", "1000001", 1000), pack_row("2", "5550000", 500))
    first = await take_in(connection, upload, "bank")
    before = await counts(connection)
    again = await take_in(connection, Upload.of("renamed.txt", b"".join(upload.open())), "bank")
    assert await counts(connection) == before
    assert again.already_imported
    assert again.registry_id == first.registry_id
    assert first.import_json() == again.import_json() | {"already_imported": False}


async def test_the_same_bytes_of_another_agent_are_another_file(connection: Connection) -> None:
    upload = pack(pack_row("1", "1000001", 1000))
    await take_in(connection, upload, "bank")
    assert not (await take_in(connection, upload, "terminal")).already_imported


async def test_a_dry_run_tells_and_leaves_nothing(connection: Connection) -> None:
    upload = pack(pack_row("1", "1000001", 1000))
    before = await counts(connection)
    found = await take_in(connection, upload, "bank", dry_run=True)
    assert (found.registry_id, found.mismatches) == (None, {"NOT_RECORDED": 1})
    assert await counts(connection) == before
    with pytest.raises(FileRefused):
        await take_in(connection, pack(pack_row("1", "1", 1), total=2), "bank", dry_run=True)
    assert await counts(connection) == before


async def test_a_wrong_control_sum_refuses_the_file_and_keeps_its_bytes(
    connection: Connection,
) -> None:
    upload = pack(pack_row("1", "1000001", 1000), total=1100)
    before = await counts(connection)
    with pytest.raises(FileRefused) as refused:
        await take_in(connection, upload, "bank")
    assert (refused.value.line, refused.value.column) == (1, 54)
    assert refusal_json(refused.value)["error"] == {
        "message": "оплачено: заявлено 11.00, а по строкам 10.00",
        "line": 1,
        "column": 54,
    }
    assert await counts(connection) == before | {"files": 1, "file_blocks": 1, "refusals": 1}


async def test_lenient_takes_it_with_one_case_for_the_total(connection: Connection) -> None:
    upload = pack(pack_row("1", "5550000", 1000), total=1100)
    with pytest.raises(FileRefused):
        await take_in(connection, upload, "bank")
    found = await take_in(connection, upload, "bank", strict=False)
    assert found.mismatches == {"TOTAL_DIFFERS": 1, "UNIDENTIFIED": 1}
    assert (found.declared_total_kopecks, found.computed_total_kopecks) == (1100, 1000)
    assert found.buckets == {"unidentified": 1000}
    assert await connection.fetchval("select count(*) from recon.files") == 1
    assert found.registry_id is not None
    (note,) = await registry_notes(connection, found.registry_id)
    assert note["line"] == 1


async def test_what_no_format_recognises_is_refused_with_a_place(connection: Connection) -> None:
    with pytest.raises(FileRefused) as refused:
        await take_in(connection, Upload.of("a.txt", b"hello\n"), "bank")
    assert (refused.value.line, refused.value.column) == (1, 1)
    assert await connection.fetchval("select count(*) from recon.refusals") == 1


async def test_an_unknown_agent_or_format_is_the_callers_mistake(connection: Connection) -> None:
    upload = pack(pack_row("1", "1000001", 1000))
    with pytest.raises(LookupError):
        await take_in(connection, upload, "nobody")
    with pytest.raises(UnknownFormat):
        await import_registry(
            connection, upload, agent="bank", actor="anna", terms=Terms(format="x")
        )
    assert await connection.fetchval("select count(*) from recon.files") == 0


async def test_a_file_beyond_the_limit_is_refused_unread(connection: Connection) -> None:
    upload = pack(pack_row("1", "1000001", 1000))
    with pytest.raises(FileRefused):
        await import_registry(connection, upload, agent="bank", actor="anna", bytes_max=10)
    assert await connection.fetchval("select count(*) from recon.files") == 0


async def test_the_file_comes_back_byte_for_byte(connection: Connection) -> None:
    content = b"".join(pack(pack_row("1", "1000001", 1000)).open())
    half = len(content) // 2
    upload = Upload("p.txt", len(content), lambda: iter((content[:half], content[half:])))
    found = await take_in(connection, upload, "bank")
    assert found.registry_id is not None
    assert b"".join([block async for block in file_content(connection, found.registry_id)]) == (
        content
    )


async def test_a_corrected_file_is_diffed_not_doubled(connection: Connection) -> None:
    paid = [Paid("1", "1000001", 1000), Paid("2", "1000002", 2000), Paid("3", "1000003", 3000)]
    await pay(connection, paid)
    first = await take_in(
        connection,
        pack(
            pack_row("1", "1000001", 1000),  # stays
            pack_row("2", "1000002", 2100),  # corrected below
            pack_row("9", "5550000", 900),  # stays, unidentified
            pack_row("8", "5550001", 800),  # withdrawn below
        ),
        "osmp",
    )
    assert first.mismatches == {"AMOUNT_DIFFERS": 1, "NOT_IN_REGISTRY": 1, "UNIDENTIFIED": 2}
    second = await take_in(
        connection,
        pack(
            pack_row("1", "1000001", 1000),
            pack_row("2", "1000002", 2000),
            pack_row("9", "5550000", 900),
            pack_row("3", "1000003", 3000),
        ),
        "osmp",
    )
    assert second.corrects == first.registry_id
    assert second.mismatches == {"UNIDENTIFIED": 1}
    assert (second.matched, second.open) == (3, 1)
    assert second.buckets == {"already_online": 6000, "unidentified": 900}
    assert first.registry_id is not None
    before = await registry(connection, first.registry_id)
    assert (before.open, before.closed, before.corrected_by) == (1, 3, second.registry_id)
    outcomes = {case.kind.value: case.outcome for case in await cases(connection) if case.outcome}
    assert outcomes == {
        "AMOUNT_DIFFERS": "superseded",
        "UNIDENTIFIED": "superseded",
        "NOT_IN_REGISTRY": "found",
    }


async def test_a_withdrawn_line_leaves_its_own_payment_missing(connection: Connection) -> None:
    await pay(connection, [Paid("1", "1000001", 1000), Paid("2", "1000002", 2000)])
    rows = [pack_row("1", "1000001", 1000), pack_row("2", "1000002", 2000)]
    await take_in(connection, pack(*rows), "osmp")
    found = await take_in(connection, pack(rows[0]), "osmp")
    assert (found.matched, found.mismatches) == (1, {"NOT_IN_REGISTRY": 1})


async def test_an_overlapping_file_tells_of_the_same_cases(connection: Connection) -> None:
    await pay(connection, [Paid("1", "1000001", 1000)])
    rows = [
        pack_row("1", "1000001", 1000),
        pack_row("9", "5550000", 900),
        pack_row("9", "5550000", 900),
    ]
    first = await take_in(connection, pack(*rows, number=1), "osmp")
    second = await take_in(
        connection, pack(*rows, pack_row("10", "5550000", 901), number=2), "osmp"
    )
    assert first.mismatches == {"DUPLICATE_LINE": 1, "UNIDENTIFIED": 1}
    assert second.mismatches == {"DUPLICATE_LINE": 1, "UNIDENTIFIED": 2}
    assert (second.corrects, second.matched) == (None, 1)
    assert second.buckets == {"already_online": 1000, "pending": 900, "unidentified": 1801}
    assert await connection.fetchval("select count(*) from recon.mismatches") == 3


async def test_the_same_payments_in_another_encoding_are_the_same_operations(
    connection: Connection,
) -> None:
    content = b"".join(pack(pack_row("9", "5550000", 900)).open())
    first = await take_in(connection, Upload.of("a", content), "bank")
    other = content.decode("cp1251").replace("«Пример»", "Пример").encode("cp866")
    second = await take_in(connection, Upload.of("a", other), "bank")
    assert (first.encoding, second.encoding) == ("cp1251", "cp866")
    assert second.mismatches == {"UNIDENTIFIED": 1}
    assert await connection.fetchval("select count(*) from recon.mismatches") == 1


async def test_lists_pages_and_audit(connection: Connection) -> None:
    one = await take_in(connection, qiwi(qiwi_row("1", "5550000", 900)), "osmp")
    two = await take_in(connection, pack(pack_row("9", "5550000", 900)), "bank")
    assert [item.registry_id for item in await registries(connection)] == [
        two.registry_id,
        one.registry_id,
    ]
    assert [item.agent for item in await registries(connection, agent="osmp")] == ["osmp"]
    assert await registries(connection, before=one.registry_id) == ()
    assert one.registry_id is not None
    (line,) = await registry_lines(connection, one.registry_id)
    assert (line.operation, line.paid_on, line.buckets) == ("1", DAY, {"unidentified": 900})
    assert line.mismatch_id is not None
    assert await history(connection, line.mismatch_id) == ()
    audit = await connection.fetch("select actor, action, subject from recon.audit")
    assert {tuple(row) for row in audit} == {("anna", "import", "registry")}
    with pytest.raises(LookupError):
        await registry(connection, 10**9)


@pytest.mark.parametrize(
    "change",
    [
        "update recon.lines set amount_kopecks = amount_kopecks + 1",
        "update recon.lines set bucket = 'posted'",
        "delete from recon.lines",
        "update recon.registries set computed_total_kopecks = 0",
        "delete from recon.file_blocks",
        "update recon.audit set actor = 'x'",
        (
            "insert into recon.lines (id, registry, agent, number, operation, account,"
            " amount_kopecks, paid_on, bucket) select id + 1000, registry, agent, number,"
            " operation, account, amount_kopecks, paid_on, bucket from recon.lines"
        ),
        (
            "insert into recon.moves (line, from_bucket, to_bucket, kopecks, mismatch, audit)"
            " select l.id, 'unidentified', 'posted', 901, m.id, a.id"
            " from recon.lines l, recon.mismatches m, recon.audit a limit 1"
        ),
        (
            "insert into recon.moves (line, from_bucket, to_bucket, kopecks, mismatch, audit)"
            " select l.id, 'pending', 'posted', 900, m.id, a.id"
            " from recon.lines l, recon.mismatches m, recon.audit a limit 1"
        ),
    ],
)
async def test_the_store_refuses_what_would_unbalance_it(
    connection: Connection, change: str
) -> None:
    await take_in(connection, pack(pack_row("9", "5550000", 900)), "bank")
    with pytest.raises((asyncpg.RestrictViolationError, asyncpg.CheckViolationError)):
        await connection.execute(change)


async def test_the_same_file_sent_twice_at_once_is_taken_in_once(pool: Pool) -> None:
    upload = pack(pack_row("9", "5550000", 900))

    async def send() -> RegistrySummary:
        async with pool.acquire() as connection:
            return await take_in(connection, upload, "bank")

    found = await asyncio.gather(send(), send(), send())
    assert sorted(summary.already_imported for summary in found) == [False, True, True]
    assert {summary.registry_id for summary in found} == {found[0].registry_id}
    assert await pool.fetchval("select count(*) from recon.mismatches") == 1


async def test_different_files_at_once_find_each_operation_once(pool: Pool) -> None:
    rows = [pack_row(str(n), "5550000", 900 + n) for n in range(20)]

    async def send(number: int) -> RegistrySummary:
        async with pool.acquire() as connection:
            return await take_in(connection, pack(*rows[number:], number=number), "bank")

    found = await asyncio.gather(*(send(number) for number in range(1, 5)))
    assert [summary.open for summary in found] == [19, 18, 17, 16]
    assert await pool.fetchval("select count(*) from recon.mismatches") == 19


async def test_an_accident_during_the_import_leaves_nothing(pool: Pool) -> None:
    upload = pack(pack_row("9", "5550000", 900))
    async with pool.acquire() as connection:
        await connection.execute("drop function recon.buckets")
        with pytest.raises(asyncpg.UndefinedFunctionError):
            await take_in(connection, upload, "bank")
        assert set((await counts(connection)).values()) == {0}
