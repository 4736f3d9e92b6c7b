"""Deciding cases in tests: a ledger that posts at once, and short ways to decide and to look."""

from __future__ import annotations

import datetime as dt

from server.messages import Payment, PaymentState
from server.payments.ports import Move, Order, OutcomeUnknown, Posted, Result
from server.reconciliation.mismatches import Case, Decision
from server.reconciliation.resolution import decide
from server.sealing import FileSealer
from server.storage.ledger import PostgresLedger
from server.storage.mismatches import PostgresCases, cases
from server.storage.registries import registry
from tests.reconciliation.conftest import Pool
from tests.reconciliation.town import pack, take_in


class FakeLedger:
    """Posts straight into the test's database; can be told to fail once afterwards."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.orders: list[Order] = []
        self.lose_the_answer = False
        self.closed_days: set[dt.date] = set()

    async def post(self, order: Order) -> Posted:
        self.orders.append(order)
        row = await self._pool.fetchrow(
            "select outcome, coalesce(payment_id, numbers[1]) as payment_id, recorded_at"
            " from ledger.post_payments(true, array[$1], array[$2], array[$3],"
            " array[$4::bigint], array[$5::timestamptz], array[$6::date], array[$7],"
            " array[jsonb_build_object('registry_line', $8::bigint)])"
            " where outcome <> 'lane' order by place nulls last",
            order.agent,
            order.agent_payment_id,
            order.account,
            order.amount.kopecks,
            order.paid_at,
            order.business_day,
            order.fingerprint,
            order.registry_line,
        )
        assert row is not None
        if self.lose_the_answer:
            self.lose_the_answer = False
            raise OutcomeUnknown("lost")
        if row["payment_id"] is None:
            return Posted(Result(row["outcome"]))
        payment = Payment(
            row["payment_id"],
            order.agent,
            order.agent_payment_id,
            order.account,
            order.amount,
            order.paid_at,
            row["recorded_at"],
            PaymentState.CREDITED,
            row["recorded_at"],
        )
        return Posted(Result(row["outcome"]), payment)

    async def move(self, move: Move) -> Posted:
        posted = await PostgresLedger(self._pool, {}, FileSealer(bytes(32))).move(move)
        if self.lose_the_answer:
            self.lose_the_answer = False
            raise OutcomeUnknown("lost")
        return posted

    async def next_open_day(self, agent: str, day: dt.date) -> dt.date:
        while day in self.closed_days:
            day += dt.timedelta(days=1)
        return day


async def only_case(pool: Pool, *rows: str, agent: str = "bank") -> Case:
    """Import a pack and return its one case."""
    async with pool.acquire() as connection:
        await take_in(connection, pack(*rows), agent)
        (case,) = await cases(connection)
    return case


async def settled(
    pool: Pool, ledger: FakeLedger, case: Case, decision: Decision, actor: str = "anna"
) -> Case:
    return await decide(
        PostgresCases(pool),
        ledger,
        mismatch_id=case.mismatch_id,
        version=case.version,
        decision=decision,
        actor=actor,
    )


async def buckets(pool: Pool, registry_id: int) -> dict[str, int]:
    async with pool.acquire() as connection:
        found = await registry(connection, registry_id)
    assert sum(found.buckets.values()) == found.computed_total_kopecks
    return dict(found.buckets)


async def paid_to(pool: Pool, account: str) -> int:
    paid: int = await pool.fetchval(
        "select advance from ledger.account_paid where account = $1", account
    )
    return paid
