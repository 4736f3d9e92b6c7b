"""Whether a payer's words about services count is up to each supplier, and may change."""

from __future__ import annotations

import datetime as dt

import asyncpg

from server.agent_book import AgentBook
from server.messages import Part
from server.money import Money
from server.payments.ports import Order
from server.sealing import FileSealer
from server.storage.connection import open_pool
from server.storage.ledger import PostgresLedger
from tests.storage.town import settle

SEALER = FileSealer(bytes(32))
PAID_AT = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)


async def test_a_part_counts_as_long_as_the_supplier_heeds_what_payers_say(
    database_dsn: str,
) -> None:
    connection = await asyncpg.connect(database_dsn)
    await settle(connection)
    book = AgentBook(database_dsn, SEALER)
    await book.read(connection)
    assert book.service_ids == {"water": 1, "heating": 2}
    async with open_pool(database_dsn, 3) as pool:
        ledger = PostgresLedger(pool, book.service_ids, SEALER)
        parts = (Part("water", Money(30)),)
        order = Order("osmp", "1", "1000001", Money(100), PAID_AT, PAID_AT.date(), parts)
        heeded = await ledger.post(order)
        assert heeded.lane is not None
        assert (heeded.lane.paid, heeded.lane.advance) == ((30,), 70)
        await connection.execute("update billing.suppliers set allocation_rule = 'pro_rata'")
        await book.read(connection)
        assert book.service_ids == {}
        money = Order("osmp", "2", "1000001", Money(100), PAID_AT, PAID_AT.date(), parts)
        posted = await ledger.post(money)
        assert posted.lane is not None
        assert (posted.lane.paid, posted.lane.advance) == ((30,), 170)
        # What the payer said is the payment's content all the same.
        assert (await ledger.post(money)).result.value == "repeated"
        await ledger.finish()
    await connection.close()
