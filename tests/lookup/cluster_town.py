"""What tests of a town on a cluster ask and wait for."""

from __future__ import annotations

import asyncio

from server.lookup.accounts import NearCache
from server.lookup.marks import Beat, Names
from server.lookup.parts import slot_of_number
from tests.lookup.valkey_cluster import Member, ValkeyCluster
from tests.lookup.world import FIRST, World, eventually

ACCOUNTS = 300


def accounts_on(member: Member) -> list[str]:
    """Numbers of the town whose keys lie on the node."""
    slots = member.view()[member.address].slots
    numbers = (str(FIRST + number) for number in range(ACCOUNTS))
    return [number for number in numbers if slot_of_number(number) in slots]


def epoch_on(member: Member) -> int:
    """As its beat says."""
    beat = member.client.get(Names.on(member.view()[member.address]).beat)
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
