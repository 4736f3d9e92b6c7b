"""The sums of 103-ФЗ: told by a registry, kept once, and a case when another one differs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.reconciliation.mismatches import Action, Decision, Kind
from server.storage.connection import Connection
from server.storage.dossiers import payment_dossier
from server.storage.mismatches import cases
from server.storage.registries import registry
from tests.reconciliation.conftest import Pool
from tests.reconciliation.decisions import FakeLedger, only_case, settled
from tests.reconciliation.town import Paid, pack_row, pay, sber, take_in

PAID = Paid("77", "1000001", 150_000, agent="bank")
Told = tuple[int, int, int, int, int]
"""accepted, payer's fee, credited, withheld, to transfer."""


@pytest.fixture
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    """What is imported is committed: a dossier is read in a transaction of its own."""
    async with pool.acquire() as connection:
        yield connection


async def told(connection: Connection, payment_id: int) -> list[Told]:
    dossier = await payment_dossier(connection, payment_id)
    assert dossier is not None
    assert {each.source for each in dossier.amounts} <= {"registry"}
    return [
        (
            each.accepted_kopecks,
            each.payer_fee_kopecks,
            each.credited_kopecks,
            each.withheld_kopecks,
            each.transfer_kopecks,
        )
        for each in dossier.amounts
    ]


@pytest.mark.parametrize(
    ("payer", "expected"),
    [(False, (150_000, 0, 150_000, 1_500, 148_500)), (True, (151_500, 1_500, 150_000, 0, 150_000))],
    ids=["kept back", "from the payer"],
)
async def test_a_registry_tells_the_fee_of_a_payment_that_came_online(
    connection: Connection, payer: bool, expected: Told
) -> None:
    (payment,) = await pay(connection, [PAID])
    summary = await take_in(
        connection, sber(("77", "1000001", 150_000, 1_500), payer=payer), "bank"
    )
    assert (summary.matched, summary.mismatches) == (1, {})
    assert (summary.payer_fee_kopecks, summary.withheld_kopecks) == (expected[1], expected[3])
    assert await told(connection, payment) == [expected]


async def test_the_same_fee_again_is_nothing_new(connection: Connection) -> None:
    (payment,) = await pay(connection, [PAID])
    await take_in(connection, sber(("77", "1000001", 150_000, 1_500)), "bank")
    again = sber(("77", "1000001", 150_000, 1_500), ("78", "1000002", 100, 0))
    await take_in(connection, again, "bank")
    assert len(await told(connection, payment)) == 1


async def test_another_fee_is_kept_too_and_opens_a_case(connection: Connection) -> None:
    (payment,) = await pay(connection, [PAID])
    await connection.execute(
        "insert into ledger.payment_amounts (payment_id, source, recorded_at, accepted_kopecks,"
        " credited_kopecks, withheld_kopecks, transfer_kopecks)"
        " values ($1, 'online', now() - interval '1 hour', 150000, 150000, 900, 149100)",
        payment,
    )
    summary = await take_in(connection, sber(("77", "1000001", 150_000, 1_500)), "bank")
    assert summary.mismatches == {"FEE_DIFFERS": 1}
    dossier = await payment_dossier(connection, payment)
    assert dossier is not None
    assert [each.source for each in dossier.amounts] == ["online", "registry"]
    assert dossier.amounts[-1].registry_id == summary.registry_id
    assert dossier.amounts[-1].line_number == 1
    (case,) = await cases(connection)
    assert (case.kind, case.payment_id, case.amount.kopecks) == (Kind.FEE_DIFFERS, payment, -600)
    assert case.decisions == {Action.ACCEPT}
    fees = case.details["fees"]
    assert isinstance(fees, dict)
    assert (fees["before"]["withheld_kopecks"], fees["now"]["withheld_kopecks"]) == (900, 1_500)
    assert set(fees["before"]) == set(fees["now"])


async def test_a_second_file_with_the_same_row_and_another_fee_opens_a_case(
    connection: Connection,
) -> None:
    (payment,) = await pay(connection, [PAID])
    for fee in (1_500, 1_700):
        summary = await take_in(connection, sber(("77", "1000001", 150_000, fee)), "bank")
    assert summary.mismatches == {"FEE_DIFFERS": 1}
    assert [withheld for *_, withheld, _ in await told(connection, payment)] == [1_500, 1_700]
    (case,) = await cases(connection)
    assert (case.payment_id, case.amount.kopecks) == (payment, -200)


async def test_a_line_of_another_sum_tells_nothing_of_the_payment(connection: Connection) -> None:
    (payment,) = await pay(connection, [PAID])
    summary = await take_in(connection, sber(("77", "1000001", 140_000, 1_500)), "bank")
    assert summary.mismatches == {"AMOUNT_DIFFERS": 1}
    assert await told(connection, payment) == []


async def test_a_line_that_is_posted_by_hand_tells_its_fee(pool: Pool) -> None:
    ledger = FakeLedger(pool)
    async with pool.acquire() as connection:
        await take_in(connection, sber(("77", "1000001", 150_000, 1_500)), "bank")
        (case,) = await cases(connection)
    done = await settled(pool, ledger, case, Decision(Action.POST, "банк подтвердил"))
    assert done.payment_id is not None
    async with pool.acquire() as connection:
        assert await told(connection, done.payment_id) == [(150_000, 0, 150_000, 1_500, 148_500)]


async def test_a_format_without_fees_says_nothing_of_them(pool: Pool) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 1500))
    async with pool.acquire() as connection:
        summary = await registry(connection, case.registry_id)
    assert (summary.payer_fee_kopecks, summary.withheld_kopecks) == (None, None)
