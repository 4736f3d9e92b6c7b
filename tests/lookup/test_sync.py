"""The sync on real servers: Redis follows PostgreSQL, and heals whatever is done to either."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace

import asyncpg
import pytest

from server.embedded import EmbeddedPostgres, EmbeddedValkey
from server.lookup import sync
from server.lookup.leadership import why_fill
from server.lookup.marks import SERVICES, Applied, Complete, read_services
from server.lookup.mirror import Marks
from server.lookup.packing import SnapshotError
from server.lookup.slot import Position
from server.lookup.snapshot import decode
from tests.lookup.workers import SyncProcess
from tests.lookup.world import FIRST, World, add_accounts, eventually

ACCOUNT = str(FIRST)


async def charged(world: World, account: str = ACCOUNT) -> int | None:
    """What Redis says was charged; None = no such key, or nothing readable."""
    value = await world.redis.get(f"a:{account}")
    services = await world.redis.get(SERVICES)
    try:
        view = decode(value, account, read_services(services)) if value else None
    except SnapshotError:
        return None
    return view.charged.kopecks if view else None


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

        assert await eventually(shown) < 1


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


async def test_a_truncated_table_empties_redis(world: World) -> None:
    async with world.syncing():
        await world.connection.execute("truncate ledger.account_billed, ledger.account_paid")

        async def empty() -> bool:
            return await world.is_complete() and not await world.redis.exists(f"a:{ACCOUNT}")

        await eventually(empty)
        await eventually(world.is_equal)


async def test_a_flushed_redis_is_filled_again_under_a_new_epoch(world: World) -> None:
    async with world.syncing():
        before = await world.beat()
        await world.redis.flushall()
        assert await eventually(world.is_complete) < 5
        after = await world.beat()
        assert before is not None
        assert after is not None
        assert after.epoch > before.epoch
        assert await world.is_equal()


async def test_a_redis_flushed_during_the_copy_does_not_count_as_complete(world: World) -> None:
    await add_accounts(world.connection, 5000001, 30000)
    async with world.syncing():
        await eventually(world.is_complete)
        before = await world.beat()
        assert before is not None
        await world.redis.delete("a:~complete")

        async def copying() -> bool:
            beat = await world.beat()
            return beat is not None and beat.epoch > before.epoch

        await eventually(copying)
        await world.redis.flushall()
        await eventually(world.is_complete)
        assert await world.is_equal()


async def test_leftovers_of_an_earlier_epoch_are_swept(world: World) -> None:
    async with world.syncing():
        value = await world.redis.get(f"a:{ACCOUNT}")
    await world.redis.set("a:7777777", value)
    await world.redis.set("a:8888888", "junk")
    async with world.syncing():
        await sync.rebuild(world.dsn, world.redis_url)
        assert not await world.redis.exists("a:7777777", "a:8888888")


async def test_a_lost_slot_is_made_again_and_everything_copied(world: World) -> None:
    async with world.syncing():
        pass
    await eventually(lambda: _is_free(world))
    await world.connection.execute("select pg_drop_replication_slot('kvitok_sync')")
    await world.charge(ACCOUNT, 5)
    async with world.syncing():
        assert await charged(world) == 10005


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


async def test_a_slot_that_postgresql_gave_up_is_made_again(own_world: World) -> None:
    async with own_world.syncing():
        pass
    await own_world.connection.execute("alter system set max_slot_wal_keep_size = '1MB'")
    await own_world.connection.execute("select pg_reload_conf()")
    for _ in range(5):
        await own_world.connection.execute("select pg_switch_wal()")
        await own_world.charge(ACCOUNT, 1)
    await own_world.connection.execute("checkpoint")
    async with own_world.syncing():
        await eventually(own_world.is_complete)
        assert await charged(own_world) == 10005
        await own_world.charge(ACCOUNT, 1)

        async def followed() -> bool:
            return await charged(own_world) == 10006

        await eventually(followed)


async def test_a_redis_that_hangs_is_left_and_found_again(
    own_world: World, own_valkey: EmbeddedValkey
) -> None:
    async with own_world.syncing():
        pid = int((await own_world.redis.info("server"))["process_id"])
        os.kill(pid, signal.SIGSTOP)
        await own_world.charge(ACCOUNT, 5)
        await asyncio.sleep(4)
        os.kill(pid, signal.SIGCONT)

        async def shown() -> bool:
            return await charged(own_world) == 10005

        assert await eventually(shown) < 5


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
    await eventually(lambda: _is_free(world))


async def _is_free(world: World) -> bool:
    held = "select active from pg_replication_slots where slot_name = 'kvitok_sync'"
    return not await world.connection.fetchval(held)


async def test_two_syncs_share_the_work_and_one_takes_over(world: World) -> None:
    async with world.syncing() as leader, world.syncing():
        await world.charge(ACCOUNT, 5)
        leader.cancel()
        await asyncio.wait([leader])
        await world.charge(ACCOUNT, 5)

        async def shown() -> bool:
            return await charged(world) == 10010

        assert await eventually(shown) < 5


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
    started = time.monotonic()
    async with world.syncing():
        await world.charge(ACCOUNT, 5)

        async def shown_again() -> bool:
            return await charged(world) == 10025

        await eventually(shown_again)
        assert time.monotonic() - started < 5
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


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_restarted_valkey_is_filled_within_five_seconds(
    own_world: World, own_valkey: EmbeddedValkey, how: str
) -> None:
    async with own_world.syncing():
        await asyncio.to_thread(getattr(own_valkey, how))
        await own_world.charge(ACCOUNT, 5)
        await asyncio.sleep(0.5)
        own_valkey.start()
        started = time.monotonic()
        await eventually(own_world.is_complete, 10)
        assert time.monotonic() - started < 5
        assert await charged(own_world) == 10005


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_restarted_postgresql_is_followed_again_within_five_seconds(
    own_world: World, own_postgres: EmbeddedPostgres, how: str
) -> None:
    async with own_world.syncing():
        before = await own_world.beat()
        await asyncio.to_thread(getattr(own_postgres, how))
        await asyncio.sleep(0.5)
        while_away = await own_world.beat()
        await asyncio.sleep(0.3)
        later = await own_world.beat()
        assert while_away is not None
        assert later is not None
        assert later.at_ms > while_away.at_ms, "the beat goes on while PostgreSQL is away"
        own_postgres.start()
        connection = await asyncpg.connect(own_world.dsn)
        await connection.execute(
            "insert into billing.charges (account, service, period, amount_kopecks)"
            " values ($1, 'water', '2026-11-01', 5)",
            ACCOUNT,
        )

        async def shown() -> bool:
            return await charged(own_world) == 10005

        assert await eventually(shown, 10) < 5
        after = await own_world.beat()
        assert before is not None
        assert after is not None
        assert after.epoch == before.epoch
        await connection.close()
