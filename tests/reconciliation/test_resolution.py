"""Decisions: each does what it says to the money, once, by the right people."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace

import asyncpg
import pytest

from server.money import Money
from server.payments.ports import OutcomeUnknown
from server.reconciliation.mismatches import (
    DECISIONS,
    DECISIONS_OF,
    TRANSITIONS,
    Action,
    Bucket,
    Case,
    Decision,
    Kind,
    NotAllowed,
    State,
)
from server.reconciliation.resolution import (
    Conflict,
    NotPosted,
    SecondPersonNeeded,
    close,
    decide,
    release,
    take,
)
from server.storage.mismatches import PostgresCases, cases, history
from server.storage.registries import registry
from server.storage.registry_closing import close_registry
from tests.reconciliation.conftest import Pool
from tests.reconciliation.decisions import FakeLedger, buckets, only_case, paid_to, settled
from tests.reconciliation.town import (
    CLOSED,
    DAY,
    Paid,
    pack,
    pack_row,
    pay,
    qiwi,
    qiwi_row,
    take_in,
)


@pytest.fixture
def ledger(pool: Pool) -> FakeLedger:
    return FakeLedger(pool)


async def test_post_credits_the_account_under_agent_and_receipt(
    pool: Pool, ledger: FakeLedger
) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 1500))
    done = await settled(pool, ledger, case, Decision(Action.POST, "оплата в кассе банка"))
    assert (done.state, done.outcome, done.decided_by) == (State.RESOLVED, "posted", "anna")
    assert await buckets(pool, case.registry_id) == {"posted": 1500}
    assert await paid_to(pool, "1000001") == 1500
    (order,) = ledger.orders
    assert (order.agent, order.agent_payment_id, order.business_day) == ("bank", "77", DAY)
    async with pool.acquire() as connection:
        steps = [entry.action for entry in await history(connection, case.mismatch_id)]
        found = await registry(connection, case.registry_id)
    assert steps == ["propose", "post"]
    assert (found.open, found.resolved, found.state) == (0, 1, "resolved")


async def test_a_posted_line_is_recognised_in_the_next_file(pool: Pool, ledger: FakeLedger) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 1500))
    await settled(pool, ledger, case, Decision(Action.POST, "касса"))
    async with pool.acquire() as connection:
        rows = [pack_row("77", "1000001", 1500), pack_row("78", "5550000", 1)]
        found = await take_in(connection, pack(*rows, number=2), "bank")
    assert found.mismatches == {"NOT_RECORDED": 1, "UNIDENTIFIED": 1}
    assert (found.open, found.resolved) == (1, 1)
    assert found.buckets == {"posted": 1500, "unidentified": 1}
    assert await paid_to(pool, "1000001") == 1500


async def test_post_goes_to_the_next_open_day(pool: Pool, ledger: FakeLedger) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 1500))
    ledger.closed_days = {DAY}
    await settled(pool, ledger, case, Decision(Action.POST, "касса"))
    assert ledger.orders[0].business_day == DAY + dt.timedelta(days=1)


async def test_assign_credits_another_account(pool: Pool, ledger: FakeLedger) -> None:
    case = await only_case(pool, pack_row("77", "5550000", 1500))
    assert Action.POST not in case.decisions
    done = await settled(pool, ledger, case, Decision(Action.ASSIGN, "опечатка", "1000002"))
    assert done.outcome == "posted"
    assert await paid_to(pool, "1000002") == 1500
    assert await buckets(pool, case.registry_id) == {"posted": 1500}


@pytest.mark.parametrize(
    ("account", "message"),
    [("5550001", "такого лицевого счёта нет"), (CLOSED, "лицевой счёт закрыт")],
)
async def test_what_the_ledger_refuses_leaves_the_case_undecided(
    pool: Pool, ledger: FakeLedger, account: str, message: str
) -> None:
    case = await only_case(pool, pack_row("77", "5550000", 1500))
    with pytest.raises(NotPosted, match=message):
        await settled(pool, ledger, case, Decision(Action.ASSIGN, "опечатка", account))
    case = await PostgresCases(pool).case(case.mismatch_id)
    assert (case.state, case.proposal) == (State.ASSIGNED, None)
    assert await buckets(pool, case.registry_id) == {"unidentified": 1500}
    await settled(pool, ledger, case, Decision(Action.ASSIGN, "опечатка", "1000002"))


async def test_return_moves_the_money_out(pool: Pool, ledger: FakeLedger) -> None:
    case = await only_case(pool, pack_row("77", CLOSED, 1500))
    await settled(pool, ledger, case, Decision(Action.RETURN, "счёт закрыт, вернули банку"))
    assert await buckets(pool, case.registry_id) == {"returned": 1500}


@pytest.mark.parametrize(
    ("line", "bucket", "expected"),
    [
        (1050, None, {"already_online": 1000, "fee": 50}),
        (1050, Bucket.ROUNDING, {"already_online": 1000, "rounding": 50}),
        (1500, Bucket.OTHER_RECIPIENT, {"already_online": 1000, "other_recipient": 500}),
        (900, None, {"already_online": 900}),
    ],
)
async def test_a_difference_is_accepted_to_the_kopeck(
    pool: Pool,
    ledger: FakeLedger,
    line: int,
    bucket: Bucket | None,
    expected: dict[str, int],
) -> None:
    async with pool.acquire() as connection:
        await pay(connection, [Paid("1", "1000001", 1000)])
        await take_in(connection, qiwi(qiwi_row("1", "1000001", line)), "osmp")
        (case,) = await cases(connection)
    await settled(pool, ledger, case, Decision(Action.ACCEPT, "комиссия", bucket=bucket))
    assert await buckets(pool, case.registry_id) == expected
    assert await paid_to(pool, "1000001") == 1000


async def test_more_than_a_rouble_is_no_rounding(pool: Pool, ledger: FakeLedger) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 1500))
    with pytest.raises(NotAllowed, match="меньше рубля"):
        await settled(pool, ledger, case, Decision(Action.ACCEPT, "мелочь", bucket=Bucket.ROUNDING))


async def test_match_ties_the_line_to_the_chosen_candidate(pool: Pool, ledger: FakeLedger) -> None:
    async with pool.acquire() as connection:
        first, second, other = await pay(
            connection,
            [
                Paid("1", "1000001", 1000),
                Paid("2", "1000001", 1000),
                Paid("3", "1000001", 1001),
            ],
        )
    case = await only_case(pool, pack_row("77", "1000001", 1000))
    assert case.details["candidates"] == [first, second]
    with pytest.raises(NotAllowed, match="Сумма"):
        await settled(pool, ledger, case, Decision(Action.MATCH, "она", payment_id=other))
    done = await settled(pool, ledger, case, Decision(Action.MATCH, "она", payment_id=second))
    assert (done.outcome, done.payment_id) == ("matched", second)
    assert await buckets(pool, case.registry_id) == {"already_online": 1000}


async def test_a_payment_is_not_matched_to_a_second_line(pool: Pool, ledger: FakeLedger) -> None:
    async with pool.acquire() as connection:
        (payment,) = await pay(connection, [Paid("1", "1000001", 1000)])
    rows = [pack_row("77", "1000001", 1000), pack_row("78", "1000001", 1000)]
    case = await only_case(pool, *rows)
    with pytest.raises(NotAllowed, match="другой строке"):
        await settled(pool, ledger, case, Decision(Action.MATCH, "она", payment_id=payment))
    assert (await PostgresCases(pool).case(case.mismatch_id)).version == case.version


async def test_the_second_of_two_people_gets_a_conflict(pool: Pool, ledger: FakeLedger) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 1500))
    await settled(pool, ledger, case, Decision(Action.RETURN, "вернули"))
    with pytest.raises(Conflict) as conflict:
        await settled(pool, ledger, case, Decision(Action.POST, "касса"), "boris")
    assert conflict.value.case.decided_by == "anna"
    assert ledger.orders == []


async def test_of_two_people_at_once_one_decides(pool: Pool, ledger: FakeLedger) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 1500))
    results = await asyncio.gather(
        settled(pool, ledger, case, Decision(Action.POST, "касса"), "anna"),
        settled(pool, ledger, case, Decision(Action.RETURN, "вернули"), "boris"),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Case", "Conflict"]
    found = await buckets(pool, case.registry_id)
    assert found == ({"posted": 1500} if await paid_to(pool, "1000001") else {"returned": 1500})


async def test_a_post_whose_answer_was_lost_is_finished_by_repeating_it(
    pool: Pool, ledger: FakeLedger
) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 1500))
    ledger.lose_the_answer = True
    with pytest.raises(OutcomeUnknown):
        await settled(pool, ledger, case, Decision(Action.POST, "касса"))
    case = await PostgresCases(pool).case(case.mismatch_id)
    assert case.proposal is not None
    with pytest.raises(NotAllowed, match="уже исполняется"):
        await settled(pool, ledger, case, Decision(Action.RETURN, "вернули"), "boris")
    done = await settled(pool, ledger, case, Decision(Action.POST, "завершаю"), "boris")
    assert (done.outcome, done.decided_by) == ("posted", "anna")
    assert await paid_to(pool, "1000001") == 1500
    assert await buckets(pool, case.registry_id) == {"posted": 1500}


async def test_a_payment_that_came_online_meanwhile_is_not_posted_again(
    pool: Pool, ledger: FakeLedger
) -> None:
    async with pool.acquire() as connection:
        await take_in(connection, qiwi(qiwi_row("1", "1000001", 1000)), "osmp")
        (case,) = await cases(connection)
        await pay(connection, [Paid("1", "1000001", 1000)])
    await settled(pool, ledger, case, Decision(Action.POST, "есть в реестре"))
    assert await buckets(pool, case.registry_id) == {"already_online": 1000}
    assert await paid_to(pool, "1000001") == 1000


async def test_a_duplicate_that_was_a_second_payment_is_posted_under_a_key_of_its_own(
    pool: Pool, ledger: FakeLedger
) -> None:
    async with pool.acquire() as connection:
        await pay(connection, [Paid("77", "1000001", 1000, agent="bank")])
    row = pack_row("77", "1000001", 1000)
    case = await only_case(pool, row, row)
    assert case.kind is Kind.DUPLICATE_LINE
    await settled(pool, ledger, case, Decision(Action.POST, "платёж был вторым"))
    assert await paid_to(pool, "1000001") == 2000
    assert await buckets(pool, case.registry_id) == {"already_online": 1000, "posted": 1000}


async def test_above_the_limit_two_people_decide(pool: Pool, ledger: FakeLedger) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 150_000))
    store, post = PostgresCases(pool), Decision(Action.POST, "касса")

    async def decided(case: Case, actor: str) -> Case:
        return await decide(
            store,
            ledger,
            mismatch_id=case.mismatch_id,
            version=case.version,
            decision=post,
            actor=actor,
            second_person_above=Money(100_000),
        )

    proposed = await decided(case, "anna")
    assert (proposed.state, proposed.proposed_by) == (State.ASSIGNED, "anna")
    assert ledger.orders == []
    with pytest.raises(SecondPersonNeeded):
        await decided(proposed, "anna")
    done = await decided(proposed, "boris")
    assert (done.decided_by, done.confirmed_by, done.outcome) == ("anna", "boris", "posted")
    assert await paid_to(pool, "1000001") == 150_000


async def test_a_case_is_taken_given_back_and_closed(pool: Pool, ledger: FakeLedger) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 1500))
    store = PostgresCases(pool)
    taken = await take(store, mismatch_id=case.mismatch_id, version=case.version, actor="anna")
    assert (taken.state, taken.assignee) == (State.ASSIGNED, "anna")
    with pytest.raises(Conflict):
        await take(store, mismatch_id=case.mismatch_id, version=case.version, actor="boris")
    back = await release(store, mismatch_id=case.mismatch_id, version=taken.version, actor="anna")
    assert (back.state, back.assignee) == (State.OPEN, "")
    with pytest.raises(NotAllowed):
        await close(store, mismatch_id=case.mismatch_id, version=back.version, actor="anna")
    done = await settled(pool, ledger, back, Decision(Action.RETURN, "вернули"))
    closed = await close(store, mismatch_id=case.mismatch_id, version=done.version, actor="anna")
    assert closed.state is State.CLOSED
    assert closed.decisions == frozenset()


async def test_a_registry_closes_when_every_case_is_done(pool: Pool, ledger: FakeLedger) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 1500))
    async with pool.acquire() as connection:
        with pytest.raises(NotAllowed, match="разобраны"):
            await close_registry(connection, case.registry_id, "petr")
        await settled(pool, ledger, case, Decision(Action.RETURN, "вернули"))
        assert (await registry(connection, case.registry_id)).state == "resolved"
        assert await close_registry(connection, case.registry_id, "petr") == 1
        closed = await registry(connection, case.registry_id)
        assert (closed.state, closed.closed_by) == ("closed", "petr")
        with pytest.raises(NotAllowed, match="уже закрыт"):
            await close_registry(connection, case.registry_id, "olga")
        with pytest.raises(LookupError):
            await close_registry(connection, 999, "petr")


async def test_who_decided_or_brought_it_in_does_not_close_a_registry(
    pool: Pool, ledger: FakeLedger
) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 1500))
    await settled(pool, ledger, case, Decision(Action.RETURN, "вернули"), actor="olga")
    async with pool.acquire() as connection:
        brought_in = (await registry(connection, case.registry_id)).imported_by
        decided = (await PostgresCases(pool).case(case.mismatch_id)).decided_by
        assert (brought_in, decided) == ("anna", "olga")
        for person in (brought_in, decided):
            with pytest.raises(SecondPersonNeeded):
                await close_registry(connection, case.registry_id, person)
        assert (await registry(connection, case.registry_id)).state == "resolved"


async def test_a_registry_without_cases_is_closed_too(pool: Pool) -> None:
    async with pool.acquire() as connection:
        summary = await take_in(connection, pack(), "bank")
        assert summary.registry_id is not None
        assert await close_registry(connection, summary.registry_id, "petr") == 0
        assert (await registry(connection, summary.registry_id)).state == "closed"


async def test_a_decision_needs_a_reason_and_what_it_speaks_of(
    pool: Pool, ledger: FakeLedger
) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 1500))
    for decision in (
        Decision(Action.POST, " "),
        Decision(Action.ASSIGN, "x"),
        Decision(Action.MATCH, "x"),
        Decision(Action.ACCEPT, "x", bucket=Bucket.POSTED),
    ):
        with pytest.raises(NotAllowed):
            await settled(pool, ledger, case, decision)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_can_be_decided(kind: Kind) -> None:
    assert DECISIONS_OF[kind] & DECISIONS


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", Action)
def test_what_is_done_stays_done(state: State, action: Action) -> None:
    after = TRANSITIONS.get((state, action))
    if state is State.RESOLVED:
        assert after in (None, State.CLOSED)
    if state is State.CLOSED:
        assert after is None


async def test_the_database_knows_no_decided_case_without_an_outcome(pool: Pool) -> None:
    case = await only_case(pool, pack_row("77", "1000001", 1500))
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(
            "update recon.mismatches set state = 'resolved' where id = $1", case.mismatch_id
        )


def test_a_proposal_is_the_same_decision_whatever_its_reason() -> None:
    decision = Decision(Action.ASSIGN, "a", "1000001")
    assert replace(decision, reason="b").same_as(decision.json())
    assert not replace(decision, account="2").same_as(decision.json())
