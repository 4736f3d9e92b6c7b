"""What the matcher makes of each kind of line."""

from __future__ import annotations

import datetime as dt

import pytest

from server.storage.connection import Connection
from server.storage.mismatches import candidates, cases
from tests.reconciliation.town import (
    CLOSED,
    DAY,
    SUSPENDED,
    Paid,
    cancel,
    pack,
    pack_row,
    pay,
    qiwi,
    qiwi_row,
    take_in,
)


def days(count: int) -> dt.timedelta:
    return dt.timedelta(days=count)


async def test_a_line_that_equals_a_recorded_payment_is_matched(connection: Connection) -> None:
    await pay(connection, [Paid("90000000000001", "1000001", 152340)])
    found = await take_in(connection, qiwi(qiwi_row("90000000000001", "1000001", 152340)), "osmp")
    assert found.matched == 1
    assert found.mismatches == {}
    assert found.buckets == {"already_online": 152340}
    assert found.state == "resolved"


@pytest.mark.parametrize(
    ("row", "kind", "buckets"),
    [
        (qiwi_row("1", "1000002", 1000), "ACCOUNT_DIFFERS", {"pending": 1000}),
        (qiwi_row("1", "5550000", 1000), "UNIDENTIFIED", {"unidentified": 1000}),
        (qiwi_row("1", "1000001", 900), "AMOUNT_DIFFERS", {"already_online": 900}),
        (
            qiwi_row("1", "1000001", 1250),
            "AMOUNT_DIFFERS",
            {"already_online": 1000, "pending": 250},
        ),
        (qiwi_row("1", "1000001", 1000, DAY + days(9)), "DATE_DIFFERS", {"already_online": 1000}),
    ],
)
async def test_a_line_known_by_its_number_may_differ(
    connection: Connection, row: str, kind: str, buckets: dict[str, int]
) -> None:
    await pay(connection, [Paid("1", "1000001", 1000)])
    found = await take_in(connection, qiwi(row), "osmp")
    assert found.mismatches == {kind: 1}
    assert found.buckets == buckets
    assert found.matched == 0


@pytest.mark.parametrize(
    ("account", "kind", "bucket"),
    [
        ("1000001", "NOT_RECORDED", "pending"),
        (SUSPENDED, "NOT_RECORDED", "pending"),
        (CLOSED, "CLOSED_ACCOUNT", "pending"),
        ("5550000", "UNIDENTIFIED", "unidentified"),
        ("001000001", "UNIDENTIFIED", "unidentified"),
    ],
)
async def test_a_line_that_nobody_recorded(
    connection: Connection, account: str, kind: str, bucket: str
) -> None:
    found = await take_in(connection, pack(pack_row("15", account, 4321)), "bank")
    assert found.mismatches == {kind: 1}
    assert found.buckets == {bucket: 4321}


async def test_a_cancelled_payment_is_not_a_recorded_one(connection: Connection) -> None:
    paid = Paid("1", "1000001", 1000)
    await pay(connection, [paid])
    await cancel(connection, paid)
    found = await take_in(connection, qiwi(qiwi_row("1", "1000001", 1000)), "osmp")
    assert found.mismatches == {"NOT_RECORDED": 1}
    (case,) = await cases(connection)
    assert case.post_as != "1"
    assert "same_number" in case.details


async def test_a_payment_of_the_day_that_is_not_in_the_file_is_missing(
    connection: Connection,
) -> None:
    _, missing = await pay(connection, [Paid("1", "1000001", 1000), Paid("2", "1000002", 2000)])
    await pay(connection, [Paid("3", "1000003", 3000, agent="terminal")])
    await pay(connection, [Paid("4", "1000004", 3000, DAY - days(1))])
    found = await take_in(connection, qiwi(qiwi_row("1", "1000001", 1000)), "osmp")
    assert found.mismatches == {"NOT_IN_REGISTRY": 1}
    (case,) = await cases(connection)
    assert case.payment_id == missing
    assert case.line is None


