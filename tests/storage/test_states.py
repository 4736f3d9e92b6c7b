"""The transition table on a real PostgreSQL: every cell, every race, and what money does."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from dataclasses import replace

import pytest

from server.messages import Part, Payment, PaymentState
from server.money import Money
from server.payments.ports import (
    Action,
    AfterClose,
    Move,
    Order,
    OutcomeUnknown,
    Posted,
    Result,
)
from server.payments.states import TRANSITIONS, after
from server.refusals import Refusal
from server.storage.ledger import PostgresLedger
from tests.storage.conftest import Pool, proof

PAID_AT = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
DAY = dt.date(2026, 11, 24)
TOMORROW = DAY + dt.timedelta(days=1)
PAY = Order("osmp", "1", "1000001", Money(152340), PAID_AT, DAY, terminal="T-7")
HOLD = replace(PAY, valid_seconds=3600)
OVERDUE = replace(PAY, valid_seconds=0)
PATHS: dict[PaymentState | None, list[tuple[Action, ...]]] = {
    None: [()],
    PaymentState.HELD: [(Action.HOLD,)],
    PaymentState.CREDITED: [(Action.PAY,), (Action.HOLD, Action.CONFIRM)],
    PaymentState.CANCELLED: [(Action.PAY, Action.CANCEL), (Action.HOLD, Action.CANCEL)],
    PaymentState.REVERSED: [(Action.PAY, Action.REVERSE)],
    PaymentState.EXPIRED: [(Action.HOLD, Action.EXPIRE)],
}


def move(action: Action, day: dt.date = DAY, after_close: AfterClose = AfterClose.NO) -> Move:
    return Move(
        action, "osmp", day, "1", after_close=after_close, actor="osmp", reason=action.value
    )


async def act(ledger: PostgresLedger, action: Action, *, overdue: bool = False) -> Posted:
    if action is Action.PAY:
        return await ledger.post(PAY)
    if action is Action.HOLD:
        return await ledger.post(OVERDUE if overdue else HOLD)
    return await ledger.move(move(action))


async def paid(pool: Pool) -> int:
    kopecks: int = await pool.fetchval(
        "select advance from ledger.account_paid where account = '1000001'"
    )
    return kopecks


async def recorded(ledger: PostgresLedger) -> Payment:
    posted = await ledger.recorded("osmp", "1")
    assert posted is not None
    assert posted.payment is not None
    return posted.payment


async def test_the_database_decides_by_the_same_table(pool: Pool) -> None:
    for (state, action), cell in TRANSITIONS.items():
        told = await pool.fetchval(
            "select ledger.transition($1, $2)", state and state.value, action.value
        )
        assert told == cell.value, (state, action)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize(
    "path", [path for paths in PATHS.values() for path in paths], ids=lambda path: "-".join(
        each.value for each in path) or "none"
)  # fmt: skip
async def test_a_real_payment_goes_through_every_cell(
    ledger: PostgresLedger, pool: Pool, path: tuple[Action, ...], action: Action
) -> None:
    expires = Action.EXPIRE in (*path, action) and Action.CONFIRM not in path
    for step in path:
        assert (await act(ledger, step, overdue=expires)).result is Result.ACCEPTED
    was = next(state for state, paths in PATHS.items() if path in paths)
    before = await recorded(ledger) if was else None
    posted = await act(ledger, action, overdue=expires)
    cell = after(was, action)
    if isinstance(cell, Result):
        assert posted.result is cell
        assert posted.payment == before
    else:
        assert posted.result is Result.ACCEPTED
        assert posted.payment is not None
        assert posted.payment.state is cell
        assert posted.payment == await recorded(ledger)
    state = cell if isinstance(cell, PaymentState) else was
    assert await paid(pool) == (152340 if state is PaymentState.CREDITED else 0)
    held = await pool.fetchval("select count(*) from ledger.open_hold")
    assert held == (1 if state is PaymentState.HELD else 0)
    assert await proof(pool) == ()


async def test_a_payment_tells_when_it_was_held_credited_and_undone(
    ledger: PostgresLedger,
) -> None:
    held = await ledger.post(HOLD)
    assert held.payment is not None
    assert held.lane is None
    assert held.payment.held_at == held.payment.recorded_at
    assert held.payment.credited_at is None
    assert held.valid_until == held.payment.recorded_at + dt.timedelta(hours=1)
    confirmed = await ledger.move(move(Action.CONFIRM))
    assert confirmed.payment is not None
    assert confirmed.payment.held_at == held.payment.held_at
    assert confirmed.payment.credited_at == confirmed.payment.state_at
    cancelled = await ledger.move(move(Action.CANCEL))
    assert cancelled.payment is not None
    assert cancelled.payment.credited_at == confirmed.payment.credited_at
    assert cancelled.payment.reason == "cancel"
    assert cancelled.payment.terminal == "T-7"


async def test_a_payment_is_found_and_moved_by_either_number(ledger: PostgresLedger) -> None:
    held = await ledger.post(HOLD)
    assert held.payment is not None
    number = held.payment.payment_id
    assert await ledger.recorded_by_id("osmp", number) == await ledger.recorded("osmp", "1")
    assert await ledger.recorded_by_id("sber", number) is None
    assert await ledger.recorded_by_id("osmp", 5) is None
    foreign = Move(Action.CONFIRM, "sber", DAY, payment_id=number)
    assert (await ledger.move(foreign)).result is Result.NOT_FOUND
    confirmed = await ledger.move(replace(foreign, agent="osmp"))
    assert confirmed.result is Result.ACCEPTED
    assert confirmed.payment is not None
    assert confirmed.payment.payment_id == number


async def test_holds_and_payments_share_a_batch(ledger: PostgresLedger, pool: Pool) -> None:
    orders = [
        replace(PAY, agent_payment_id=str(place), valid_seconds=60 if place % 2 else None)
        for place in range(20)
    ]
    results = await asyncio.gather(*map(ledger.post, orders))
    assert {each.result for each in results} == {Result.ACCEPTED}
    assert await paid(pool) == 10 * 152340
    assert await pool.fetchval("select count(*) from ledger.open_hold") == 10
    again = await asyncio.gather(*map(ledger.post, orders))
    assert [each.payment for each in again] == [each.payment for each in results]
    assert await proof(pool) == ()


async def test_parts_of_a_held_payment_reach_their_services_when_it_is_confirmed(
    ledger: PostgresLedger, pool: Pool
) -> None:
    parts = (Part("heating", Money(100)), Part("water", Money(50)))
    await ledger.post(replace(HOLD, amount=Money(200), parts=parts))
    assert await paid(pool) == 0
    confirmed = await ledger.move(move(Action.CONFIRM))
    assert confirmed.lane is not None
    assert (confirmed.lane.services, confirmed.lane.paid) == ((1, 2), (50, 100))
    assert confirmed.lane.advance == 50
    assert await proof(pool) == ()


async def test_a_confirm_past_its_validity_expires_the_payment(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await ledger.post(OVERDUE)
    late = await ledger.move(move(Action.CONFIRM))
    assert late.result is Result.PAYMENT_CANCELLED
    assert late.payment is not None
    assert late.payment.state is PaymentState.EXPIRED
    assert await paid(pool) == 0
    assert (await ledger.move(move(Action.CONFIRM))).payment == late.payment


async def test_a_payment_does_not_expire_before_its_time(ledger: PostgresLedger) -> None:
    await ledger.post(HOLD)
    assert (await ledger.move(move(Action.EXPIRE))).result is Result.FORBIDDEN
    assert (await recorded(ledger)).state is PaymentState.HELD


async def test_a_held_payment_is_credited_although_the_account_was_closed_since(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await ledger.post(HOLD)
    await pool.execute("update billing.accounts set state = 'closed' where number = '1000001'")
    assert (await ledger.move(move(Action.CONFIRM))).result is Result.ACCEPTED
    assert await paid(pool) == 152340


@pytest.mark.parametrize("count", [8, 64])
async def test_confirms_at_once_credit_once(ledger: PostgresLedger, pool: Pool, count: int) -> None:
    await ledger.post(HOLD)
    results = await asyncio.gather(*(ledger.move(move(Action.CONFIRM)) for _ in range(count)))
    counts = Counter(each.result for each in results)
    assert counts == {Result.ACCEPTED: 1, Result.REPEATED: count - 1}
    assert await paid(pool) == 152340
    assert await proof(pool) == ()


async def insist(ledger: PostgresLedger, wanted: Move) -> Posted:
    """As an agent that is told to come later: the payment itself is being written."""
    while True:
        try:
            return await ledger.move(wanted)
        except OutcomeUnknown:
            await asyncio.sleep(0)


async def test_everything_at_once_ends_in_one_explainable_state(
    ledger: PostgresLedger, pool: Pool
) -> None:
    for number in range(8):
        order = replace(HOLD, agent_payment_id=f"m{number}")
        wanted = [
            Action.CONFIRM,
            Action.GIVE_UP,
            Action.CANCEL,
            Action.REVERSE,
            Action.EXPIRE,
        ] * 4
        moves = [replace(move(each), agent_payment_id=f"m{number}") for each in wanted]
        posts = [ledger.post(order) for _ in range(4)]
        results = await asyncio.gather(*posts, *(insist(ledger, each) for each in moves))
        await asyncio.gather(*map(ledger.move, moves))
        posted = await ledger.recorded("osmp", f"m{number}")
        assert posted is not None
        assert posted.payment is not None
        assert posted.payment.state in (PaymentState.CANCELLED, PaymentState.REVERSED)
        assert Counter(each.result for each in results[:4])[Result.ACCEPTED] == 1
    kinds = await pool.fetch(
        "select array_agg(kind order by seq) as kinds from ledger.payment_event group by payment_id"
    )
    for row in kinds:
        state = None
        for kind in row["kinds"]:
            assert any(
                to is PaymentState(kind) for (at, _), to in TRANSITIONS.items() if at is state
            )
            state = PaymentState(kind)
    assert await paid(pool) == 0
    assert await proof(pool) == ()


async def test_expiry_that_races_with_a_confirm_leaves_one_of_the_two(
    ledger: PostgresLedger, pool: Pool
) -> None:
    keys = [f"x{number}" for number in range(20)]
    orders = [replace(HOLD, agent_payment_id=key, valid_seconds=1) for key in keys]
    await asyncio.gather(*map(ledger.post, orders))
    await asyncio.sleep(0.9)
    while await pool.fetchval("select count(*) from ledger.open_hold"):
        await asyncio.gather(
            *(
                ledger.move(replace(move(action), agent_payment_id=key))
                for key in keys[: 1 + len(keys) // 2]
                for action in (Action.EXPIRE, Action.CONFIRM)
            ),
            *(ledger.move(replace(move(Action.EXPIRE), agent_payment_id=key)) for key in keys),
        )
    states = [await ledger.recorded("osmp", key) for key in keys]
    found = Counter(each.payment.state for each in states if each and each.payment)
    assert set(found) <= {PaymentState.CREDITED, PaymentState.EXPIRED}
    assert found.total() == 20
    assert await paid(pool) == found[PaymentState.CREDITED] * 152340
    assert await proof(pool) == ()


# --- days -------------------------------------------------------------------------------------


async def close_day(pool: Pool, day: dt.date = DAY) -> int:
    """Seal it; the kopecks that it held at that moment."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "insert into ledger.business_day (agent, day, closed_at) values ('osmp', $1, now())"
            " on conflict (agent, day) do update set closed_at = now()",
            day,
        )
        return await kopecks_of(pool, day)


