"""What the fast lane takes from memory goes as soon as it may be wrong."""

from __future__ import annotations

import time

from server.accounts import Meter, ServiceNames
from server.lookup.accounts import NearCache
from server.lookup.ready import Pieces
from tests.lookup.world import FIRST, World, eventually

ACCOUNT = str(FIRST)
KEY = ACCOUNT.encode()


def shows_debt(
    holder: str,
    address: str,
    debt: int,
    services: ServiceNames,
    debts: list[int],
    meters: tuple[Meter, ...],
) -> bytes:
    return f"{holder} owes {debt} for {services.names[0]}".encode()


def piece_at_hand(cache: NearCache, pieces: Pieces, number: str = ACCOUNT) -> bytes | None:
    """As the fast lane looks: trust first, then the piece, then the snapshot."""
    if not cache.is_trusted(time.monotonic()):
        return None
    key = number.encode()
    piece = pieces.hot.get(key) or pieces.get(key)
    snapshot = None if piece else cache.at_hand(number)
    return pieces.keep(key, snapshot) if snapshot else piece


async def ready(cache: NearCache) -> Pieces:
    """Pieces, with the account's own among them."""
    pieces = cache.pieces(("test",), shows_debt, False)

    async def there() -> bool:
        await cache.find(ACCOUNT)
        return piece_at_hand(cache, pieces) is not None and KEY in pieces.hot

    await eventually(there)
    return pieces


async def test_a_piece_stands_ready_after_the_second_question(world: World) -> None:
    async with world.syncing(), world.near_caches() as (cache,):
        pieces = await ready(cache)
        assert pieces.hot[KEY] == "И*** И. И. owes 10000 for Холодная вода".encode()
        assert cache.pieces(("test",), shows_debt, False) is pieces


async def test_a_piece_goes_when_the_account_changes(world: World) -> None:
    async with world.syncing(), world.near_caches() as (cache,):
        pieces = await ready(cache)
        await world.charge(ACCOUNT, 5)

        async def renewed() -> bool:
            await cache.find(ACCOUNT)
            return (
                piece_at_hand(cache, pieces) == "И*** И. И. owes 10005 for Холодная вода".encode()
            )

        await eventually(renewed)


async def test_a_published_payment_is_seen_by_the_next_check_of_every_worker(
    world: World,
) -> None:
    async with world.syncing(), world.near_caches(3) as caches:
        all_pieces = [await ready(cache) for cache in caches]
        for paid in range(1, 100):
            for cache, pieces in zip(caches, all_pieces, strict=True):
                await cache.find(ACCOUNT)
                piece_at_hand(cache, pieces)
            await caches[paid % 3].publish([await world.pay(ACCOUNT, 1)])
            wanted = f"И*** И. И. owes {10000 - paid} for Холодная вода".encode()
            for cache, pieces in zip(caches, all_pieces, strict=True):
                assert piece_at_hand(cache, pieces) in (None, wanted)


async def test_without_a_beat_nothing_is_trusted_and_nothing_is_left(world: World) -> None:
    async with world.near_caches() as (cache,):
        async with world.syncing():
            pieces = await ready(cache)

        async def distrusted() -> bool:
            return not cache.is_trusted(time.monotonic())

        assert await eventually(distrusted) < 2
        assert not pieces.hot
        assert cache.at_hand(ACCOUNT) is None


async def test_a_service_that_gets_another_name_is_shown_by_it(world: World) -> None:
    async with world.near_caches() as (cache,):
        async with world.syncing():
            pieces = await ready(cache)
            await world.connection.execute(
                "update billing.services set name = 'Вода холодная' where code = 'water'"
            )

        async def renamed() -> bool:
            await cache.find(ACCOUNT)
            piece = piece_at_hand(cache, pieces)
            return piece is not None and "Вода холодная" in piece.decode()

        async with world.syncing():  # which reads the services first
            await eventually(renamed)


async def test_with_room_for_no_account_redis_is_asked_every_time(world: World) -> None:
    async with world.syncing(), world.near_caches(entries_max=0) as (cache,):

        async def trusted() -> bool:
            return cache.is_trusted(time.monotonic())

        await eventually(trusted)
        pieces = cache.pieces(("test",), shows_debt, False)
        for asked in range(1, 6):
            assert await cache.find(ACCOUNT) is not None
            assert cache.counters()["fetches"] == asked
            assert cache.at_hand(ACCOUNT) is None
            assert pieces.keep(KEY, b"") is None
        assert cache.counters()["entries"] == 0


async def test_an_account_that_does_not_exist_is_known_to_be_absent(world: World) -> None:
    async with world.syncing(), world.near_caches() as (cache,):

        async def known() -> bool:
            assert await cache.find("5000001") is None
            return cache.at_hand("5000001") == b""

        await eventually(known)