async def test_an_empty_registry_means_that_the_whole_day_is_missing(
    connection: Connection,
) -> None:
    await pay(connection, [Paid("1", "1000001", 1000), Paid("2", "1000002", 2000)])
    found = await take_in(connection, qiwi(), "osmp")
    assert (found.lines, found.mismatches) == (0, {"NOT_IN_REGISTRY": 2})
    assert found.buckets == {}


async def test_a_stray_line_does_not_make_its_whole_day_missing(connection: Connection) -> None:
    old = DAY - days(20)
    await pay(connection, [Paid(str(n), f"10000{n}", 1000 + n, old) for n in range(10, 20)])
    await pay(connection, [Paid("1", "1000001", 1000)])
    rows = [qiwi_row("1", "1000001", 1000), qiwi_row("10", "1000010", 1010, old)]
    found = await take_in(connection, qiwi(*rows), "osmp")
    assert found.matched == 2
    assert found.mismatches == {}


async def test_a_payment_found_in_a_later_file_is_no_longer_missing(
    connection: Connection,
) -> None:
    await pay(connection, [Paid("1", "1000001", 1000), Paid("2", "1000002", 2000)])
    first = await take_in(connection, qiwi(qiwi_row("1", "1000001", 1000)), "osmp")
    await take_in(connection, qiwi(qiwi_row("2", "1000002", 2000), number=2), "osmp")
    (case,) = await cases(connection)
    assert (case.registry_id, case.state.value, case.outcome) == (
        first.registry_id,
        "closed",
        "found",
    )


async def test_a_registry_later_than_a_week_still_recognises_the_online_payment(
    connection: Connection,
) -> None:
    await pay(connection, [Paid("1", "1000001", 1000, DAY - days(30))])
    row = qiwi_row("1", "1000001", 1000, DAY - days(30))
    found = await take_in(connection, qiwi(row), "osmp")
    assert (found.matched, found.buckets) == (1, {"already_online": 1000})


@pytest.mark.parametrize("apart", [-3, -1, 0, 2, 3])
async def test_a_bank_row_is_the_payment_that_came_through_another_agent(
    connection: Connection, apart: int
) -> None:
    (payment,) = await pay(connection, [Paid("1", "1000001", 1000, DAY + days(apart))])
    found = await take_in(connection, pack(pack_row("77", "1000001", 1000)), "bank")
    assert (found.matched, found.mismatches) == (1, {})
    assert payment == await connection.fetchval("select payment_id from recon.lines")


@pytest.mark.parametrize(
    "paid",
    [
        Paid("1", "1000001", 1000, DAY + days(4)),
        Paid("1", "1000001", 1001),
        Paid("1", "1000002", 1000),
    ],
)
async def test_a_bank_row_matches_neither_another_day_nor_sum_nor_account(
    connection: Connection, paid: Paid
) -> None:
    await pay(connection, [paid])
    found = await take_in(connection, pack(pack_row("77", "1000001", 1000)), "bank")
    assert (found.matched, found.mismatches) == (0, {"NOT_RECORDED": 1})


async def test_more_than_one_candidate_is_never_matched_automatically(
    connection: Connection,
) -> None:
    ids = await pay(
        connection,
        [Paid("1", "1000001", 1000), Paid("2", "1000001", 1000, DAY - days(1), "terminal")],
    )
    found = await take_in(connection, pack(pack_row("77", "1000001", 1000)), "bank")
    assert (found.matched, found.mismatches) == (0, {"NOT_RECORDED": 1})
    (case,) = await cases(connection)
    assert case.details["candidates"] == ids
    assert [item.payment_id for item in await candidates(connection, case.mismatch_id)] == ids


async def test_a_payment_is_matched_to_at_most_one_line(connection: Connection) -> None:
    await pay(connection, [Paid("1", "1000001", 1000)])
    rows = [pack_row("77", "1000001", 1000), pack_row("78", "1000001", 1000)]
    found = await take_in(connection, pack(*rows), "bank")
    assert (found.matched, found.mismatches) == (1, {"NOT_RECORDED": 1})
    assert found.buckets == {"already_online": 1000, "pending": 1000}


