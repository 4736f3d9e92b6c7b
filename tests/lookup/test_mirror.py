"""What the sync says to have applied stands in Redis, whatever was refused meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import pytest
import redis

from server.lookup import merge
from server.lookup.fleet import Fleet, NodesChangedError
from server.lookup.link import packed
from server.lookup.mirror import Mirror
from server.lookup.place import Place
from server.lookup.pulse import Pulse
from server.lookup.snapshot import join

SYSTEM = "7000000000000000001/1"
CHANGE = {b"a:1004217": join(1, 1, b"", 1, b"")}


@pytest.fixture
async def fleet(valkey_url: str) -> AsyncIterator[Fleet]:
    async with aclosing(await Fleet.open(Place.from_url(valkey_url))) as fleet:
        yield fleet


def node(fleet: Fleet) -> Mirror:
    assert fleet.alone
    return fleet.alone


async def test_a_refused_merge_is_never_noted_as_applied(valkey_url: str, fleet: Fleet) -> None:
    """Somebody may load the scripts again between the merge and the note that follows it."""
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
        client.script_flush()
        await fleet.merge(CHANGE)
        load = node(fleet).take(packed("SCRIPT", "LOAD", merge.SCRIPTS[2]), asking=False)
        noted = fleet.applied(1, 100, SYSTEM)
        await load
        with pytest.raises(NodesChangedError):
            await noted
        assert client.get("a:1004217") is None
        assert (await node(fleet).marks()).applied is None


async def test_nor_is_what_comes_after_a_refusal_that_everybody_has_heard_of(
    valkey_url: str, fleet: Fleet
) -> None:
    """Whoever waited for the merge, the copy or the feed: no note may pass it by."""
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
        client.script_flush()
        await fleet.merge(CHANGE)
        with pytest.raises(NodesChangedError):
            await fleet.settle()
        await node(fleet).take(packed("SCRIPT", "LOAD", merge.SCRIPTS[2]), asking=False)
        with pytest.raises(NodesChangedError):
            await fleet.applied(1, 100, SYSTEM)
        assert (await node(fleet).marks()).applied is None
        assert fleet.changed.is_set(), "the term ends, and the next one begins where it was"


async def test_what_was_merged_is_noted_as_applied(fleet: Fleet) -> None:
    await fleet.merge(CHANGE)
    await fleet.applied(1, 100, SYSTEM)
    applied = (await node(fleet).marks()).applied
    assert applied is not None
    assert applied.lsn == 100


async def test_a_beat_that_went_with_everything_else_is_not_made_anew(
    valkey_url: str, fleet: Fleet
) -> None:
    """It would vouch for whatever the stream writes next, which is of the past."""
    mirror = node(fleet)
    beat = replace(Pulse(fleet).beat, epoch=1, run_id=mirror.run_id)
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
        mirror.has_beat, mirror.is_believed = False, True
        await mirror.beat(beat)
        assert client.exists(mirror.names.beat)
        client.flushall()
        for _ in range(2):
            await mirror.beat(replace(beat, at_ms=1))
            assert not client.exists(mirror.names.beat)
        assert not mirror.is_believed
        assert mirror.missing
        mirror.has_beat = False  # somebody knows again what stands there
        await mirror.beat(replace(beat, at_ms=2))
        assert client.exists(mirror.names.beat)
        client.flushall()
        mirror.may_be_complete = False  # keys may be evicted, this one too
        await mirror.beat(replace(beat, at_ms=3))
        assert client.exists(mirror.names.beat)
