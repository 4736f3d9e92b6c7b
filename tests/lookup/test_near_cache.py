"""The near cache on real servers: never a stale answer, never a false "no such account"."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest
from structlog.testing import capture_logs

from server.embedded import EmbeddedPostgres, EmbeddedValkey
from server.lookup.accounts import NearCache
from server.lookup.session import BEAT_WITHIN_SECONDS
from server.refusals import Refused
from tests.lookup.world import FIRST, World, add_accounts, eventually, kopecks_owed

ACCOUNT = str(FIRST)


async def trusted(cache: NearCache, account: str = ACCOUNT) -> None:
    """Until a second question is answered from memory."""

    async def at_hand() -> bool:
        await cache.find(account)
        return cache.get(account) is not None

    await eventually(at_hand)


async def test_the_second_question_is_answered_from_memory(world: World) -> None:
    async with world.syncing(), world.near_caches() as (cache,):
        await trusted(cache)
        before = cache.counters()
        view = cache.get(ACCOUNT)
        assert view is not None
        assert view.debt.kopecks == 10000
        assert view.holder == "И*** И. И."
        assert [(each.service, each.name) for each in view.services] == [("water", "Холодная вода")]
        after = cache.counters()
        assert after["hits"] == before["hits"] + 1
        assert after["fetches"] == before["fetches"]
        assert cache.can_answer()
        assert cache.lag_seconds() == pytest.approx(0, abs=1)


async def test_questions_of_one_turn_are_one_round_trip(world: World) -> None:
    async with world.syncing(), world.near_caches() as (cache,):
        numbers = [str(FIRST + number) for number in range(1000)]
        owed = await asyncio.gather(*(kopecks_owed(cache, number) for number in numbers))
        assert owed == [10000] * 1000
        assert cache.counters()["database_lookups"] == 0


async def test_a_change_evicts_the_account_and_nothing_else(world: World) -> None:
    async with world.syncing(), world.near_caches() as (cache,):
        await trusted(cache)
        await trusted(cache, "1000002")
        await world.charge(ACCOUNT, 5)

        async def evicted() -> bool:
            return cache.get(ACCOUNT) is None

        assert await eventually(evicted) < 1
        assert cache.get("1000002") is not None
        assert await kopecks_owed(cache, ACCOUNT) == 10005


async def test_an_unknown_account_is_known_to_be_unknown_until_it_is_created(
    world: World,
) -> None:
    async with world.syncing(), world.near_caches() as (cache,):
        await trusted(cache)
        assert await cache.find("5000001") is None
        before = cache.counters()["fetches"]
        assert await cache.find("5000001") is None
        assert cache.counters()["fetches"] == before
        assert cache.counters()["database_lookups"] == 0
        await add_accounts(world.connection, 5000001, 1)

        async def there() -> bool:
            return await cache.find("5000001") is not None

        assert await eventually(there) < 1


@pytest.mark.parametrize(
    "number", ["~beat", "~complete", "", "1" * 31, "1 2", "1\n2", "1\u00a02", "1\u20282", "\ud800"]
)
async def test_what_cannot_be_a_number_is_no_account(world: World, number: str) -> None:
    async with world.syncing(), world.near_caches() as (cache,):
        assert cache.get(number) is None
        assert await cache.find(number) is None


async def test_without_a_sync_postgresql_answers(world: World) -> None:
    async with world.near_caches() as (cache,):
        assert await kopecks_owed(cache, ACCOUNT) == 10000
        assert await kopecks_owed(cache, "5000001") is None
        assert cache.counters()["database_lookups"] == 2
        assert not cache.can_answer()


async def test_lookups_in_postgresql_are_gathered(world: World) -> None:
    async with world.near_caches() as (cache,):
        numbers = [str(FIRST + number % 500) for number in range(2000)]
        owed = await asyncio.gather(*(kopecks_owed(cache, number) for number in numbers))
        assert owed == [10000] * 2000
        assert cache.counters()["database_lookups"] <= 1000


async def test_a_published_payment_is_seen_by_every_worker_at_once(world: World) -> None:
    async with world.syncing(), world.near_caches(3) as caches:
        for cache in caches:
            await trusted(cache)
        for paid in range(1, 200):
            await caches[paid % 3].publish([await world.pay(ACCOUNT, 1)])
            seen = [cache.get(ACCOUNT) for cache in caches]
            assert {view.debt.kopecks for view in seen if view} <= {10000 - paid}
            assert [await kopecks_owed(cache, ACCOUNT) for cache in caches] == [10000 - paid] * 3


async def test_a_payment_is_seen_although_the_feed_stands_still(world: World) -> None:
    async with world.syncing():
        pass
    async with world.near_caches(2) as (one, two):
        assert await kopecks_owed(one, ACCOUNT) == 10000
        await one.publish([await world.pay(ACCOUNT, 7)])
        assert await kopecks_owed(two, ACCOUNT) == 9993
        assert two.counters()["database_lookups"] == 0


async def test_what_redis_did_not_take_is_read_from_postgresql_until_the_feed_brings_it(
    own_world: World, own_valkey: EmbeddedValkey
) -> None:
    async with own_world.near_caches(2) as (one, two):
        async with own_world.syncing():
            await trusted(one)
            await trusted(two)
        own_valkey_pid = int((await own_world.redis.info("server"))["process_id"])
        os.kill(own_valkey_pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            await one.publish([await own_world.pay(ACCOUNT, 7)])
            assert time.monotonic() - started < 0.5
            assert [await kopecks_owed(cache, ACCOUNT) for cache in (one, two)] == [9993, 9993]
            assert one.counters()["failed_writes"] == 1
        finally:
            os.kill(own_valkey_pid, signal.SIGCONT)
        # The merge that timed out may still be done now; before the feed nobody relies on it.
        assert [await kopecks_owed(cache, ACCOUNT) for cache in (one, two)] == [9993, 9993]
        async with own_world.syncing():

            async def unpinned() -> bool:
                owed = [await kopecks_owed(cache, ACCOUNT) for cache in (one, two)]
                assert owed == [9993, 9993]
                return one.counters()["pins"] == two.counters()["pins"] == 0

            await eventually(unpinned)


async def test_without_postgresql_a_payment_is_shown_as_soon_as_redis_has_it_after_all(
    own_world: World, own_postgres: EmbeddedPostgres
) -> None:
    """Its write failed when it was answered, and PostgreSQL died before the feed brought it."""
    async with own_world.near_caches(2) as caches:
        async with own_world.syncing():
            for cache in caches:
                await trusted(cache)
        await own_world.redis.config_set("maxmemory", 1)
        lane = await own_world.pay(ACCOUNT, 7)
        await caches[0].publish([lane])
        assert caches[0].counters()["failed_writes"] == 1
        await asyncio.to_thread(own_postgres.kill)
        for cache in caches:
            with pytest.raises(Refused, match="TRY_LATER"):
                await cache.find(ACCOUNT)
        await own_world.redis.config_set("maxmemory", 0)
        await caches[0].publish([lane])
        assert [await kopecks_owed(cache, ACCOUNT) for cache in caches] == [9993, 9993]


async def test_a_worker_that_starts_later_knows_what_redis_did_not_take(world: World) -> None:
    async with world.syncing():
        pass
    from server.lookup.pins import Pins
    from server.lookup.ring import Ring

    ring = Ring.create(1)
    ring.lane(0).append(ACCOUNT, 1 << 62)
    pins = Pins()
    pins.pin_everything(ring.pinned_until())
    assert ACCOUNT in pins


async def test_a_payment_posted_under_an_old_epoch_is_not_taken_for_written(world: World) -> None:
    """The copy may have read the row before the payment: only the feed brings it then."""
    async with world.syncing(), world.near_caches() as (cache,):
        await trusted(cache)
        lane = await world.pay(ACCOUNT, 7)
        old = await world.redis.get(f"a:{ACCOUNT}")
    newer = (int.from_bytes(old[:4], "big") + 1).to_bytes(4, "big")
    await world.redis.set(f"a:{ACCOUNT}", newer + old[4:8] + b"\0\0\0\1" + old[12:])
    async with world.near_caches() as (cache,):
        await cache.publish([lane])
        assert cache.counters()["failed_writes"] == 1
        assert await kopecks_owed(cache, ACCOUNT) == 9993


async def test_a_flush_under_load_gives_no_final_not_found(world: World) -> None:
    numbers = [str(FIRST + number) for number in range(1000)]
    async with world.syncing(), world.near_caches(2) as caches:
        await trusted(caches[0])
        wrong: list[str] = []
        asked = 0

        async def ask_on(cache: NearCache, offset: int) -> None:
            nonlocal asked
            while True:
                for number in numbers[offset::7]:
                    if await cache.find(number) is None:
                        wrong.append(number)
                    asked += 1
                    await asyncio.sleep(0)

        askers = [
            asyncio.create_task(ask_on(cache, offset)) for cache in caches for offset in range(7)
        ]
        for _ in range(3):
            await world.redis.flushall()
            await asyncio.sleep(0.05)
            await eventually(world.is_complete)
            await asyncio.sleep(0.05)
        await world.redis.flushdb()
        await eventually(world.is_complete)
        for task in askers:
            task.cancel()
        outcomes = await asyncio.gather(*askers, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        assert wrong == []
        assert asked > 1000


async def test_silence_of_the_sync_ends_trust_but_not_answers(world: World) -> None:
    async with world.near_caches() as (cache,):
        async with world.syncing():
            await trusted(cache)
        await asyncio.sleep(BEAT_WITHIN_SECONDS + 0.2)
        assert cache.get(ACCOUNT) is None
        assert await kopecks_owed(cache, ACCOUNT) == 10000
        assert cache.counters()["database_lookups"] == 0
        assert cache.get(ACCOUNT) is None, "what is read in silence is not kept"
        async with world.syncing():
            await trusted(cache)


async def test_a_redis_process_that_the_sync_has_not_filled_is_not_believed(world: World) -> None:
    """As after a restart from an old dump: every key is there, and of the past."""
    async with world.syncing():
        pass
    for key in ("a:~beat", "a:~complete"):
        text = (await world.redis.get(key)).decode().split(" ")
        text[2 if key == "a:~beat" else 1] = "0" * 40
        await world.redis.set(key, " ".join(text))
    await world.charge(ACCOUNT, 5)
    async with world.near_caches() as (cache,):
        assert await kopecks_owed(cache, ACCOUNT) == 10005
        assert await kopecks_owed(cache, "5000001") is None
        assert cache.counters()["database_lookups"] == 2


async def test_values_below_the_present_epoch_are_not_believed(world: World) -> None:
    async with world.syncing():
        pass
    beat = await world.beat()
    assert beat is not None
    text = (await world.redis.get("a:~beat")).decode().split(" ")
    await world.redis.set("a:~beat", " ".join([str(beat.epoch + 1), *text[1:]]))
    await world.charge(ACCOUNT, 5)
    async with world.near_caches() as (cache,):
        assert await kopecks_owed(cache, ACCOUNT) == 10005
        assert await kopecks_owed(cache, "5000001") is None
        assert cache.counters()["database_lookups"] == 2


async def test_damage_in_redis_is_read_around(world: World) -> None:
    async with world.syncing(), world.near_caches() as (cache,):
        await trusted(cache, "1000002")
        value = await world.redis.get(f"a:{ACCOUNT}")
        another_format = value[:14] + b"\x20" + value[15:]
        with capture_logs() as said:
            for damaged in (value[:40], b"x", value[:14] + b"\xff" * 50, another_format):
                await world.redis.set(f"a:{ACCOUNT}", damaged)
                assert await kopecks_owed(cache, ACCOUNT) == 10000
        named = {line["account"] for line in said if "account" in line}
        assert named == {f"***{ACCOUNT[-3:]}"}


async def test_a_service_that_billing_has_just_added_is_learnt(world: World) -> None:
    async with world.syncing(), world.near_caches() as (cache,):
        await trusted(cache)
        await world.connection.execute(
            "insert into billing.services (code, name, supplier) values ('lift', 'Лифт', 1)"
        )
        await world.charge(ACCOUNT, 5, "lift")

        async def shown() -> bool:
            view = await cache.find(ACCOUNT)
            assert view is not None
            return [each.name for each in view.services] == ["Холодная вода", "Лифт"]

        assert await eventually(shown) < 2


async def test_a_lost_connection_drops_what_came_over_it(world: World) -> None:
    async with world.syncing(), world.near_caches() as (cache,):
        await trusted(cache)
        await world.redis.client_kill_filter(_type="normal", skipme=True)
        for _ in range(200):
            owed = await kopecks_owed(cache, ACCOUNT)
            assert owed == 10000
            await asyncio.sleep(0.005)
        await trusted(cache)
        assert cache.counters()["sessions"] >= 2


async def test_a_hung_redis_is_given_up_within_a_fraction_of_a_second(
    own_world: World, own_valkey: EmbeddedValkey
) -> None:
    async with own_world.syncing(), own_world.near_caches() as (cache,):
        await trusted(cache)
        pid = int((await own_world.redis.info("server"))["process_id"])
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(BEAT_WITHIN_SECONDS)
            started = time.monotonic()
            assert await kopecks_owed(cache, "1000002") == 10000
            assert time.monotonic() - started < 0.5
            started = time.monotonic()
            assert await kopecks_owed(cache, "1000003") == 10000
            assert time.monotonic() - started < 0.1
        finally:
            os.kill(pid, signal.SIGCONT)
        started = time.monotonic()
        await trusted(cache)
        assert time.monotonic() - started < 5


async def test_a_redis_that_hangs_from_the_start_keeps_nobody_waiting(
    own_world: World, own_valkey: EmbeddedValkey
) -> None:
    pid = int((await own_world.redis.info("server"))["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        async with own_world.near_caches() as (cache,):
            assert await kopecks_owed(cache, ACCOUNT) == 10000
            assert time.monotonic() - started < 3
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_sync_silent_for_long_sends_checks_to_postgresql_first(
    own_world: World, own_postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.lookup.session._SILENCE_MAX_SECONDS", 1.0)
    async with own_world.near_caches() as (cache,):
        async with own_world.syncing():
            await trusted(cache)
        await own_world.charge(ACCOUNT, 5)
        await asyncio.sleep(1.1)
        assert await kopecks_owed(cache, ACCOUNT) == 10005
        async with own_world.near_caches() as (later,):
            assert await kopecks_owed(later, ACCOUNT) == 10005, "the silence began before it"
        # With PostgreSQL away nothing can be committed: Redis is as new as it gets.
        await asyncio.to_thread(own_postgres.kill)
        assert await kopecks_owed(cache, "1000002") == 10000


async def test_with_postgresql_away_checks_go_on_and_unknown_things_are_tried_later(
    own_world: World, own_postgres: EmbeddedPostgres
) -> None:
    async with own_world.syncing(), own_world.near_caches() as (cache,):
        await trusted(cache)
        await asyncio.to_thread(own_postgres.kill)
        await asyncio.sleep(BEAT_WITHIN_SECONDS + 0.5)
        assert await kopecks_owed(cache, ACCOUNT) == 10000
        await trusted(cache, "1000002")
        assert await cache.find("5000001") is None
        await own_world.redis.delete("a:~complete")
        await own_world.redis.delete("a:1000003")
        with pytest.raises(Refused, match="TRY_LATER"):
            await cache.find("1000003")
