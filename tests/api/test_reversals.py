"""The workbench's API: a case that no file gave rise to is listed, told and decided."""

from __future__ import annotations

from tests.api.asked import ask_back
from tests.api.caller import calling
from tests.api.premises import opened


async def test_an_asked_reversal_is_listed_told_and_carried_out(database_dsn: str) -> None:
    async with opened(database_dsn) as office, calling(office.url) as vera:
        await ask_back(database_dsn)
        _, page = await vera.get("/mismatches", kind="REVERSAL_ASKED")
        (row,) = page["mismatches"]
        assert (row["registry_id"], row["registry_day"], row["line_number"]) == (None, None, None)
        assert row["account"]
        _, story = await vera.get(f"/mismatches/{row['mismatch_id']}")
        assert story["registry"] is None
        assert [each["action"] for each in story["decisions"]] == ["reverse", "accept"]
        assert story["payment"]["state"] == "credited"
        status, done = await vera.post(
            f"/mismatches/{row['mismatch_id']}/resolve",
            {"action": "reverse", "reason": "письмо банка", "version": story["version"]},
        )
        assert status == 200
        assert (done["outcome"], done["payment"]["state"]) == ("reversed", "reversed")
        assert [lane.account for lane in office.published] == [row["account"]]
