"""What the janitor notices in an office: one sum twice, a terminal that is too fast."""

from __future__ import annotations

import asyncio
import datetime as dt

import asyncpg

from server.money import Money
from server.payments.ports import Order
from server.storage.ledger import PostgresLedger
from server.storage.suspicions import Suspicions
from tests.api.premises import DAY, NoSealer

FAST = 34
"""Payments of one terminal at once; thirty a minute are usual."""


async def notice(dsn: str) -> None:
    """An account is paid through both agents, and terminal 4417 takes many payments at once."""
    async with asyncpg.create_pool(dsn, min_size=1, max_size=4) as pool:
        ledger = PostgresLedger(pool, {}, NoSealer())
        step = Suspicions()
        async with pool.acquire() as connection:
            await step.step(connection)
        paid_at = dt.datetime.combine(DAY, dt.time(9, 30), dt.UTC)
        twice = [
            Order(agent, f"7100{place}", "1000005", Money(231_575), paid_at, DAY)
            for place, agent in enumerate(("osmp", "bank"))
        ]
        for order in twice:
            await ledger.post(order)
        await asyncio.gather(
            *(
                ledger.post(
                    Order(
                        "osmp",
                        f"7200{n}",
                        "1000004",
                        Money(1_00 + n),
                        paid_at,
                        DAY,
                        terminal="4417",
                    )
                )
                for n in range(FAST)
            )
        )
        async with pool.acquire() as connection:
            await step.step(connection)
        await ledger.finish()
