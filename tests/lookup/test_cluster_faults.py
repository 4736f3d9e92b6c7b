"""A cluster whose nodes die, sleep and forget, and whose slots move, under load."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from functools import partial

import pytest

from server.lookup.marks import Applied, Names
from server.lookup.parts import slot_of_number
from server.lookup.slots import tag_of
from tests.lookup.cluster_load import STRANGERS, load
from tests.lookup.cluster_town import ACCOUNTS, accounts_on, at_hand, epoch_on, epochs, is_equal
from tests.lookup.valkey_cluster import ValkeyCluster
from tests.lookup.world import FIRST, World, add_accounts, eventually, kopecks_owed


async def in_thread(work: Callable[[], object]) -> None:
    """Without stopping the load."""
    await asyncio.to_thread(work)


async def _is(condition: Callable[[], bool]) -> bool:
    return condition()


async def test_one_node_flushed_under_load_is_filled_alone(
    town: World, valkeys: ValkeyCluster
) -> None:
    async with town.syncing(), town.near_caches(2) as caches:
        numbers = [str(FIRST + number) for number in range(ACCOUNTS)]
        await at_hand(caches[0], numbers)
        before = await epochs(valkeys)
        async with load(town, caches, ACCOUNTS) as going:
            for _ in range(3):
                await in_thread(valkeys.primaries[1].client.flushall)
                await asyncio.sleep(0.3)
                await eventually(lambda: is_equal(town))
        assert going.later == 0
        assert await epochs(valkeys) == before
        await at_hand(caches[1], numbers)


async def test_connections_to_one_node_cut_under_load_hide_no_change(
    town: World, valkeys: ValkeyCluster
) -> None:
    node = valkeys.primaries[1]
    async with town.syncing(), town.near_caches(2) as caches:
        numbers = [str(FIRST + number) for number in range(ACCOUNTS)]
        await at_hand(caches[0], numbers)
        before = await epochs(valkeys)
        async with load(town, caches, ACCOUNTS) as going:
            cuts = 0
            while cuts < 20 or caches[0].counters()["sessions"] <= 5:
                assert cuts < 200
                await in_thread(partial(node.client.client_kill_filter, _type="normal"))
                await asyncio.sleep(0.1)
                cuts += 1
            await eventually(lambda: is_equal(town))
        assert going.later == 0
        assert await epochs(valkeys) == before
        await at_hand(caches[1], numbers)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_node_that_restarts_empty_is_filled_alone(
    town: World, valkeys: ValkeyCluster, how: str
) -> None:
    node = valkeys.primaries[2]
    async with town.syncing(), town.near_caches(2) as caches:
        numbers = [str(FIRST + number) for number in range(ACCOUNTS)]
        await at_hand(caches[0], numbers)
        before = await epochs(valkeys)
        async with load(town, caches, ACCOUNTS) as going:
            await in_thread(getattr(node.server, how))
            await asyncio.sleep(0.5)
            node.server.start()
            await eventually(lambda: is_equal(town))
        assert going.later == 0
        assert await epochs(valkeys) == before
        await at_hand(caches[1], numbers)


async def test_a_failover_under_load_gives_no_wrong_answer(
    safe_town: World, replicated: ValkeyCluster
) -> None:
    node = replicated.primaries[0]
    async with safe_town.syncing(), safe_town.near_caches(2) as caches:
        numbers = [str(FIRST + number) for number in range(ACCOUNTS)]
        await at_hand(caches[0], numbers)
        before = epoch_on(replicated.primaries[1])
        lost = accounts_on(node)
        async with load(safe_town, caches, ACCOUNTS) as going:
            await in_thread(node.server.kill)
            await eventually(lambda: _is(lambda: replicated.replicas[0].is_primary))
            await eventually(lambda: is_equal(safe_town))
            await at_hand(caches[1], lost)
        assert going.later == 0
        assert epoch_on(replicated.primaries[1]) == before
        await at_hand(caches[0], numbers)


async def test_a_replica_that_missed_payments_is_not_believed_when_it_is_promoted(
    safe_town: World, replicated: ValkeyCluster
) -> None:
    node, replica = replicated.primaries[0], replicated.replicas[0]
    async with safe_town.syncing(), safe_town.near_caches(2) as caches:
        numbers = [str(FIRST + number) for number in range(ACCOUNTS)]
        await at_hand(caches[0], numbers)
        async with load(safe_town, caches, ACCOUNTS) as going:
            replica.client.config_set("masterauth", "no longer right")
            node.client.client_kill_filter(_type="replica")
            before = going.payments
            await eventually(lambda: _is(lambda: going.payments > before + 50))
            await in_thread(node.server.kill)
            await eventually(lambda: _is(lambda: replica.is_primary))
            await at_hand(caches[1], accounts_on(replica))
            await eventually(lambda: is_equal(safe_town))
        assert going.later == 0
        await at_hand(caches[0], numbers)


async def test_a_primary_that_wakes_up_after_its_failover_is_not_believed(
    safe_town: World, replicated: ValkeyCluster
) -> None:
    node = replicated.primaries[1]
    async with safe_town.syncing(), safe_town.near_caches(2) as caches:
        numbers = [str(FIRST + number) for number in range(ACCOUNTS)]
        await at_hand(caches[0], numbers)
        async with load(safe_town, caches, ACCOUNTS) as going:
            pid = node.server.pid
            assert pid
            os.kill(pid, signal.SIGSTOP)
            try:
                await eventually(lambda: _is(lambda: replicated.replicas[1].is_primary))
                await eventually(lambda: is_equal(safe_town))
                await asyncio.sleep(0.5)
            finally:
                os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(1)
            await eventually(lambda: is_equal(safe_town))
        assert going.later == 0
        await at_hand(caches[0], numbers)


async def test_slots_migrated_under_load_take_nothing_with_them_that_is_wrong(
    town: World, valkeys: ValkeyCluster
) -> None:
    """Key by key, as redis-cli and valkey-cli do it; the marks' own slot among them."""
    first, second, _ = valkeys.primaries
    slots = [0, 1, 2, *sorted(slot_of_number(number) for number in accounts_on(first)[:20])]
    async with town.syncing(), town.near_caches(2) as caches:
        numbers = [str(FIRST + number) for number in range(ACCOUNTS)]
        await at_hand(caches[0], numbers)
        before = epoch_on(second)
        async with load(town, caches, ACCOUNTS) as going:
            for slot in dict.fromkeys(slots):
                await in_thread(partial(valkeys.migrate, slot, first, second))
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.5)
            await eventually(lambda: is_equal(town))
        assert going.later == 0
        assert epoch_on(first) == epoch_on(second) == before, "nothing was copied"
        await at_hand(caches[0], numbers)
        counters = caches[0].counters()["database_lookups"]
        assert await caches[0].find(STRANGERS[0]) is None
        assert caches[0].counters()["database_lookups"] == counters, "every node is complete again"


