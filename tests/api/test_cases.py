"""The workbench's API: cases are listed, told, taken and decided; the second person comes late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.money import Money
from tests.api.caller import Caller, calling
from tests.api.premises import FAULTY, NAME, Office, opened

KINDS = {
    "AMOUNT_DIFFERS": 5_000,
    "ACCOUNT_DIFFERS": 5_000,
    "DATE_DIFFERS": 33_000,
    "NOT_RECORDED": 125_000,
    "UNIDENTIFIED": 64_000,
    "CLOSED_ACCOUNT": 31_570,
    "DUPLICATE_LINE": 125_000,
    "BAD_LINE": 50_000,
    "NOT_IN_REGISTRY": 7_500,
    "TOTAL_DIFFERS": 160,
}


@pytest.fixture
async def office(database_dsn: str) -> AsyncIterator[Office]:
    async with opened(database_dsn) as office, calling(office.url) as caller:
        status, _ = await caller.upload(FAULTY, NAME, lenient=True)
        assert status == 201
        yield office


@pytest.fixture
async def vera(office: Office) -> AsyncIterator[Caller]:
    async with calling(office.url) as caller:
        yield caller


@pytest.fixture
async def galina(office: Office) -> AsyncIterator[Caller]:
    async with calling(office.url, "galina") as caller:
        yield caller


async def balances(office: Office, vera: Caller) -> dict[str, Any]:
    """The registry as it stands, and the proof that nothing got lost."""
    _, detail = await vera.get("/registries/1")
    shown: dict[str, Any] = detail["registry"]
    assert sum(shown["buckets"].values()) == shown["computed_total_kopecks"]
    return shown


async def debt(vera: Caller, account: str) -> int:
    _, shown = await vera.get(f"/accounts/{account}")
    kopecks: int = shown["debt_kopecks"]
    return kopecks


async def test_the_list_tells_count_total_and_kinds(vera: Caller) -> None:
    _, page = await vera.get("/mismatches", state="undone")
    assert page["count"] == len(page["mismatches"]) == 11
    assert page["total_kopecks"] == sum(each["amount_kopecks"] for each in page["mismatches"])
    assert {each["kind"]: each["total_kopecks"] for each in page["kinds"]} == KINDS
    _, one = await vera.get("/mismatches", kind="BAD_LINE")
    assert (one["count"], one["total_kopecks"]) == (2, 50_000)
    assert len(one["kinds"]) == 10  # Other kinds can still be chosen.


async def test_the_list_is_filtered_and_paged(vera: Caller) -> None:
    async def found(**query: str | int) -> list[str]:
        _, page = await vera.get("/mismatches", **query)
        return [each["kind"] for each in page["mismatches"]]

    assert await found(text="1000040") == ["UNIDENTIFIED"]
    assert await found(text="900000001", kind="CLOSED_ACCOUNT") == ["CLOSED_ACCOUNT"]
    assert await found(text="90000000004") == ["NOT_IN_REGISTRY"]
    assert await found(state="resolved") == []
    assert await found(agent="bank") == []
    assert len(await found(registry=1)) == 11
    _, first = await vera.get("/mismatches", limit=6)
    _, second = await vera.get("/mismatches", limit=6, after=first["next"])
    ids = [each["mismatch_id"] for each in first["mismatches"] + second["mismatches"]]
    assert ids == sorted(ids)
    assert len(set(ids)) == 11
    assert second["next"] is None


async def test_a_case_tells_what_the_bank_says_and_what_we_have(vera: Caller) -> None:
    story = await vera.case("AMOUNT_DIFFERS")
    assert (story["line"]["number"], story["line"]["amount_kopecks"]) == (2, 25_000)
    assert (story["payment"]["amount_kopecks"], story["payment"]["state"]) == (20_000, "credited")
    assert story["line"]["buckets"] == {"already_online": 20_000, "pending": 5_000}
    assert story["line"]["paid_at"].endswith("T10:15:00+03:00")
    assert story["account"]["holder"] == "И*** И. И."
    assert [each["action"] for each in story["decisions"]] == ["return", "accept"]
    assert story["decisions"][1]["buckets"] == ["fee", "other_recipient"]
    twin = (await vera.case("DUPLICATE_LINE"))["twin"]
    assert (twin["number"], twin["operation"]) == (7, "90000000101")
    bad = (await vera.case("BAD_LINE"))["line"]
    assert (bad["amount_kopecks"], bad["column"]) == (None, 41)
    assert bad["raw"].endswith("12О.00")


async def test_posting_credits_the_account_once_and_shows_it_to_checks(
    office: Office, vera: Caller
) -> None:
    before = await debt(vera, "1000004")
    status, story = await vera.resolve(await vera.case("NOT_RECORDED"), "post", "письмо сети")
    assert status == 200
    assert (story["state"], story["outcome"], story["reason"]) == (
        "resolved",
        "posted",
        "письмо сети",
    )
    assert story["decided_by"] == {"login": "accountant", "name": "Вера Демина"}
    assert (story["payment"]["by_registry"], story["payment"]["account"]) == (True, "1000004")
    assert await debt(vera, "1000004") == before - 125_000
    assert [lane.account for lane in office.published] == ["1000004"]
    assert (await balances(office, vera))["buckets"]["posted"] == 125_000
    assert [each["action"] for each in story["history"]] == ["propose", "post"]


async def test_assigning_credits_the_named_account(office: Office, vera: Caller) -> None:
    before = await debt(vera, "1000004")
    story = await vera.case("UNIDENTIFIED")
    status, after = await vera.resolve(story, "assign", "цифры переставлены", account="1000004")
    assert (status, after["state"], after["payment"]["account"]) == (200, "resolved", "1000004")
    assert await debt(vera, "1000004") == before - 64_000
    assert "unidentified" not in (await balances(office, vera))["buckets"]


async def test_returning_and_accepting_move_kopecks_and_credit_nobody(
    office: Office, vera: Caller
) -> None:
    before = await debt(vera, "1000001")
    await vera.resolve(await vera.case("CLOSED_ACCOUNT"), "return")
    story = await vera.case("AMOUNT_DIFFERS")
    await vera.resolve(story, "accept", bucket="fee")
    await vera.resolve(await vera.case("DUPLICATE_LINE"), "accept", bucket="already_online")
    buckets = (await balances(office, vera))["buckets"]
    assert (buckets["returned"], buckets["fee"]) == (31_570, 5_000)
    assert await debt(vera, "1000001") == before
    assert office.published == []


async def test_one_case_of_every_kind_is_resolved_and_the_registry_is_done(
    office: Office, vera: Caller
) -> None:
    decisions: dict[str, dict[str, Any]] = {
        "NOT_RECORDED": {"action": "post"},
        "UNIDENTIFIED": {"action": "assign", "account": "1000005"},
        "CLOSED_ACCOUNT": {"action": "return"},
        "DUPLICATE_LINE": {"action": "accept", "bucket": "already_online"},
        "BAD_LINE": {"action": "accept"},
        "AMOUNT_DIFFERS": {"action": "return"},
        "ACCOUNT_DIFFERS": {"action": "accept"},
        "DATE_DIFFERS": {"action": "accept"},
        "NOT_IN_REGISTRY": {"action": "accept"},
        "TOTAL_DIFFERS": {"action": "accept"},
    }
    _, page = await vera.get("/mismatches")
    for listed in page["mismatches"]:
        _, story = await vera.get(f"/mismatches/{listed['mismatch_id']}")
        status, done = await vera.resolve(story, **decisions[story["kind"]])
        assert (status, done["state"], done["decisions"]) == (200, "resolved", []), done
    shown = await balances(office, vera)
    assert (shown["open"], shown["resolved"], shown["state"]) == (0, 11, "resolved")
    assert not {"pending", "unidentified"} & set(shown["buckets"])


async def test_two_people_one_case_the_second_gets_a_conflict(
    office: Office, vera: Caller, galina: Caller
) -> None:
    story = await vera.case("UNIDENTIFIED")
    same = await galina.case("UNIDENTIFIED")
    await vera.resolve(story, "assign", account="1000005")
    status, body = await galina.resolve(same, "return")
    assert (status, body["error"]["code"], body["error"]["final"]) == (409, "CONFLICT", True)
    assert "Вера Демина" in body["error"]["message"]
    assert "платёж разнесён на счёт" in body["error"]["message"]
    _, after = await galina.get(f"/mismatches/{story['mismatch_id']}")
    assert after["decided_by"]["login"] == "accountant"
    assert "returned" not in (await balances(office, vera))["buckets"]


async def test_two_people_at_the_same_moment_post_once(
    office: Office, vera: Caller, galina: Caller
) -> None:
    before = await debt(vera, "1000004")
    story = await vera.case("NOT_RECORDED")
    answers = await asyncio.gather(
        *[person.resolve(story, "post") for person in (vera, galina, vera, galina)]
    )
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]
    assert await debt(vera, "1000004") == before - 125_000


async def test_taking_a_case_shows_who_has_it_and_late_takers_are_told(
    vera: Caller, galina: Caller
) -> None:
    story = await vera.case("DATE_DIFFERS")
    path = f"/mismatches/{story['mismatch_id']}"
    status, taken = await vera.post(f"{path}/take", {"version": story["version"]})
    assert (status, taken["state"], taken["assignee"]["login"]) == (200, "assigned", "accountant")
    status, body = await galina.post(f"{path}/take", {"version": story["version"]})
    assert (status, body["error"]["code"]) == (409, "CONFLICT")
    _, page = await galina.get("/mismatches", state="assigned")
    assert [each["assignee"]["name"] for each in page["mismatches"]] == ["Вера Демина"]
    status, free = await vera.post(f"{path}/release", {"version": taken["version"]})
    assert (status, free["state"], free["assignee"]) == (200, "open", None)


async def test_the_ledger_s_refusal_leaves_the_case_and_the_money(
    office: Office, vera: Caller
) -> None:
    status, body = await vera.resolve(await vera.case("CLOSED_ACCOUNT"), "post")
    assert (status, body["error"]["code"]) == (422, "NOT_POSTED")
    assert "закрыт" in body["error"]["message"]
    story = await vera.case("CLOSED_ACCOUNT")
    assert (story["state"], story["proposal"], story["outcome"]) == ("assigned", None, "")
    assert [each["action"] for each in story["history"]] == ["propose", "withdraw"]
    assert (await balances(office, vera))["buckets"].get("posted") is None


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("TOTAL_DIFFERS", {"action": "post"}, "NOT_ALLOWED"),
        ("UNIDENTIFIED", {"action": "assign"}, "NOT_ALLOWED"),
        ("UNIDENTIFIED", {"action": "return", "reason": " "}, "NOT_ALLOWED"),
        ("UNIDENTIFIED", {"action": "return", "reason": ""}, "MALFORMED"),
        ("UNIDENTIFIED", {"action": "match", "payment_id": 1}, "NOT_ALLOWED"),
        ("UNIDENTIFIED", {"action": "accept", "bucket": "rounding"}, "NOT_ALLOWED"),
        ("UNIDENTIFIED", {"action": "assign", "account": "1000003"}, "NOT_POSTED"),
        ("UNIDENTIFIED", {"action": "assign", "account": "nowhere"}, "NOT_POSTED"),
        ("UNIDENTIFIED", {"action": "steal"}, "MALFORMED"),
        ("UNIDENTIFIED", {"action": "accept", "bucket": "posted"}, "MALFORMED"),
    ],
)
async def test_decisions_that_do_not_fit_are_refused_and_change_nothing(
    office: Office, vera: Caller, kind: str, body: dict[str, Any], code: str
) -> None:
    before = await balances(office, vera)
    story = await vera.case(kind)
    status, answer = await vera.resolve(story, **{"reason": "проверено", **body})
    assert status in (400, 422)
    assert answer["error"]["code"] == code
    assert await balances(office, vera) == before


async def test_every_decision_leaves_an_audit_row_that_nobody_can_change(
    office: Office, vera: Caller
) -> None:
    await vera.resolve(await vera.case("CLOSED_ACCOUNT"), "return", "возврат по письму")
    row = await office.pool.fetchrow(
        "select actor, action, reason from recon.audit where subject = 'mismatch'"
    )
    assert tuple(row or ()) == ("accountant", "return", "возврат по письму")
    with pytest.raises(Exception, match="forbidden"):
        await office.pool.execute("update recon.audit set reason = 'другая'")


async def test_strangers_and_the_controller_are_kept_from_deciding(office: Office) -> None:
    async with calling(office.url, "") as stranger:
        for path in ("/registries", "/mismatches", "/mismatches/1", "/accounts/1000001"):
            assert (await stranger.get(path))[0] == 401
        assert (await stranger.upload(FAULTY, NAME))[0] == 401
    async with calling(office.url, "controller") as petr:
        story = await petr.case("UNIDENTIFIED")
        assert (await petr.resolve(story, "return"))[0] == 403
        path = f"/mismatches/{story['mismatch_id']}"
        assert (await petr.post(f"{path}/take", {"version": 1}))[0] == 403
        assert (await petr.upload(FAULTY, NAME))[0] == 403


async def test_a_write_without_our_header_changes_nothing(office: Office, vera: Caller) -> None:
    story = await vera.case("UNIDENTIFIED")
    address = f"{office.url}/api/v1/office/mismatches/{story['mismatch_id']}/resolve"
    body = {"action": "return", "reason": "подделка", "version": story["version"]}
    async with vera.session.post(address, json=body) as response:
        assert response.status == 403
    assert (await vera.case("UNIDENTIFIED"))["state"] == "open"


async def test_above_the_limit_a_controller_and_nobody_else_confirms(database_dsn: str) -> None:
    async with (
        opened(database_dsn, second_person_above=Money(100_000)) as office,
        calling(office.url) as vera,
        calling(office.url, "galina") as galina,
        calling(office.url, "controller") as petr,
    ):
        await vera.upload(FAULTY, NAME, lenient=True)
        before = await debt(vera, "1000004")
        story = await vera.case("NOT_RECORDED")
        assert story["needs_second_person"] is True
        path = f"/mismatches/{story['mismatch_id']}"
        status, waiting = await vera.resolve(story, "post", "письмо сети")
        assert (status, waiting["state"]) == (200, "assigned")
        assert waiting["proposal"]["by"]["login"] == "accountant"
        assert waiting["proposal"]["claimed"] is False
        seen = {"version": waiting["version"]}
        for person in (vera, galina):  # Neither the same person nor another accountant.
            assert (await person.post(f"{path}/confirm", seen))[0] == 403
            assert (await person.resolve(waiting, "post"))[0] == 403
        assert await debt(vera, "1000004") == before
        status, done = await petr.post(f"{path}/confirm", seen)
        assert (status, done["outcome"]) == (200, "posted")
        assert (done["decided_by"]["login"], done["confirmed_by"]["login"]) == (
            "accountant",
            "controller",
        )
        assert await debt(vera, "1000004") == before - 125_000
        status, body = await petr.post(f"{path}/confirm", seen)
        assert (status, body["error"]["code"]) == (409, "CONFLICT")


async def test_nobody_confirms_their_own_decision_whatever_they_are_meanwhile(
    database_dsn: str,
) -> None:
    async with (
        opened(database_dsn, second_person_above=Money(100_000)) as office,
        calling(office.url) as vera,
    ):
        await vera.upload(FAULTY, NAME, lenient=True)
        _, waiting = await vera.resolve(await vera.case("NOT_RECORDED"), "post")
        await office.pool.execute(
            "update recon.staff set role = 'controller' where login = 'accountant'"
        )
        path = f"/mismatches/{waiting['mismatch_id']}/confirm"
        status, body = await vera.post(path, {"version": waiting["version"]})
        assert (status, body["error"]["code"]) == (403, "NOT_PERMITTED")
        assert office.published == []


async def test_a_controller_rejects_and_the_case_goes_back_to_work(database_dsn: str) -> None:
    async with (
        opened(database_dsn, second_person_above=Money(100_000)) as office,
        calling(office.url) as vera,
        calling(office.url, "galina") as galina,
        calling(office.url, "controller") as petr,
    ):
        await vera.upload(FAULTY, NAME, lenient=True)
        story = await vera.case("NOT_RECORDED")
        path = f"/mismatches/{story['mismatch_id']}"
        _, waiting = await vera.resolve(story, "post")
        no = {"version": waiting["version"], "reason": "нет письма"}
        assert (await galina.post(f"{path}/reject", no))[0] == 403
        status, back = await petr.post(f"{path}/reject", no)
        assert (status, back["state"], back["proposal"]) == (200, "assigned", None)
        assert back["history"][-1]["reason"] == "нет письма"
        _, again = await vera.resolve(back, "return")
        own = {"version": again["version"], "reason": "передумала"}
        assert (await vera.post(f"{path}/reject", own))[0] == 200


async def test_without_postgresql_the_office_says_try_later(office: Office, vera: Caller) -> None:
    story = await vera.case("UNIDENTIFIED")
    await office.pool.close()
    for status, body in (
        await vera.get("/registries"),
        await vera.get("/mismatches/1"),
        await vera.resolve(story, "return"),
        await vera.upload(FAULTY, NAME),
    ):
        assert (status, body["error"]["code"]) == (503, "TRY_LATER")
        assert body["error"]["final"] is False
