"""Debts by period are what the janitor will write, before its round and after it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

import asyncpg
import pytest

from server.storage.debts import DebtReader
from tests.storage.street import NAMES, Street

JANUARY, FEBRUARY, MARCH = (dt.date(2026, month, 1) for month in (1, 2, 3))
Told = dict[str, int]


@pytest.fixture
async def street(database_dsn: str) -> AsyncIterator[Street]:
    async with asyncpg.create_pool(database_dsn, min_size=2, max_size=8) as pool:
        street = Street(pool)
        await street.settle()
        yield street
        await street.ledger.finish()


async def told(street: Street, account: str) -> tuple[Told, Told]:
    """(kopecks by service, kopecks by service and period); what they promise each other holds."""
    debts = await DebtReader(street.pool).read(account)
    assert debts is not None
    by_service = {each.service: each.debt.kopecks for each in debts.view.services}
    assert sum(by_service.values()) == debts.view.debt.kopecks
    by_period = {f"{each.service} {each.period:%Y-%m}": each.amount.kopecks for each in debts.owed}
    assert 0 not in by_period.values()
    for code in NAMES.values():
        owed = sum(k for name, k in by_period.items() if name.split(" ")[0] == code)
        assert by_service.get(code, 0) <= owed, "what is more than owed was paid ahead"
    return {code: kopecks for code, kopecks in by_service.items() if kopecks}, by_period


async def told_twice(street: Street, account: str) -> tuple[Told, Told]:
    """The same before the janitor's round and after it."""
    before = await told(street, account)
    await street.allocate()
    assert await told(street, account) == before
    await street.sound()
    return before


async def test_an_account_without_charges_owes_nothing(street: Street) -> None:
    assert await told_twice(street, await street.open_account()) == ({}, {})
    assert await DebtReader(street.pool).read("404") is None


async def test_the_oldest_month_is_settled_first(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100), (2, JANUARY, 50))
    await street.bill(account, (1, FEBRUARY, 70), (2, FEBRUARY, 60))
    await street.pay(account, 120)
    assert await told_twice(street, account) == (
        {"heating": 70, "water": 90},
        {"heating 2026-02": 70, "water 2026-01": 30, "water 2026-02": 60},
    )


async def test_what_happened_since_the_last_round_is_told_too(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100))
    await street.pay(account, 30)
    await street.allocate()
    await street.bill(account, (1, FEBRUARY, 40))
    payment = await street.pay(account, 80)
    assert await told_twice(street, account) == ({"heating": 30}, {"heating 2026-02": 30})
    await street.undo(payment.payment_id)
    assert await told_twice(street, account) == (
        {"heating": 110},
        {"heating 2026-01": 70, "heating 2026-02": 40},
    )


async def test_what_was_paid_ahead_for_a_service_is_in_no_period(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100), (2, JANUARY, 50))
    await street.pay(account, 90, {2: 90})
    assert await told_twice(street, account) == (
        {"heating": 100, "water": -40},
        {"heating 2026-01": 100},
    )


async def test_an_advance_is_a_service_of_its_own(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100))
    await street.pay(account, 250)
    assert await told_twice(street, account) == ({"advance": -150}, {})


async def test_a_recalculation_stands_in_its_period(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100))
    await street.bill(account, (1, FEBRUARY, -30), (1, MARCH, 20))
    assert await told_twice(street, account) == (
        {"heating": 90},
        {"heating 2026-01": 100, "heating 2026-02": -30, "heating 2026-03": 20},
    )


async def test_a_book_that_missed_an_event_is_not_shown(street: Street) -> None:
    account = await street.open_account()
    await street.bill(account, (1, JANUARY, 100))
    await street.pool.execute(
        "update ledger.account_paid set advance = advance + 1, version = version + 1"
        " where account = $1",
        account,
    )
    assert await DebtReader(street.pool).read(account) is None
