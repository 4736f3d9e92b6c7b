"""A person reverses what an agent may no longer cancel, or leaves it; once, whoever repeats it."""

from __future__ import annotations

import datetime as dt

import pytest

from server.messages import PaymentState
from server.money import Money
from server.payments.ports import Action as Asked
from server.payments.ports import AfterClose, Move, OutcomeUnknown, Result
from server.reconciliation.mismatches import Action, Case, Decision, Kind, State
from server.reconciliation.resolution import NotPosted, decide
from server.sealing import FileSealer
from server.storage.ledger import PostgresLedger
from server.storage.mismatches import PostgresCases, cases
from server.storage.proof import differences
from tests.reconciliation.conftest import Pool
from tests.reconciliation.decisions import FakeLedger, paid_to, settled
from tests.reconciliation.town import DAY, Paid, pay

PAID = Paid("1", "1000001", 50_000)
REVERSE = Decision(Action.REVERSE, "плательщик ошибся, письмо банка")


async def asked(pool: Pool) -> Case:
    """A payment whose day is closed, and an agent that wants it back."""
    async with pool.acquire() as connection:
        await pay(connection, [PAID])
        await connection.execute("update ledger.business_day set closed_at = now()")
    move = Move(
        Asked.CANCEL, "osmp", DAY + dt.timedelta(days=1), "1",
        after_close=AfterClose.PERSON, actor="osmp", reason="ошибка",
    )  # fmt: skip
    ledger = PostgresLedger(pool, {}, FileSealer(bytes(32)))
    assert (await ledger.move(move)).result is Result.FORBIDDEN
    async with pool.acquire() as connection:
        (case,) = await cases(connection)
    return case


async def test_a_case_tells_who_asks_for_what(pool: Pool) -> None:
    case = await asked(pool)
    assert (case.kind, case.state, case.agent) == (Kind.REVERSAL_ASKED, State.OPEN, "osmp")
    assert (case.registry_id, case.line, case.amount) == (0, None, Money(50_000))
    assert case.decisions == {Action.REVERSE, Action.ACCEPT}
    assert (case.details["asked_by"], case.details["reason"]) == ("osmp", "ошибка")


async def test_a_reversal_takes_the_money_off_on_an_open_day(pool: Pool) -> None:
    case = await asked(pool)
    done = await settled(pool, FakeLedger(pool), case, REVERSE)
    assert (done.state, done.outcome, done.decided_by) == (State.RESOLVED, "reversed", "anna")
    assert await paid_to(pool, "1000001") == 0
    last = await pool.fetchrow("select * from ledger.payment_event order by seq desc limit 1")
    assert last is not None
    assert (last["kind"], last["actor"], last["reason"]) == ("reversed", "anna", REVERSE.reason)
    assert last["business_day"] > DAY
    async with pool.acquire() as connection:
        assert await differences(connection) == ()


async def test_an_interrupted_reversal_is_finished_by_repeating_it(pool: Pool) -> None:
    case = await asked(pool)
    ledger = FakeLedger(pool)
    ledger.lose_the_answer = True
    with pytest.raises(OutcomeUnknown):
        await settled(pool, ledger, case, REVERSE)
    claimed = await PostgresCases(pool).case(case.mismatch_id)
    assert claimed.proposal is not None
    assert claimed.proposal["claimed"]
    done = await settled(pool, ledger, claimed, REVERSE, actor="boris")
    assert (done.state, done.decided_by) == (State.RESOLVED, "anna")
    assert await paid_to(pool, "1000001") == 0
    assert await pool.fetchval("select count(*) from ledger.payment_event") == 2


async def test_leaving_it_as_it_is_moves_no_money(pool: Pool) -> None:
    case = await asked(pool)
    done = await settled(pool, FakeLedger(pool), case, Decision(Action.ACCEPT, "услуга оказана"))
    assert (done.state, done.outcome) == (State.RESOLVED, "accepted")
    assert await paid_to(pool, "1000001") == 50_000


async def test_what_the_agent_could_cancel_after_all_is_not_reversed_again(pool: Pool) -> None:
    case = await asked(pool)
    ledger = PostgresLedger(pool, {}, FileSealer(bytes(32)))
    move = Move(Asked.CANCEL, "osmp", DAY + dt.timedelta(days=1), "1", after_close=AfterClose.YES)
    cancelled = await ledger.move(move)
    assert cancelled.payment is not None
    assert cancelled.payment.state is PaymentState.CANCELLED
    with pytest.raises(NotPosted):
        await settled(pool, FakeLedger(pool), case, REVERSE)
    assert await paid_to(pool, "1000001") == 0
    assert (await PostgresCases(pool).case(case.mismatch_id)).proposal is None


async def test_a_large_reversal_needs_a_second_person(pool: Pool) -> None:
    case = await asked(pool)

    async def decided(case: Case, actor: str) -> Case:
        return await decide(
            PostgresCases(pool),
            FakeLedger(pool),
            mismatch_id=case.mismatch_id,
            version=case.version,
            decision=REVERSE,
            actor=actor,
            second_person_above=Money(1),
        )

    proposed = await decided(case, "anna")
    assert proposed.state is State.ASSIGNED
    assert await paid_to(pool, "1000001") == 50_000
    done = await decided(proposed, "boris")
    assert (done.decided_by, done.confirmed_by) == ("anna", "boris")
    assert await paid_to(pool, "1000001") == 0
