"""What PostgreSQL holds after a history is what the pure fold says, whenever it was written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.payments.allocation import (
    Billed,
    Book,
    Credited,
    Event,
    Rules,
    Undone,
    allocate,
    in_order,
)
from tests.payments.histories import RULES, SERVICES, histories
from tests.storage.street import NAMES, Pool, Street


@pytest.fixture
def told(database_dsn: str) -> Iterator[tuple[asyncio.Runner, Street]]:
    """A street in a loop of its own: examples follow one another in one test."""
    with asyncio.Runner() as runner:
        pool = runner.run(_pool(database_dsn))
        street = Street(pool)
        runner.run(street.settle())
        yield runner, street
        runner.run(street.ledger.finish())
        runner.run(pool.close())


async def _pool(dsn: str) -> Pool:
    return await asyncpg.create_pool(dsn, min_size=2, max_size=4)


async def _live(
    street: Street, account: str, events: Sequence[Event], cuts: set[int]
) -> list[Event]:
    """Let the history happen; allocate after the events in `cuts`. Returns it as recorded."""
    happened: list[Event] = []
    ids: dict[int, int] = {}
    for place, event in enumerate(events):
        match event:
            case Billed():
                charges = [(each.service, each.period, each.kopecks) for each in event.charges]
                happened.append(replace(event, at=await street.bill(account, *charges)))
            case Credited():
                recorded = await street.pay(account, event.kopecks, dict(event.parts))
                ids[event.payment_id] = recorded.payment_id
                happened.append(recorded)
            case Undone():
                at = await street.undo(ids[event.payment_id])
                happened.append(Undone(at, ids[event.payment_id]))
        if place in cuts:
            await street.allocate()
    await street.allocate()
    return happened


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(histories(), RULES, st.sets(st.integers(0, 11)))
def test_the_lines_are_those_of_the_pure_fold_whenever_they_are_written(
    told: tuple[asyncio.Runner, Street], events: list[Event], rules: Rules, cuts: set[int]
) -> None:
    runner, street = told

    async def live() -> None:
        await street.set_rules(rules)
        account = await street.open_account()
        happened = await _live(street, account, events, cuts)
        book = Book()
        assert await street.lines(account) == allocate(book, in_order(happened), rules)
        assert sum((await street.debts(account)).values()) == sum(book.owed.values()) - sum(
            each.kopecks for each in book.left
        )
        await street.sound()

    runner.run(live())


def test_the_services_of_the_histories_are_those_of_the_street() -> None:
    assert set(NAMES) == set(SERVICES)
