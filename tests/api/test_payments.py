"""The workbench's API: what became of a payment's money, line by line, to the kopeck."""

from __future__ import annotations

from typing import Any

from tests.api.caller import calling
from tests.api.premises import DAY, opened
from tests.api.settled import ACCOUNT, OWED, PAID, settle


def sums(detail: dict[str, Any]) -> tuple[int, int, int]:
    """Settled, left, waiting."""
    return (
        sum(each["kopecks"] for each in detail["settled"]),
        sum(each["kopecks"] for each in detail["left"]),
        detail["waiting_kopecks"],
    )


async def test_a_payment_is_told_with_every_charge_that_it_settled(database_dsn: str) -> None:
    async with opened(database_dsn) as office, calling(office.url) as vera:
        settled, _, _ = await settle(database_dsn)
        status, detail = await vera.get(f"/payments/{settled}")
        assert status == 200
        assert (detail["agent_title"], detail["payment"]["account"]) == ("Банк «Волга»", ACCOUNT)
        assert detail["account"]["holder"] == "К*** М. И."
        assert detail["terminal"] == "ОСБ 8047"
        assert detail["settlement_day"] > str(DAY)
        lines = [(each["service"], each["kopecks"]) for each in detail["settled"]]
        assert sorted(lines[:2]) == sorted(OWED[:2])
        assert sorted(lines[2:]) == sorted(OWED[2:])
        assert {each["rule"] for each in detail["settled"]} == {"oldest_first"}
        owed = sum(kopecks for _, kopecks in OWED)
        assert sums(detail) == (owed, PAID - owed, 0)
        assert detail["left"][0]["service"] == ""


async def test_an_undone_payment_is_told_with_its_reason_and_nothing_left(
    database_dsn: str,
) -> None:
    async with opened(database_dsn) as office, calling(office.url) as vera:
        _, cancelled, _ = await settle(database_dsn)
        _, detail = await vera.get(f"/payments/{cancelled}")
        assert (detail["payment"]["state"], detail["credited_kopecks"]) == ("cancelled", 0)
        assert sum(sums(detail)) == 0
        last = detail["happenings"][-1]
        assert (last["kind"], last["kopecks"], last["reason"]) == (
            "cancelled",
            -10_000,
            "ошибка кассира",
        )
        assert last["by"] is None


async def test_what_is_not_laid_over_charges_yet_is_said(database_dsn: str) -> None:
    async with opened(database_dsn) as office, calling(office.url) as vera:
        _, _, new = await settle(database_dsn)
        _, detail = await vera.get(f"/payments/{new}")
        assert (sums(detail), detail["credited_kopecks"]) == ((0, 0, 7_777), 7_777)


async def test_payments_are_found_by_account_and_by_either_number(database_dsn: str) -> None:
    async with opened(database_dsn) as office, calling(office.url) as vera:
        numbers = await settle(database_dsn)
        _, page = await vera.get("/payments", limit=2)
        ids = [each["payment"]["payment_id"] for each in page["payments"]]
        assert (ids, page["next"]) == ([numbers[2], numbers[1]], numbers[1])
        _, rest = await vera.get("/payments", before=page["next"])
        assert rest["payments"][0]["payment"]["payment_id"] == numbers[0]
        assert rest["next"] is None
        for text, found in (
            (ACCOUNT, numbers[::-1]),
            ("8002", numbers[1:2]),
            (str(numbers[0]), numbers[:1]),
            ("nothing", []),
        ):
            _, page = await vera.get("/payments", text=text)
            assert [each["payment"]["payment_id"] for each in page["payments"]] == found
            assert {each["agent_title"] for each in page["payments"]} <= {"Банк «Волга»"}


async def test_a_payment_that_there_is_not(database_dsn: str) -> None:
    async with opened(database_dsn) as office, calling(office.url) as vera:
        status, said = await vera.get("/payments/1")
        assert (status, said["error"]["message"]) == (404, "Такого платежа нет.")
        assert (await vera.get("/payments/x"))[0] == 400
