"""Redis as a cluster: the same answers, whatever happens to its nodes and slots."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial

import asyncpg
import pytest

from server.lookup import sync
from server.lookup.accounts import NearCache
from server.lookup.marks import ACCOUNT, Beat, Names
from server.lookup.parts import slot_of_number
from server.lookup.slots import slot_of, tag_of
from tests.lookup.cluster_load import STRANGERS, load
from tests.lookup.valkey_cluster import Member, ValkeyCluster, cluster
from tests.lookup.world import FIRST, World, add_accounts, eventually, kopecks_owed, settle
from tests.servers import short_directory

ACCOUNTS = 300


@pytest.fixture
def valkeys() -> Iterator[ValkeyCluster]:
    """Three primaries."""
    with short_directory() as directory, cluster(directory) as running:
        yield running


@pytest.fixture
def replicated() -> Iterator[ValkeyCluster]:
    """Three primaries and a replica of each."""
    with short_directory() as directory, cluster(directory, replicas=True) as running:
        yield running


async def _world(dsn: str, url: str) -> AsyncIterator[World]:
    connection = await asyncpg.connect(dsn)
    await settle(connection, ACCOUNTS)
    yield World(dsn, url, connection, None)
    connection.terminate()


@pytest.fixture
async def town(database_dsn: str, valkeys: ValkeyCluster) -> AsyncIterator[World]:
    """A town on three primaries."""
    async for world in _world(database_dsn, valkeys.url):
        yield world


@pytest.fixture
async def safe_town(database_dsn: str, replicated: ValkeyCluster) -> AsyncIterator[World]:
    """A town on three primaries with replicas."""
    async for world in _world(database_dsn, replicated.url):
        yield world


def accounts_on(member: Member) -> list[str]:
    """Numbers of the town whose keys lie on the node."""
    slots = member.view()["127.0.0.1", member.port].slots
    numbers = (str(FIRST + number) for number in range(ACCOUNTS))
    return [number for number in numbers if slot_of_number(number) in slots]


def epoch_on(member: Member) -> int:
    """As its beat says."""
    beat = member.client.get(Names.on(member.view()["127.0.0.1", member.port]).beat)
    return Beat.parse(beat).epoch if beat else 0


async def epochs(valkeys: ValkeyCluster) -> list[int]:
    """Of every node, once each was shown a beat."""

    async def all_beat() -> bool:
        return all(map(epoch_on, valkeys.primaries))

    await eventually(all_beat)
    return [epoch_on(member) for member in valkeys.primaries]


async def at_hand(cache: NearCache, numbers: list[str]) -> float:
    """Until all of them are answered from memory."""

    async def all_are() -> bool:
        await asyncio.gather(*map(cache.find, numbers))
        return all(cache.get(number) is not None for number in numbers)

    return await eventually(all_are)


async def is_equal(world: World) -> bool:
    """Whether Redis is what PostgreSQL says; not while the cluster is down."""
    try:
        return await world.is_equal()
    except OSError:
        return False


async def in_thread(work: Callable[[], object]) -> None:
    """Without stopping the load."""
    await asyncio.to_thread(work)


@pytest.mark.parametrize("number", ["1004217", "{", "{}1", "1{2}3", "a{b}{c}", "é{1}"])
def test_an_account_is_looked_for_where_its_key_lies(number: str) -> None:
    assert slot_of_number(number) == slot_of(ACCOUNT + number.encode())


async def test_every_account_stands_on_its_node(town: World, valkeys: ValkeyCluster) -> None:
    async with town.syncing():
        counts = await sync.verify(town.dsn, town.redis_url)
        assert counts == {"accounts": ACCOUNTS, "missing": 0, "stale": 0, "extra": 0}
        for member in valkeys.primaries:
            found = {key.decode()[2:] for key in member.client.scan_iter("a:1*")}
            assert found == set(accounts_on(member))
            assert found


async def test_changes_reach_workers_from_every_node(town: World, valkeys: ValkeyCluster) -> None:
    async with town.syncing(), town.near_caches() as (cache,):
        numbers = [accounts_on(member)[0] for member in valkeys.primaries]
        await at_hand(cache, numbers)
        before = cache.counters()["database_lookups"]
        for number in numbers:
            await town.charge(number, 5)

        async def shown() -> bool:
            return [await kopecks_owed(cache, number) for number in numbers] == [10005] * 3

        assert await eventually(shown) < 1
        assert cache.counters()["database_lookups"] == before


async def test_questions_of_one_turn_are_one_round_trip_to_each_node(
    town: World, valkeys: ValkeyCluster
) -> None:
    async with town.syncing(), town.near_caches() as (cache,):
        await at_hand(cache, [accounts_on(member)[0] for member in valkeys.primaries])
        before = [reads(member) for member in valkeys.primaries]
        lookups = cache.counters()["database_lookups"]
        numbers = [str(FIRST + number) for number in range(ACCOUNTS)]
        await asyncio.gather(*(kopecks_owed(cache, number) for number in numbers))
        for member, (wakes, gets) in zip(valkeys.primaries, before, strict=True):
            wakes_after, gets_after = reads(member)
            assert gets_after - gets >= len(accounts_on(member)) - 1
            assert wakes_after - wakes < 60, "a batch is one read, not one for each account"
        assert cache.counters()["database_lookups"] == lookups


def reads(member: Member) -> tuple[int, int]:
    """How often the node has read from its sockets, and how many GETs it has done."""
    stats = member.client.info("stats")
    gets = member.client.info("commandstats").get("cmdstat_get", {"calls": 0})
    return int(stats["total_reads_processed"]), int(gets["calls"])


async def test_a_published_payment_is_seen_by_every_worker_at_once(
    town: World, valkeys: ValkeyCluster
) -> None:
    async with town.syncing(), town.near_caches(3) as caches:
        numbers = [accounts_on(member)[0] for member in valkeys.primaries]
        for cache in caches:
            await at_hand(cache, numbers)
        for paid in range(1, 100):
            await caches[paid % 3].publish([await town.pay(number, 1) for number in numbers])
            for cache in caches:
                owed = [await kopecks_owed(cache, number) for number in numbers]
                assert owed == [10000 - paid] * 3
        assert [cache.counters()["failed_writes"] for cache in caches] == [0, 0, 0]


async def test_an_unknown_account_is_known_to_be_unknown_until_it_is_created(town: World) -> None:
    async with town.syncing(), town.near_caches() as (cache,):
        await at_hand(cache, [str(FIRST + number) for number in range(20)])
        lookups = cache.counters()["database_lookups"]
        assert [await cache.find(number) for number in STRANGERS] == [None] * len(STRANGERS)
        before = cache.counters()
        assert [await cache.find(number) for number in STRANGERS] == [None] * len(STRANGERS)
        assert cache.counters()["fetches"] == before["fetches"]
        assert before["database_lookups"] == lookups
        await add_accounts(town.connection, int(STRANGERS[0]), len(STRANGERS))

        async def there() -> bool:
            return None not in [await cache.find(number) for number in STRANGERS]

        assert await eventually(there) < 1


async def test_a_key_is_claimed_once_for_all_workers(town: World) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    async with town.syncing(), town.near_caches(2) as (one, two):
        for number in range(30):
            assert await one.claim(f"osmp:{number}", soon)
            assert not await two.claim(f"osmp:{number}", soon)
    assert await town.connection.fetchval("select count(*) from ledger.replay_key") == 0


async def test_a_sync_that_comes_back_copies_nothing_again(
    town: World, valkeys: ValkeyCluster
) -> None:
    async with town.syncing():
        before = await epochs(valkeys)
    await town.charge(str(FIRST), 5)
    async with town.syncing():
        await eventually(lambda: is_equal(town))
        assert await epochs(valkeys) == before


async def test_a_rebuild_raises_the_epoch_on_every_node(
    town: World, valkeys: ValkeyCluster
) -> None:
    async with town.syncing():
        before = await epochs(valkeys)
        stray = accounts_on(valkeys.primaries[1])[0]
        valkeys.primaries[1].client.set(f"a:{stray}", "junk")
        await sync.rebuild(town.dsn, town.redis_url)
        assert await town.is_equal()
        after = await epochs(valkeys)
        assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1]


async def test_what_is_wrong_on_any_node_is_counted(town: World, valkeys: ValkeyCluster) -> None:
    async with town.syncing():
        first, second, _ = valkeys.primaries
        missing, stale = accounts_on(first)[:2]
        extra = tag_of(slot_of_number(accounts_on(second)[0])).decode()
        value = first.client.get(f"a:{stale}")
        first.client.delete(f"a:{missing}")
        first.client.set(f"a:{stale}", value[:7] + b"\x09" + value[8:])
        second.client.set(f"a:{{{extra}}}", value)
        counts = await sync.verify(town.dsn, town.redis_url)
    assert counts == {"accounts": ACCOUNTS, "missing": 1, "stale": 1, "extra": 1}


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
            assert await eventually(lambda: is_equal(town)) < 10
        assert going.later == 0
        assert await epochs(valkeys) == before
        await at_hand(caches[1], numbers)


async def _is(condition: Callable[[], bool]) -> bool:
    return condition()


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
        second.run("CLUSTER", "SETSLOT", slot, "IMPORTING", first.id)
        first.run("CLUSTER", "SETSLOT", slot, "MIGRATING", second.id)
        keys = first.run("CLUSTER", "GETKEYSINSLOT", slot, 100)
        password = first.client.connection_pool.connection_kwargs["password"]
        words = ("MIGRATE", "127.0.0.1", second.port, "", 0, 5000, "AUTH", password)
        first.run(*words, "KEYS", *keys)
        assert first.client.dbsize() > 0
        for paid in range(1, 20):
            await one.publish([await town.pay(account, 1)])
            assert [await kopecks_owed(each, account) for each in (one, two)] == [10000 - paid] * 2
            assert await two.find(stranger) is None
        assert one.counters()["failed_writes"] == 0
        await town.charge(account, 100)

        async def shown() -> bool:
            return await kopecks_owed(two, account) == 10000 - 19 + 100

        await eventually(shown)
        for member in (second, first):
            member.run("CLUSTER", "SETSLOT", slot, "NODE", second.id)
        await eventually(lambda: is_equal(town))
        await at_hand(one, [account])


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
