"""The workbench's API: what is suspicious is told with what it is about, and may be let be."""

from __future__ import annotations

from tests.api.caller import calling
from tests.api.noticed import FAST, notice
from tests.api.premises import opened


async def test_the_same_sum_twice_is_told_with_both_payments_and_may_be_reversed(
    database_dsn: str,
) -> None:
    async with opened(database_dsn) as office, calling(office.url) as vera:
        await notice(database_dsn)
        story = await vera.case("SAME_SUM_TWICE")
        assert (story["payment"]["agent"], story["other_payment"]["agent"]) == ("bank", "osmp")
        assert story["other_agent_title"] == "Терминалы «Осмп»"
        assert story["payment"]["account"] == story["other_payment"]["account"] == "1000005"
        assert story["payment_account"]["holder"] == "К*** М. И."
        assert [each["action"] for each in story["decisions"]] == ["reverse", "accept"]
        status, done = await vera.resolve(story, "reverse")
        assert status == 200
        assert (done["outcome"], done["payment"]["state"]) == ("reversed", "reversed")
        assert done["other_payment"]["state"] == "credited"
        assert [lane.account for lane in office.published] == ["1000005"]


async def test_a_fast_terminal_is_told_on_the_offices_clock_and_let_be(database_dsn: str) -> None:
    async with opened(database_dsn) as office, calling(office.url) as vera:
        await notice(database_dsn)
        _, page = await vera.get("/mismatches", kind="FAST_TERMINAL")
        (row,) = page["mismatches"]
        assert (row["operation"], row["account"], row["amount_kopecks"]) == ("4417", "", 0)
        story = await vera.case("FAST_TERMINAL")
        assert (story["payment"], story["line"], story["registry"]) == (None, None, None)
        assert story["details"]["payments_in_minute"] == FAST
        assert story["details"]["first_at"].endswith("+03:00")
        status, done = await vera.resolve(story, "accept")
        assert (status, done["outcome"]) == (200, "accepted")
