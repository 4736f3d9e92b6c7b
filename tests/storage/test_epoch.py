"""Every timeline of PostgreSQL has an epoch of its own: versions of a lost one are nobody's."""

from __future__ import annotations

import asyncio

from server.payments.ports import Result
from server.sealing import FileSealer
from server.storage.connection import lent, open_pool
from server.storage.ledger import PostgresLedger
from tests.storage.conftest import Pool
from tests.storage.test_posting import ORDER

EPOCH = "select epoch from ledger.epoch"
FAILED_OVER = "update ledger.epoch set timeline = timeline + 1"
"""What a standby that has taken over finds: the row of the primary that it followed."""


async def test_on_one_timeline_the_epoch_stays(database_dsn: str, pool: Pool) -> None:
    before = await pool.fetchval(EPOCH)
    for _ in range(3):
        async with open_pool(database_dsn, 2) as fresh, lent(fresh) as connection:
            assert await connection.fetchval(EPOCH) == before


async def test_whoever_comes_first_after_a_failover_raises_the_epoch_once(
    database_dsn: str, pool: Pool
) -> None:
    before = await pool.fetchval(EPOCH)
    await pool.execute(FAILED_OVER)

    async def see(fresh: Pool) -> int:
        async with lent(fresh) as connection:
            epoch: int = await connection.fetchval(EPOCH)
        return epoch

    async with open_pool(database_dsn, 8) as fresh:
        assert set(await asyncio.gather(*(see(fresh) for _ in range(8)))) == {before + 1}


async def test_the_first_payment_after_a_failover_is_of_the_new_epoch(
    database_dsn: str, pool: Pool
) -> None:
    before = await pool.fetchval(EPOCH)
    await pool.execute(FAILED_OVER)
    async with open_pool(database_dsn, 2) as fresh:
        ledger = PostgresLedger(fresh, {}, FileSealer(bytes(32)))
        posted = await ledger.post(ORDER)
        assert posted.result is Result.ACCEPTED
        assert posted.lane is not None
        assert posted.lane.epoch == before + 1
        await ledger.finish()
