"""Decisions that were cut off: the janitor settles what the ledger has done and posts nothing."""

from __future__ import annotations

import pytest

from server.payments.ports import OutcomeUnknown
from server.reconciliation.mismatches import Action, Decision, State
from server.storage.claims import JANITOR, settle_claims
from server.storage.mismatches import PostgresCases, history
from tests.reconciliation.conftest import Pool
from tests.reconciliation.decisions import FakeLedger, buckets, only_case, paid_to, settled
from tests.reconciliation.test_reversals import REVERSE, asked
from tests.reconciliation.town import pack_row

POST = Decision(Action.POST, "звонок в банк")
ROW = pack_row("1", "1000001", 50_000)


async def let_time_pass(pool: Pool) -> None:
    await pool.execute("update recon.mismatches set proposed_at = proposed_at - interval '6 min'")


async def swept(pool: Pool) -> int:
    async with pool.acquire() as connection:
        return await settle_claims(PostgresCases(pool), connection)


async def test_a_posting_whose_answer_was_lost_is_settled(pool: Pool) -> None:
    case = await only_case(pool, ROW)
    ledger = FakeLedger(pool)
    ledger.lose_the_answer = True
    with pytest.raises(OutcomeUnknown):
        await settled(pool, ledger, case, POST)
    assert await swept(pool) == 0  # It may be under way still.
    await let_time_pass(pool)
    assert await swept(pool) == 1
    assert await swept(pool) == 0
    done = await PostgresCases(pool).case(case.mismatch_id)
    assert (done.state, done.outcome, done.decided_by) == (State.RESOLVED, "posted", "anna")
    assert (await buckets(pool, case.registry_id)) == {"posted": 50_000}
    assert await paid_to(pool, "1000001") == 50_000
    async with pool.acquire() as connection:
        assert (await history(connection, case.mismatch_id))[-1].actor == JANITOR


async def test_a_claim_that_did_nothing_is_withdrawn_and_nothing_is_posted(pool: Pool) -> None:
    case = await only_case(pool, ROW)
    await PostgresCases(pool).propose(case, POST, "anna", claimed=True)
    await let_time_pass(pool)
    assert await swept(pool) == 1
    left = await PostgresCases(pool).case(case.mismatch_id)
    assert (left.state, left.proposal) == (State.ASSIGNED, None)
    assert await paid_to(pool, "1000001") == 0
    assert await pool.fetchval("select count(*) from ledger.payment") == 0


async def test_a_proposal_that_waits_for_a_second_person_is_left_alone(pool: Pool) -> None:
    case = await only_case(pool, ROW)
    await PostgresCases(pool).propose(case, POST, "anna", claimed=False)
    await let_time_pass(pool)
    assert await swept(pool) == 0


async def test_a_payment_of_another_sum_under_the_number_is_not_the_decisions(pool: Pool) -> None:
    case = await only_case(pool, ROW)
    await PostgresCases(pool).propose(case, POST, "anna", claimed=True)
    await pool.execute(
        "select ledger.post_payments(true, array['bank'], array[$1], array['1000001'],"
        " array[77::bigint], array[now()], array[current_date], array['1000001|77'], null)",
        case.post_as,
    )
    await let_time_pass(pool)
    assert await swept(pool) == 1
    assert (await PostgresCases(pool).case(case.mismatch_id)).outcome == ""


async def test_a_reversal_whose_answer_was_lost_is_settled(pool: Pool) -> None:
    case = await asked(pool)
    ledger = FakeLedger(pool)
    ledger.lose_the_answer = True
    with pytest.raises(OutcomeUnknown):
        await settled(pool, ledger, case, REVERSE)
    await let_time_pass(pool)
    assert await swept(pool) == 1
    done = await PostgresCases(pool).case(case.mismatch_id)
    assert (done.outcome, done.decided_by) == ("reversed", "anna")


async def test_a_reversal_that_was_not_done_is_withdrawn(pool: Pool) -> None:
    case = await asked(pool)
    await PostgresCases(pool).propose(case, REVERSE, "anna", claimed=True)
    await let_time_pass(pool)
    assert await swept(pool) == 1
    assert await paid_to(pool, "1000001") == 50_000
