"""`kvitok payment show`, `account show --allocation` and `allocation`, on a real database."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from server.__main__ import app
from server.cli.context import EXIT_NO, EXIT_USAGE
from tests.servers import run_now
from tests.storage.street import Street

JANUARY, FEBRUARY = dt.date(2026, 1, 1), dt.date(2026, 2, 1)


@pytest.fixture
def paid(database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """An account and a payment that settled two months and left an advance."""
    monkeypatch.setenv("KVITOK_DSN", database_dsn)
    monkeypatch.setenv("LANG", "C.UTF-8")
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)

    async def settled() -> tuple[str, int]:
        async with asyncpg.create_pool(database_dsn, min_size=1, max_size=4) as pool:
            street = Street(pool)
            await street.settle()
            account = await street.open_account()
            await street.bill(account, (1, JANUARY, 100), (2, FEBRUARY, 50))
            payment = await street.pay(account, 190)
            await street.allocate()
            await street.ledger.finish()
            return account, payment.payment_id

    return run_now(settled())


def kvitok(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def said(*words: str) -> Any:
    done = kvitok(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_payment_is_shown_line_by_line(paid: tuple[str, int]) -> None:
    account, payment = paid
    shown = said("payment", "show", str(payment))
    assert (shown["account"], shown["amount_kopecks"], shown["state"]) == (account, 190, "credited")
    assert [(each["service"], each["period"], each["kopecks"]) for each in shown["settled"]] == [
        ("heating", "2026-01", 100),
        ("water", "2026-02", 50),
    ]
    assert shown["left"] == [{"service": "", "kopecks": 40}]
    assert (shown["credited_kopecks"], shown["waiting_kopecks"]) == (190, 0)
    assert (shown["business_day"], shown["settlement_day"]) == ("2026-11-24", "2026-11-25")
    text = kvitok("payment", "show", str(payment)).stdout
    assert "Тепло" in text
    assert "advance" in text


def test_an_accounts_lines_are_shown_when_they_are_asked_for(paid: tuple[str, int]) -> None:
    account, payment = paid
    assert "allocation" not in said("account", "show", account)
    lines = said("account", "show", account, "--allocation")["allocation"]
    assert [(each["payment_id"], each["kopecks"]) for each in lines] == [
        (payment, 100),
        (payment, 50),
    ]
    assert str(payment) in kvitok("account", "show", account, "--allocation").stdout


def test_a_rule_is_changed_and_the_audit_keeps_what_it_was(
    paid: tuple[str, int], database_dsn: str
) -> None:
    before = said("allocation", "rules")
    assert before[0] == {
        "whose": "company",
        "id": 1,
        "name": "УК",
        "rule": "oldest_first",
        "fallback": "",
    }
    words = ("allocation", "set", "supplier", "1", "as_said", "--fallback", "pro_rata")
    assert kvitok(*words).exit_code == 0
    assert kvitok("allocation", "set", "company", "1", "current_first").exit_code == 0
    rules = {(each["whose"], each["id"]): each for each in said("allocation", "rules")}
    assert rules["supplier", 1]["fallback"] == "pro_rata"
    assert rules["company", 1]["rule"] == "current_first"
    assert "current_first" in kvitok("allocation", "rules").stdout

    async def noted() -> list[tuple[str, str]]:
        connection = await asyncpg.connect(database_dsn)
        rows = await connection.fetch(
            "select subject, details -> 'rule' ->> 0 as was from recon.audit"
            " where action = 'allocation' order by id"
        )
        await connection.close()
        return [(row["subject"], row["was"]) for row in rows]

    assert run_now(noted()) == [("supplier", "as_said"), ("company", "oldest_first")]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("allocation", "set", "company", "1", "as_said"), EXIT_USAGE),
        (("allocation", "set", "company", "1", "by_mood"), EXIT_USAGE),
        (("allocation", "set", "supplier", "99", "pro_rata"), EXIT_NO),
        (("payment", "show", "1"), EXIT_NO),
    ],
)
def test_what_cannot_be_is_refused(
    paid: tuple[str, int], words: tuple[str, ...], code: int
) -> None:
    before = said("allocation", "rules")
    assert kvitok(*words).exit_code == code
    assert said("allocation", "rules") == before