async def test_a_slot_half_way_through_its_migration_is_read_and_written(
    town: World, valkeys: ValkeyCluster
) -> None:
    first, second, _ = valkeys.primaries
    account = accounts_on(first)[0]
    slot = slot_of_number(account)
    stranger = f"{{{tag_of(slot).decode()}}}9"
    assert slot_of_number(stranger) == slot
    async with town.syncing(), town.near_caches(2) as (one, two):
        await at_hand(one, [account])
        valkeys.begin_migration(slot, first, second)
        assert first.client.dbsize() > 0
        paid = 0

        async def was_written() -> bool:
            """Not every time: an answer waits for Redis for some milliseconds only."""
            nonlocal paid
            before = one.counters()["failed_writes"]
            await one.publish([await town.pay(account, 1)])
            paid += 1
            assert [await kopecks_owed(each, account) for each in (one, two)] == [10000 - paid] * 2
            assert await two.find(stranger) is None
            return one.counters()["failed_writes"] == before

        await eventually(was_written)
        await town.charge(account, 100)

        async def shown() -> bool:
            return await kopecks_owed(two, account) == 10000 - paid + 100

        await eventually(shown)
        valkeys.end_migration(slot, first, second)
        await eventually(lambda: is_equal(town))
        await at_hand(one, [account])


