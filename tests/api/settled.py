"""An office in which payments were laid over charges: two months, an advance, one not yet."""

from __future__ import annotations

import asyncpg

from server.money import Money
from server.payments.ports import Action, Move, Order
from server.storage.allocator import Allocator
from server.storage.ledger import PostgresLedger
from tests.api.premises import DAY, NoSealer, at

ACCOUNT = "1000005"
PAID = 500_000
OWED = (("water", 45_010), ("heating", 98_030), ("water", 161_725), ("heating", 161_725))
"""By the service's place in the bill, the month before first."""


async def settle(dsn: str) -> list[int]:
    """Numbers of three payments: settled and ahead, cancelled, not laid over charges yet."""
    async with asyncpg.create_pool(dsn, min_size=1, max_size=4) as pool:
        await pool.execute(
            "insert into billing.charges (account, service, period, amount_kopecks)"
            " select $1, s, (date_trunc('month', now()) - interval '1 month')::date, k"
            " from unnest($2::text[], $3::bigint[]) u(s, k)",
            ACCOUNT,
            [service for service, _ in OWED[:2]],
            [kopecks for _, kopecks in OWED[:2]],
        )
        ledger = PostgresLedger(pool, {}, NoSealer())
        paid = [await _pay(ledger, "8001", PAID), await _pay(ledger, "8002", 10_000)]
        await _allocate(pool)
        await ledger.move(
            Move(
                Action.CANCEL,
                "bank",
                DAY,
                payment_id=paid[1],
                actor="bank",
                reason="ошибка кассира",
            )
        )
        await _allocate(pool)
        paid.append(await _pay(ledger, "8003", 7_777))
        await ledger.finish()
    return paid


async def _pay(ledger: PostgresLedger, number: str, kopecks: int) -> int:
    posted = await ledger.post(
        Order("bank", number, ACCOUNT, Money(kopecks), at(9, 30), DAY, terminal="ОСБ 8047")
    )
    assert posted.payment is not None
    return posted.payment.payment_id


async def _allocate(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    allocator = Allocator()
    async with pool.acquire() as connection:
        while await allocator.step(connection):
            pass
