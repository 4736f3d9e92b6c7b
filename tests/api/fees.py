"""A bank tells its fees: with one file, then others with a second."""

from __future__ import annotations

import asyncpg

from server.money import Money
from server.payments.ports import Order
from server.storage.ledger import PostgresLedger
from server.storage.registries import import_registry
from tests.api.premises import DAY, NoSealer, at
from tests.reconciliation.town import sber

ROWS = (("8101", "1000001", 231_575), ("8102", "1000004", 150_000), ("8103", "1000005", 99_990))
"""operation, account, kopecks: paid online before."""


async def tell_fees(dsn: str) -> None:
    """One per cent is kept back; of the last payment a second file says one and a half."""
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        ledger = PostgresLedger(pool, {}, NoSealer())
        for number, account, kopecks in ROWS:
            await ledger.post(Order("bank", number, account, Money(kopecks), at(9, 30), DAY))
        await ledger.finish()
        fees = [(*row, row[2] // 100) for row in ROWS]
        number, account, kopecks, fee = fees[-1]
        async with pool.acquire() as connection:
            for place, rows in enumerate((fees, [(number, account, kopecks, fee * 3 // 2)]), 1):
                upload = sber(*rows, day=DAY, number=place)
                await import_registry(connection, upload, agent="bank", actor="accountant")