async def kopecks_of(pool: Pool, day: dt.date) -> int:
    kopecks: int = await pool.fetchval(
        "select coalesce(sum(amount_kopecks), 0)::bigint from ledger.payment_event"
        " where business_day = $1",
        day,
    )
    return kopecks


async def test_closing_a_day_and_cancelling_never_cross(ledger: PostgresLedger, pool: Pool) -> None:
    for number in range(10):
        day = DAY + dt.timedelta(days=number)
        keys = [f"c{number}-{place}" for place in range(8)]
        orders = [replace(PAY, agent_payment_id=key, business_day=day) for key in keys]
        await asyncio.gather(*map(ledger.post, orders))
        moves = [replace(move(Action.CANCEL, day), agent_payment_id=key) for key in keys]
        closing = asyncio.create_task(close_day(pool, day))
        results = await asyncio.gather(*map(ledger.move, moves))
        sealed = await closing
        assert {each.result for each in results} <= {
            Result.ACCEPTED, Result.FORBIDDEN, Result.DAY_CLOSED
        }  # fmt: skip
        assert await kopecks_of(pool, day) == sealed
    assert await proof(pool) == ()


async def test_a_cancel_after_the_close_goes_as_the_agent_may(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await ledger.post(PAY)
    await close_day(pool)
    no = await ledger.move(move(Action.CANCEL, TOMORROW))
    assert no.result is Result.FORBIDDEN
    assert await pool.fetchval("select count(*) from recon.mismatches") == 0
    for _ in range(2):
        person = await ledger.move(move(Action.CANCEL, TOMORROW, AfterClose.PERSON))
        assert person.result is Result.FORBIDDEN
    asked = await pool.fetch("select kind, state, payment_id from recon.mismatches")
    assert no.payment is not None
    assert [tuple(row) for row in asked] == [("REVERSAL_ASKED", "open", no.payment.payment_id)]
    assert await paid(pool) == 152340
    closed = await ledger.move(move(Action.CANCEL, DAY, AfterClose.YES))
    assert closed.result is Result.DAY_CLOSED
    yes = await ledger.move(move(Action.CANCEL, TOMORROW, AfterClose.YES))
    assert yes.result is Result.ACCEPTED
    assert (await kopecks_of(pool, DAY), await kopecks_of(pool, TOMORROW)) == (152340, -152340)
    assert await proof(pool) == ()


async def test_a_held_payment_is_cancelled_and_confirmed_across_the_close(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await ledger.post(HOLD)
    await ledger.post(replace(HOLD, agent_payment_id="2"))
    await close_day(pool)
    assert (await ledger.move(move(Action.CANCEL))).result is Result.ACCEPTED
    second = replace(move(Action.CONFIRM), agent_payment_id="2")
    assert (await ledger.move(second)).result is Result.DAY_CLOSED
    assert (await ledger.move(replace(second, business_day=TOMORROW))).result is Result.ACCEPTED
    # The money came on the day of the confirm, which is open: it may go on that day.
    cancel = replace(move(Action.CANCEL, TOMORROW), agent_payment_id="2")
    assert (await ledger.move(cancel)).result is Result.ACCEPTED
    assert await kopecks_of(pool, DAY) == 0
    assert await proof(pool) == ()


async def test_a_reversal_by_a_person_is_an_opposite_entry_on_an_open_day(
    ledger: PostgresLedger, pool: Pool
) -> None:
    await ledger.post(PAY)
    await close_day(pool)
    reversed_ = await ledger.move(move(Action.REVERSE, TOMORROW))
    assert reversed_.result is Result.ACCEPTED
    rows = await pool.fetch("select kind, amount_kopecks, business_day from ledger.payment_event")
    assert [tuple(row) for row in rows] == [
        ("credited", 152340, DAY),
        ("reversed", -152340, TOMORROW),
    ]
    assert await proof(pool) == ()


# --- remembered refusals ----------------------------------------------------------------------


async def test_a_remembered_refusal_is_the_answer_for_ever(
    ledger: PostgresLedger, pool: Pool
) -> None:
    closed = replace(PAY, account="1000003")
    assert (await ledger.post(closed)).result is Result.CLOSED
    first = await ledger.remember("osmp", "1", closed.fingerprint, Refusal.ACCOUNT_CLOSED)
    assert (first.result, first.refusal) == (Result.REFUSED, Refusal.ACCOUNT_CLOSED)
    await pool.execute("update billing.accounts set state = 'active' where number = '1000003'")
    again = await ledger.post(closed)
    assert (again.result, again.refusal) == (Result.REFUSED, Refusal.ACCOUNT_CLOSED)
    assert (await ledger.post(PAY)).result is Result.CONFLICT
    assert (await ledger.move(move(Action.CANCEL))).result is Result.NOT_FOUND
    assert await pool.fetchval("select count(*) from ledger.payment") == 0


async def test_a_payment_that_came_first_is_not_refused(ledger: PostgresLedger) -> None:
    await ledger.post(PAY)
    found = await ledger.remember("osmp", "1", PAY.fingerprint, Refusal.AMOUNT_TOO_LARGE)
    assert found.result is Result.REPEATED
    assert found.payment is not None
