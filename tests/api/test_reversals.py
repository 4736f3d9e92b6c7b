"""The workbench's API: a case that no file gave rise to is listed, told and decided."""

from __future__ import annotations

import datetime as dt

from server.payments.ports import Action, AfterClose, Move, Result
from server.storage.ledger import PostgresLedger
from tests.api.caller import calling
from tests.api.premises import DAY, NoSealer, Office, opened


async def asked(office: Office) -> None:
    """The agent wants its first payment back after the day was closed."""
    await office.pool.execute("update ledger.business_day set closed_at = now()")
    key = await office.pool.fetchval(
        "select agent_payment_id from ledger.payment where agent = 'osmp' order by payment_id"
    )
    ledger = PostgresLedger(office.pool, {}, NoSealer())
    day = DAY + dt.timedelta(days=1)
    move = Move(
        Action.CANCEL, "osmp", day, key, after_close=AfterClose.PERSON, actor="osmp", reason="ой"
    )
    assert (await ledger.move(move)).result is Result.FORBIDDEN


async def test_an_asked_reversal_is_listed_told_and_carried_out(database_dsn: str) -> None:
    async with opened(database_dsn) as office, calling(office.url) as vera:
        await asked(office)
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
