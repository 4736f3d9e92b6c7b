"""Ten thousand lines with planted faults give exactly what the generator's key says."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from server.reconciliation.formats import FileRefused
from server.reconciliation.intake import RegistrySummary, Terms, Upload
from server.storage.connection import Connection
from server.storage.registries import import_registry
from tests.generators import pack as generator
from tests.reconciliation.town import CLOSED, DAY, Paid, pay

LINES = 10_000
FAULTS = generator.Faults(
    unknown_account=7,
    other_account=5,
    other_sum=11,
    other_date=4,
    duplicate=6,
    missing=9,
    not_recorded=8,
    closed_account=3,
    bad_line=5,
)
ACCOUNTS = [str(2_000_001 + place) for place in range(LINES)]


async def town_with_payments(connection: Connection, agent: str) -> list[generator.Paid]:
    """As many accounts and payments of the day as lines, each of another sum."""
    await connection.execute(
        "insert into billing.accounts (number, holder, address)"
        " select n, 'Иванов Иван', 'ул. Ленина, 5' from unnest($1::text[]) n",
        ACCOUNTS,
    )
    paid = [
        Paid(str(90_001 + place), account, 10_000 + 13 * place, DAY, agent)
        for place, account in enumerate(ACCOUNTS)
    ]
    await pay(connection, paid)
    return [generator.Paid(item.account, item.kopecks, item.day, item.number) for item in paid]


async def import_with_key(
    connection: Connection,
    directory: Path,
    payments: list[generator.Paid],
    *,
    agent: str,
    shape: generator.Shape,
    faults: generator.Faults,
    strict: bool = False,
) -> tuple[RegistrySummary, generator.Key]:
    """The key is on disk before the import begins."""
    content, key = generator.generate(
        payments, DAY, shape=shape, faults=faults, accounts=ACCOUNTS, closed_accounts=[CLOSED]
    )
    key_file = directory / "key.json"
    key_file.write_text(json.dumps(asdict(key)), encoding="utf-8")
    file = directory / "pack.txt"
    file.write_bytes(content)
    found = await import_registry(
        connection, Upload.at(file), agent=agent, actor="anna", terms=Terms(strict)
    )
    return found, generator.Key(**json.loads(key_file.read_text(encoding="utf-8")))


def check(found: RegistrySummary, key: generator.Key) -> None:
    assert dict(found.mismatches) == key.mismatches
    assert dict(found.buckets) == key.buckets
    assert sum(found.buckets.values()) == found.computed_total_kopecks
    assert found.computed_total_kopecks == key.computed_total_kopecks
    assert found.declared_total_kopecks == key.declared_total_kopecks
    assert (found.lines, found.bad_lines, found.matched) == (key.lines, key.bad_lines, key.matched)
    assert found.matched + sum(found.mismatches.values()) == (
        found.lines
        + found.mismatches.get("NOT_IN_REGISTRY", 0)
        + found.mismatches.get("TOTAL_DIFFERS", 0)
    )


async def planted(connection: Connection) -> set[tuple[str, str]]:
    """(kind, receipt) of every case there is."""
    rows = await connection.fetch(
        "select m.kind::text, coalesce(l.operation, m.details #>> '{payment,agent_payment_id}', '')"
        " from recon.mismatches m left join recon.lines l on l.id = m.line"
    )
    return {(row[0], row[1]) for row in rows}


@pytest.mark.parametrize(
    "shape",
    [
        generator.Shape(encoding="cp1251"),
        generator.Shape(encoding="cp866", packs=7, version="!1.02"),
    ],
    ids=["cp1251", "cp866-combined"],
)
async def test_own_payments_of_the_agent(
    connection: Connection, tmp_path: Path, shape: generator.Shape
) -> None:
    payments = await town_with_payments(connection, "osmp")
    faults = replace(FAULTS, wrong_total=True)
    found, key = await import_with_key(
        connection, tmp_path, payments, agent="osmp", shape=shape, faults=faults
    )
    check(found, key)
    assert found.encoding == shape.encoding
    assert await planted(connection) == {(item["kind"], item["receipt"]) for item in key.planted}


async def test_payments_that_reached_us_through_another_agent(
    connection: Connection, tmp_path: Path
) -> None:
    payments = await town_with_payments(connection, "osmp")
    found, key = await import_with_key(
        connection,
        tmp_path,
        payments,
        agent="bank",
        shape=generator.Shape(own_numbers=False),
        faults=FAULTS,
    )
    check(found, key)


async def test_the_other_encoding_of_the_same_pack_finds_the_same_cases(
    connection: Connection, tmp_path: Path
) -> None:
    payments = (await town_with_payments(connection, "osmp"))[:500]
    faults = replace(FAULTS, missing=0)
    shape = generator.Shape(origin="Банк Пример")
    await import_with_key(connection, tmp_path, payments, agent="bank", shape=shape, faults=faults)
    before = await planted(connection)
    found, key = await import_with_key(
        connection,
        tmp_path,
        payments,
        agent="bank",
        shape=replace(shape, encoding="cp866"),
        faults=faults,
    )
    assert (found.encoding, dict(found.buckets)) == ("cp866", key.buckets | dict(found.buckets))
    assert await planted(connection) == before


async def test_strict_refuses_what_lenient_takes(connection: Connection, tmp_path: Path) -> None:
    payments = generator.invent(100, DAY)
    with pytest.raises(FileRefused) as refused:
        await import_with_key(
            connection,
            tmp_path,
            payments,
            agent="bank",
            shape=generator.Shape(),
            faults=generator.Faults(wrong_total=True),
            strict=True,
        )
    assert refused.value.line == 1
    with pytest.raises(FileRefused) as refused:
        await import_with_key(
            connection,
            tmp_path,
            payments,
            agent="bank",
            shape=generator.Shape(),
            faults=generator.Faults(bad_line=1),
            strict=True,
        )
    assert refused.value.line > 1
    assert refused.value.column > 1
    assert await connection.fetchval("select count(*) from recon.registries") == 0


def test_the_generator_shares_nothing_with_the_server() -> None:
    source = Path(generator.__file__).read_text(encoding="utf-8")
    assert "import server" not in source
    assert "from server" not in source
    assert "from tests" not in source
