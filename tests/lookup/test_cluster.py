"""Redis as a cluster: the same answers as from one server."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from server.lookup import sync
from server.lookup.marks import ACCOUNT
from server.lookup.parts import slot_of_number
from server.lookup.slots import slot_of, tag_of
from tests.lookup.cluster_load import STRANGERS
from tests.lookup.cluster_town import ACCOUNTS, accounts_on, at_hand, epochs, is_equal
from tests.lookup.valkey_cluster import Member, ValkeyCluster
from tests.lookup.world import FIRST, World, add_accounts, eventually, kopecks_owed


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

        await eventually(shown)
        assert cache.counters()["database_lookups"] == before


async def test_questions_of_one_turn_are_one_round_trip_to_each_node(
    town: World, valkeys: ValkeyCluster
) -> None:
    async with town.syncing(), town.near_caches() as (cache,):
        await at_hand(cache, [accounts_on(member)[0] for member in valkeys.primaries])
        lookups = cache.counters()["database_lookups"]
        numbers = [str(FIRST + number) for number in range(ACCOUNTS)]

        async def few_reads() -> bool:
            """A batch is one read, not one for each account; but others read meanwhile, too."""
            for number in numbers:
                cache.evict(number)
            before = [reads(member) for member in valkeys.primaries]
            await asyncio.gather(*(kopecks_owed(cache, number) for number in numbers))
            after = [reads(member) for member in valkeys.primaries]
            are_few = []
            for member, then, now in zip(valkeys.primaries, before, after, strict=True):
                assert now[1] - then[1] >= len(accounts_on(member))
                are_few.append(now[0] - then[0] < 60)
            return all(are_few)

        await eventually(few_reads)
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
        written = [33 * 3 - cache.counters()["failed_writes"] for cache in caches]
        assert min(written) > 0, "an answer waits for Redis for some milliseconds only"


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

        await eventually(there)


async def test_a_key_is_claimed_once_for_all_workers(town: World) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    async with town.syncing(), town.near_caches(2) as (one, two):
        for number in range(30):
            assert await one.claim(f"osmp:{number}", soon)
            assert not await two.claim(f"osmp:{number}", soon)
    assert await town.connection.fetchval("select count(*) from ledger.replay_key") == 30


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


async def test_a_node_that_has_shown_no_beat_yet_is_not_believed(
    town: World, valkeys: ValkeyCluster
) -> None:
    """It may have been asleep while another one took its slots."""
    async with town.syncing():
        await epochs(valkeys)
    await town.charge(str(FIRST), 5)
    async with town.near_caches() as (cache,):
        assert await kopecks_owed(cache, str(FIRST)) == 10005
        assert cache.counters()["database_lookups"] == 1
        assert not cache.can_answer()
