"""The sync on real servers: Redis follows PostgreSQL, whoever leads and whatever comes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from server.lookup import sync
from server.lookup.batch import KEYS_MAX
from server.lookup.leadership import why_fill
from server.lookup.marks import SERVICES, Applied, Complete, read_services
from server.lookup.mirror import Marks
from server.lookup.slot import Position
from tests.lookup.workers import SyncProcess
from tests.lookup.world import FIRST, World, add_accounts, charged, eventually, is_slot_free

ACCOUNT = str(FIRST)


async def test_redis_holds_every_account_when_the_sync_says_ready(world: World) -> None:
    async with world.syncing():
        counts = await sync.verify(world.dsn, world.redis_url)
    assert counts == {"accounts": 1000, "missing": 0, "stale": 0, "extra": 0}


async def test_a_charge_inserted_by_sql_shows_in_redis_at_once(world: World) -> None:
    async with world.syncing():
        assert await charged(world) == 10000
        await world.charge(ACCOUNT, 5)

        async def shown() -> bool:
            return await charged(world) == 10005

        await eventually(shown)


async def test_with_the_sync_stopped_redis_stays_as_it_is_and_catches_up_later(
    world: World,
) -> None:
    async with world.syncing():
        pass
    await world.charge(ACCOUNT, 5)
    await asyncio.sleep(0.5)
    assert await charged(world) == 10000
    before = await world.beat()
    async with world.syncing():

        async def shown() -> bool:
            return await charged(world) == 10005

        await eventually(shown)
        after = await world.beat()
    assert before is not None
    assert after is not None
    assert after.epoch == before.epoch, "a stop and a start must not copy everything again"


async def test_accounts_come_and_go(world: World) -> None:
    async with world.syncing():
        await add_accounts(world.connection, 5000001, 3)
        await world.charge("5000001", 7)

        async def came() -> bool:
            return await charged(world, "5000001") == 7

        await eventually(came)
        for table in ("account_billed", "account_paid"):
            await world.connection.execute(
                f"delete from ledger.{table} where account in ('5000001', '5000002')"
            )

        async def gone() -> bool:
            return not await world.redis.exists("a:5000001", "a:5000002")

        await eventually(gone)
        assert await world.redis.exists("a:5000003")
        # Created anew it begins with version 1 again, which must not count as old.
        await world.connection.execute(
            "insert into ledger.account_billed (account, state, holder, address)"
            " values ('5000001', 'active', 'x', 'y');"
            "insert into ledger.account_paid (account) values ('5000001')"
        )

        async def came_again() -> bool:
            return await charged(world, "5000001") == 0

        await eventually(came_again)


async def test_one_transaction_may_change_everything(world: World) -> None:
    async with world.syncing():
        await world.connection.execute(
            "insert into billing.charges (account, service, period, amount_kopecks)"
            " select a.number, s.code, '2026-10-01', 100"
            " from billing.accounts a, billing.services s, generate_series(1, 10)"
        )
        await eventually(world.is_equal)
        assert await charged(world) == 10000 + 3 * 10 * 100


async def test_many_accounts_are_written_by_few_calls_however_they_come(world: World) -> None:
    """A busy PostgreSQL gives the copy and the feed a few rows at a time."""

    async def calls() -> int:
        stats = await world.redis.info("commandstats")
        return int(stats.get("cmdstat_mset", {"calls": 0})["calls"])

    before = await calls()
    async with world.syncing():
        assert await calls() - before <= 1000 / KEYS_MAX + 1
        before = await calls()
        await world.connection.execute(
            "insert into billing.charges (account, service, period, amount_kopecks)"
            " select number, 'water', '2026-11-01', 5 from billing.accounts"
        )
        await eventually(world.is_equal)
        assert await calls() - before <= 1000 / KEYS_MAX + 1


async def test_a_truncated_table_empties_redis(world: World) -> None:
    async with world.syncing():
        await world.connection.execute("truncate ledger.account_billed, ledger.account_paid")

        async def empty() -> bool:
            return await world.is_complete() and not await world.redis.exists(f"a:{ACCOUNT}")

        await eventually(empty)
        await eventually(world.is_equal)


async def test_leftovers_of_an_earlier_epoch_are_swept(world: World) -> None:
    async with world.syncing():
        value = await world.redis.get(f"a:{ACCOUNT}")
    await world.redis.set("a:7777777", value)
    await world.redis.set("a:8888888", "junk")
    async with world.syncing():
        await sync.rebuild(world.dsn, world.redis_url)
        assert not await world.redis.exists("a:7777777", "a:8888888")


async def test_an_epoch_that_went_back_with_a_restored_database_is_overtaken(
    world: World,
) -> None:
    async with world.syncing():
        await sync.rebuild(world.dsn, world.redis_url)
        await sync.rebuild(world.dsn, world.redis_url)
    before = await world.beat()
    await world.connection.execute("update ledger.epoch set epoch = 1")
    await world.connection.execute(
        "update ledger.account_billed set version = 1, charged = '{5}' where account = $1", ACCOUNT
    )
    async with world.syncing():
        await eventually(world.is_complete)
        after = await world.beat()
        assert before is not None
        assert after is not None
        assert after.epoch > before.epoch
        assert await charged(world) == 5
        assert await world.is_equal()


APPLIED = Applied(5, 1000, "run", "system/1")
COMPLETE = Complete(5, "run", "slot")
POSITION = Position(confirmed_lsn=900, current_lsn=1100, system="system/1", epoch=5)


@pytest.mark.parametrize(
    ("marks", "position", "reason"),
    [
        (Marks(None, COMPLETE, APPLIED), POSITION, ""),
        (Marks(None, replace(COMPLETE, format=99), APPLIED), POSITION, "another format"),
        (Marks(None, None, APPLIED), POSITION, "does not say"),
        (Marks(None, COMPLETE, None), POSITION, "does not say"),
        (Marks(None, COMPLETE, replace(APPLIED, run_id="other")), POSITION, "restarted"),
        (Marks(None, replace(COMPLETE, run_id="other"), APPLIED), POSITION, "another epoch"),
        (Marks(None, replace(COMPLETE, slot="other"), APPLIED), POSITION, "another epoch"),
        (Marks(None, COMPLETE, APPLIED), replace(POSITION, epoch=6), "another epoch"),
        (Marks(None, COMPLETE, APPLIED), replace(POSITION, system="system/2"), "timeline"),
        (Marks(None, COMPLETE, APPLIED), replace(POSITION, confirmed_lsn=1001), "behind the slot"),
        (Marks(None, COMPLETE, APPLIED), replace(POSITION, current_lsn=999), "ahead of PostgreSQL"),
    ],
)
def test_redis_is_gone_on_with_only_if_nothing_can_have_been_missed(
    marks: Marks, position: Position, reason: str
) -> None:
    said = why_fill(marks, position, replace(COMPLETE, epoch=position.epoch))
    assert reason in said
    assert bool(said) == bool(reason)


async def test_rebuild_is_done_by_the_running_sync(world: World) -> None:
    async with world.syncing():
        await world.redis.set(f"a:{ACCOUNT}", "junk")
        await sync.rebuild(world.dsn, world.redis_url)
        assert await world.is_equal()


async def test_rebuild_works_when_nobody_leads(world: World) -> None:
    async with world.syncing():
        pass
    await world.redis.flushall()
    await sync.rebuild(world.dsn, world.redis_url)
    assert await world.is_equal()
    await eventually(lambda: is_slot_free(world))


async def test_who_stands_in_begins_one_epoch_and_ends_it(world: World) -> None:
    """Also where nothing was missing; begun twice, the second one would be left unfinished."""
    async with world.syncing():
        pass
    await add_accounts(world.connection, 5000001, 30000)
    for epoch in (3, 4):
        await sync.rebuild(world.dsn, world.redis_url)
        assert await world.is_equal()
        assert await world.connection.fetchval("select epoch from ledger.epoch") == epoch


async def test_two_syncs_share_the_work_and_one_takes_over(world: World) -> None:
    async with world.syncing() as leader, world.syncing():
        await world.charge(ACCOUNT, 5)
        leader.cancel()
        await asyncio.wait([leader])
        await world.charge(ACCOUNT, 5)

        async def shown() -> bool:
            return await charged(world) == 10010

        await eventually(shown)


async def test_a_killed_leader_is_succeeded_although_redis_is_ahead_of_the_slot(
    world: World,
) -> None:
    """What Redis holds is confirmed once a second; a successor must not seem to be behind."""
    process = SyncProcess(world.dsn, world.redis_url)
    for _ in range(20):
        await world.charge(ACCOUNT, 1)

    async def shown() -> bool:
        return await charged(world) == 10020

    await eventually(shown)
    before = await world.beat()
    process.kill()
    async with world.syncing():
        await world.charge(ACCOUNT, 5)

        async def shown_again() -> bool:
            return await charged(world) == 10025

        await eventually(shown_again)
        after = await world.beat()
    assert before is not None
    assert after is not None
    assert after.epoch == before.epoch


async def test_a_row_that_cannot_be_packed_stops_nobody_else(world: World) -> None:
    async with world.syncing():
        await world.connection.execute(
            "update ledger.account_billed set version = version + 1, meters = 'nonsense'"
            " where account = $1",
            ACCOUNT,
        )
        await world.charge("1000002", 5)

        async def shown() -> bool:
            return await charged(world, "1000002") == 10005

        await eventually(shown)
        assert await charged(world) is None


async def test_the_catalogue_stands_in_redis(world: World) -> None:
    async with world.syncing():
        services = read_services(await world.redis.get(SERVICES))
    assert services[2] == ("heating", "Отопление", "Гкал")
