"""An agent wants a payment back after its day was closed; by its setting a person decides."""

from __future__ import annotations

import datetime as dt

import asyncpg

from server.payments.ports import Action, AfterClose, Move, Result
from server.storage.ledger import PostgresLedger
from tests.api.premises import DAY, NoSealer


async def ask_back(dsn: str) -> None:
    """The agent's first payment."""
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        await pool.execute("update ledger.business_day set closed_at = now()")
        key = await pool.fetchval(
            "select agent_payment_id from ledger.payment where agent = 'osmp' order by payment_id"
        )
        ledger = PostgresLedger(pool, {}, NoSealer())
        day = DAY + dt.timedelta(days=1)
        move = Move(
            Action.CANCEL,
            "osmp",
            day,
            key,
            after_close=AfterClose.PERSON,
            actor="osmp",
            reason="ошибка кассира",
        )
        assert (await ledger.move(move)).result is Result.FORBIDDEN
        await ledger.finish()