async def test_a_change_that_looks_for_its_node_is_applied_nowhere_yet(
    town: World, valkeys: ValkeyCluster
) -> None:
    """A successor of this sync would believe such a note, and so would the workers."""
    first, second, _ = valkeys.primaries
    account = accounts_on(first)[0]
    slot = slot_of_number(account)
    async with town.syncing():
        valkeys.begin_migration(slot, first, second)
        second.run("CLIENT", "PAUSE", 600_000, "WRITE")
        await town.charge(account, 100)
        charged_at = await town.connection.fetchval("select pg_current_wal_insert_lsn() - '0/0'")

        async def was_sent_away() -> bool:
            return "errorstat_ASK" in first.client.info("errorstats")

        await eventually(was_sent_away)
        await asyncio.sleep(0.5)
        applied = Applied.parse(first.client.get(Names.on(first.view()[first.address]).applied))
        assert applied.lsn < charged_at
    second.run("CLIENT", "UNPAUSE")
    valkeys.end_migration(slot, first, second)
    async with town.syncing():
        await eventually(lambda: is_equal(town))


async def test_what_is_sent_to_a_node_that_has_just_lost_the_slot_is_led_on(
    town: World, valkeys: ValkeyCluster
) -> None:
    target, source, _ = valkeys.primaries  # in the other direction the marks would move as well
    async with town.syncing(), town.near_caches() as (cache,):
        accounts = accounts_on(source)[:10]
        await at_hand(cache, accounts)
        lookups = cache.counters()["database_lookups"]
        for account in accounts:
            # Neither the sync nor the worker can hear of it: this test has their loop.
            valkeys.migrate(slot_of_number(account), source, target)
            cache.evict(account)
            assert await kopecks_owed(cache, account) == 10000
            await town.charge(account, 100)
        assert cache.counters()["database_lookups"] == lookups
        assert "errorstat_MOVED" in source.client.info("errorstats")
        await eventually(lambda: is_equal(town))


async def test_what_was_held_of_a_slot_is_not_believed_when_the_slot_comes_back(
    town: World, valkeys: ValkeyCluster
) -> None:
    """What came into being meanwhile was told by the other node, of its own part of memory."""
    first, second, _ = valkeys.primaries
    slots = first.view()[first.address].slots
    stranger = next(number for number in STRANGERS if slot_of_number(number) in slots)
    slot = slot_of_number(stranger)
    async with town.syncing(), town.near_caches() as (cache,):
        await at_hand(cache, accounts_on(first))
        assert await cache.find(stranger) is None
        valkeys.migrate(slot, first, second)
        await asyncio.sleep(2)  # the worker has seen it too
        await add_accounts(town.connection, int(stranger), 1)

        async def is_there() -> bool:
            return await cache.find(stranger) is not None

        await eventually(is_there)
        valkeys.migrate(slot, second, first)
        for _ in range(200):
            assert await is_there()
            await asyncio.sleep(0.01)


async def test_slots_migrated_at_once_under_load_take_nothing_with_them_that_is_wrong(
    town: World, valkeys: ValkeyCluster
) -> None:
    """As Valkey 9 moves whole ranges by itself."""
    first, second, _ = valkeys.primaries
    async with town.syncing(), town.near_caches(2) as caches:
        numbers = [str(FIRST + number) for number in range(ACCOUNTS)]
        await at_hand(caches[0], numbers)
        before = epoch_on(second)
        async with load(town, caches, ACCOUNTS) as going:
            for start in (0, 1000, 2000):
                await in_thread(partial(valkeys.migrate_at_once, start, start + 999, first, second))
                await asyncio.sleep(0.2)
            await asyncio.sleep(0.5)
            await eventually(lambda: is_equal(town))
        assert going.later == 0
        assert epoch_on(first) == epoch_on(second) == before
        await at_hand(caches[0], numbers)
