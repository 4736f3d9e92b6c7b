"""The workbench's API: registries come in, are shown, and are refused with a place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.api.caller import WRITE, Caller, calling
from tests.api.premises import CLEAN, FAULTY, NAME, Office, line, opened, registry


@pytest.fixture
async def office(database_dsn: str) -> AsyncIterator[Office]:
    async with opened(database_dsn) as office:
        yield office


@pytest.fixture
async def accountant(office: Office) -> AsyncIterator[Caller]:
    async with calling(office.url) as caller:
        yield caller


async def test_a_file_comes_in_and_its_kopecks_add_up(accountant: Caller) -> None:
    status, shown = await accountant.upload(FAULTY, NAME, lenient=True)
    assert status == 201
    assert shown["file_name"] == NAME
    assert (shown["format"], shown["encoding"], shown["lenient"]) == ("qiwi", "utf-8", True)
    assert (shown["lines"], shown["bad_lines"], shown["matched"]) == (12, 2, 3)
    assert shown["declared_total_kopecks"] == 750_000
    assert sum(shown["buckets"].values()) == shown["computed_total_kopecks"] == 750_160
    assert shown["mismatches"] == {
        "ACCOUNT_DIFFERS": 1,
        "AMOUNT_DIFFERS": 1,
        "BAD_LINE": 2,
        "CLOSED_ACCOUNT": 1,
        "DATE_DIFFERS": 1,
        "DUPLICATE_LINE": 1,
        "NOT_IN_REGISTRY": 1,
        "NOT_RECORDED": 1,
        "TOTAL_DIFFERS": 1,
        "UNIDENTIFIED": 1,
    }
    assert (shown["open"], shown["resolved"], shown["closed"]) == (11, 0, 0)
    assert shown["imported_by"] == {"login": "accountant", "name": "Вера Демина"}


async def test_the_same_file_again_changes_nothing_and_says_so(accountant: Caller) -> None:
    _, first = await accountant.upload(CLEAN, NAME)
    status, again = await accountant.upload(CLEAN, "other name.csv")
    assert status == 200
    assert again["already_imported"] is True
    assert again["registry_id"] == first["registry_id"]
    _, page = await accountant.get("/registries")
    assert (page["count"], page["total_kopecks"]) == (1, 357_090)


async def test_a_file_in_a_form_comes_in_as_well(office: Office, accountant: Caller) -> None:
    form = aiohttp.FormData()
    form.add_field("comment", "за вчера")
    form.add_field("file", CLEAN, filename=f"C:\\выгрузка\\{NAME}", content_type="text/csv")
    async with accountant.session.post(
        f"{office.url}/api/v1/office/registries?agent=osmp", data=form, headers=WRITE
    ) as response:
        shown = await response.json()
        assert response.status == 201, shown
    assert shown["file_name"] == NAME
    assert shown["matched"] == 7


async def test_a_refused_file_is_told_with_line_and_column_and_kept_only_as_refused(
    office: Office, accountant: Caller
) -> None:
    status, body = await accountant.upload(FAULTY, NAME)
    assert status == 422
    error = body["error"]
    assert (error["code"], error["line"], error["column"]) == ("FILE_REFUSED", 11, 41)
    assert "12О.00" in error["message"]
    _, page = await accountant.get("/registries")
    assert page["registries"] == []
    assert [(each["file_name"], each["line"]) for each in page["refusals"]] == [(NAME, 11)]
    assert await office.pool.fetchval("select count(*) from recon.lines") == 0
    await accountant.upload(FAULTY, NAME, lenient=True)
    _, page = await accountant.get("/registries")
    assert page["refusals"] == []


@pytest.mark.parametrize(
    ("content", "query", "status", "code"),
    [
        (b"", {}, 422, "FILE_REFUSED"),
        (b"neither fish nor fowl", {}, 422, "FILE_REFUSED"),
        (CLEAN, {"format": "swift"}, 400, "MALFORMED"),
        (CLEAN, {"agent": "nobody"}, 404, "NOT_FOUND"),
        (b"x" * ((1 << 20) + 1), {}, 413, "FILE_TOO_LARGE"),
    ],
)
async def test_what_is_no_registry_is_refused_in_the_one_shape(
    accountant: Caller, content: bytes, query: dict[str, Any], status: int, code: str
) -> None:
    got, body = await accountant.upload(content, "file.csv", **query)
    assert (got, body["error"]["code"]) == (status, code)
    assert set(body) == {"error"}
    assert body["error"]["message"]


async def test_a_registry_pages_through_its_lines(accountant: Caller) -> None:
    _, shown = await accountant.upload(FAULTY, NAME, lenient=True)
    path = f"/registries/{shown['registry_id']}"
    _, first = await accountant.get(path, limit=5)
    _, second = await accountant.get(path, limit=5, after=first["next"])
    _, third = await accountant.get(path, limit=5, after=second["next"])
    numbers = [line["number"] for page in (first, second, third) for line in page["lines"]]
    assert numbers == list(range(1, 13))
    assert third["next"] is None
    assert first["registry"] == shown | {"already_imported": False}
    tied = first["lines"][0]
    assert (tied["account"], tied["buckets"]) == ("1000001", {"already_online": 152_340})
    assert tied["payment_id"] is not None
    assert tied["mismatch_id"] is None


async def test_registries_page_from_the_newest(accountant: Caller) -> None:
    for number in range(3):
        content = registry([line(f"9100000000{number}", "1000001", "1.00")], "1.00")
        await accountant.upload(content, NAME.replace(".csv", f"{number + 1}.csv"))
    _, first = await accountant.get("/registries", limit=2)
    _, second = await accountant.get("/registries", limit=2, before=first["next"])
    shown = [each["number"] for each in first["registries"] + second["registries"]]
    assert shown == ["7001/3", "7001/2", "7001/1"]
    assert second["next"] is None
    assert (first["count"], first["total_kopecks"]) == (3, 300)
    _, none = await accountant.get("/registries", agent="bank")
    assert (none["registries"], none["count"], none["total_kopecks"]) == ([], 0, 0)


async def test_choices_name_agents_formats_and_limits(accountant: Caller) -> None:
    _, choices = await accountant.get("/choices")
    assert {agent["name"] for agent in choices["agents"]} == {"osmp", "bank"}
    assert {form["name"] for form in choices["formats"]} >= {"qiwi", "pack"}
    assert choices["file_bytes_max"] == 1 << 20
    assert choices["second_person_above_kopecks"] is None


async def test_an_account_is_looked_up_and_similar_ones_are_found(accountant: Caller) -> None:
    _, account = await accountant.get("/accounts/1000004")
    assert account["holder"] == "С*** П. О."
    debts = sum(service["debt_kopecks"] for service in account["services"])
    assert account["debt_kopecks"] == debts == 2 * (100_000 + 4 * 12_345) - 98_000
    status, body = await accountant.get("/accounts/1000040")
    assert (status, body["error"]["code"]) == (404, "NOT_FOUND")
    _, similar = await accountant.get("/accounts", like="1000040")
    assert [each["account"] for each in similar["accounts"]] == ["1000004"]
    _, none = await accountant.get("/accounts", like="Ж-17")
    assert none == {"accounts": []}


@pytest.mark.parametrize(
    "path",
    [
        "/registries/99", "/registries/x", "/registries?limit=0", "/registries?before=-1",
        "/mismatches/99", "/mismatches?kind=ODD", "/mismatches?state=odd",
    ],
)  # fmt: skip
async def test_what_is_not_there_or_not_readable_has_the_one_shape(
    accountant: Caller, path: str
) -> None:
    status, body = await accountant.get(path)
    assert status in (400, 404)
    assert set(body["error"]) == {"code", "message", "final"}


async def test_what_is_wrong_with_a_file_is_said_in_english_too(accountant: Caller) -> None:
    accountant.session.headers["Accept-Language"] = "en"
    status, refused = await accountant.upload(FAULTY, NAME)
    assert (status, refused["error"]["message"]) == (422, "sum: not a sum: «12О.00»")
    _, page = await accountant.get("/registries")
    assert page["refusals"][0]["message"] == "sum: not a sum: «12О.00»"
    _, shown = await accountant.upload(FAULTY, NAME, lenient=True)
    _, detail = await accountant.get(f"/registries/{shown['registry_id']}")
    faults = [each["fault"] for each in detail["lines"] if each["fault"]]
    assert faults[1] == "time: not a time HH:MM:SS: «25:70:00»"
    assert (await accountant.case("BAD_LINE"))["line"]["fault"] == faults[0]
    total = await accountant.case("TOTAL_DIFFERS")
    assert total["details"]["differences"][0]["message"] == (
        "7500.00 is declared, and the lines add up to 7501.60"
    )


async def test_a_decision_that_does_not_fit_is_refused_in_both_languages(
    accountant: Caller,
) -> None:
    await accountant.upload(FAULTY, NAME, lenient=True)
    case = await accountant.case("DATE_DIFFERS")
    for language, said in (
        ("ru", "Это решение для такого дела сейчас невозможно."),
        ("en", "This decision cannot be taken on such a case now."),
    ):
        accountant.session.headers["Accept-Language"] = language
        status, refused = await accountant.resolve(case, "return")
        assert (status, refused["error"]["message"]) == (422, said)


async def test_a_controller_closes_what_others_have_settled(
    office: Office, accountant: Caller
) -> None:
    _, shown = await accountant.upload(FAULTY, NAME, lenient=True)
    path = f"/registries/{shown['registry_id']}/close"
    async with calling(office.url, "controller") as petr:
        status, refused = await petr.post(path, {})
        assert (status, refused["error"]["code"]) == (422, "NOT_ALLOWED")
        await office.pool.execute(
            "update recon.mismatches set state = 'resolved', outcome = 'accepted',"
            " decided_by = 'accountant', decided_at = now(), reason = 'x'"
        )
        assert (await accountant.post(path, {}))[0] == 403
        status, closed = await petr.post(path, {})
        assert (status, closed["state"], closed["closed"]) == (200, "closed", 11)
        assert closed["closed_by"] == {"login": "controller", "name": "Пётр Сомов"}
        assert (await petr.post(path, {}))[0] == 422
        assert (await petr.post("/registries/999/close", {}))[0] == 404
    _, page = await accountant.get("/registries")
    assert page["registries"][0]["closed_by"]["name"] == "Пётр Сомов"
    assert (await accountant.case("BAD_LINE"))["state"] == "closed"