async def test_what_is_left_after_a_certain_match_may_become_certain(
    connection: Connection,
) -> None:
    first, second = await pay(
        connection,
        [Paid("1", "1000001", 1000, DAY - days(3)), Paid("2", "1000001", 1000, DAY + days(1))],
    )
    rows = [
        pack_row("77", "1000001", 1000, DAY),  # either of them
        pack_row("78", "1000001", 1000, DAY - days(4)),  # only the first one
    ]
    found = await take_in(connection, pack(*rows), "bank")
    assert found.matched == 2
    tied = await connection.fetch("select operation, payment_id from recon.lines order by 1")
    assert [tuple(row) for row in tied] == [("77", second), ("78", first)]


async def test_the_receipt_number_goes_before_account_sum_and_day(
    connection: Connection,
) -> None:
    _, own = await pay(
        connection, [Paid("1", "1000001", 1000), Paid("77", "1000001", 1000, agent="bank")]
    )
    found = await take_in(connection, pack(pack_row("77", "1000001", 1000)), "bank")
    assert (found.matched, found.mismatches) == (1, {})
    assert own == await connection.fetchval("select payment_id from recon.lines")


async def test_receipts_that_start_anew_are_other_operations(connection: Connection) -> None:
    await pay(connection, [Paid("1", "1000001", 1000, DAY - days(30), "bank")])
    found = await take_in(connection, pack(pack_row("1", "1000002", 2500)), "bank")
    assert found.mismatches == {"NOT_RECORDED": 1}
    (case,) = await cases(connection)
    assert case.line is not None
    assert case.post_as == f"1/{case.line.line_id}"


async def test_equal_rows_are_not_collapsed(connection: Connection) -> None:
    await pay(connection, [Paid("1", "1000001", 1000)])
    row = qiwi_row("1", "1000001", 1000)
    found = await take_in(connection, qiwi(row, row, row), "osmp")
    assert (found.matched, found.mismatches) == (1, {"DUPLICATE_LINE": 2})
    assert found.buckets == {"already_online": 1000, "pending": 2000}


async def test_a_global_number_used_twice_is_a_duplicate_and_the_right_row_is_tied(
    connection: Connection,
) -> None:
    await pay(connection, [Paid("1", "1000001", 1000)])
    rows = [qiwi_row("1", "1000002", 1000), qiwi_row("1", "1000001", 1000)]
    found = await take_in(connection, qiwi(*rows), "osmp")
    assert (found.matched, found.mismatches) == (1, {"DUPLICATE_LINE": 1})
    later = qiwi(qiwi_row("1", "1000001", 700, DAY + days(1)), day=DAY + days(1))
    assert (await take_in(connection, later, "osmp")).mismatches == {"DUPLICATE_LINE": 1}


async def test_a_bad_row_counts_its_money_and_its_payment_is_not_missing(
    connection: Connection,
) -> None:
    await pay(connection, [Paid("1", "1000001", 1000)])
    upload = pack(pack_row("1", "1000001", 1000).replace(f"|{DAY:%d.%m.%Y}|", "|31.02.2026|"))
    found = await take_in(connection, upload, "osmp", strict=False)
    assert (found.lines, found.bad_lines, found.mismatches) == (1, 1, {"BAD_LINE": 1})
    assert found.buckets == {"pending": 1000}


async def test_a_row_without_money_is_no_mismatch(connection: Connection) -> None:
    tail = "0|0|0|0.00||1,123.45|"
    found = await take_in(connection, pack(pack_row("1", "1000001", 0, tail=tail)), "bank")
    assert (found.mismatches, found.buckets) == ({}, {})


async def test_the_gravest_difference_names_the_case(connection: Connection) -> None:
    await pay(connection, [Paid("1", "1000001", 1000)])
    row = qiwi_row("1", "1000002", 1500, DAY + days(30))
    found = await take_in(connection, qiwi(row), "osmp")
    assert found.mismatches == {"ACCOUNT_DIFFERS": 1}


async def test_one_payment_may_stand_in_the_files_of_two_agents(connection: Connection) -> None:
    await pay(connection, [Paid("1", "1000001", 1000)])
    online = await take_in(connection, qiwi(qiwi_row("1", "1000001", 1000)), "osmp")
    bank = await take_in(connection, pack(pack_row("77", "1000001", 1000)), "bank")
    assert (online.matched, bank.matched) == (1, 1)
