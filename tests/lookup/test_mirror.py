"""The sync's connection to a Redis node: what it says to have applied stands there."""

from __future__ import annotations

import pytest
import redis

from server.lookup import merge
from server.lookup.link import Node, RedisRefusedError, packed
from server.lookup.mirror import Mirror
from server.lookup.snapshot import join

SYSTEM = "7000000000000000001/1"


async def test_a_refused_merge_is_never_noted_as_applied(valkey_url: str) -> None:
    """Somebody may load the scripts again between the merge and the note that follows it."""
    mirror = await Mirror.open(Node.from_url(valkey_url))
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
        client.script_flush()
        await mirror.merge({b"a:1004217": join(1, 1, b"", 1, b"")})
        load = mirror.take(packed("SCRIPT", "LOAD", merge.SCRIPTS[2]), asking=False)
        noted = mirror.applied(1, 100, SYSTEM)
        await load
        with pytest.raises(RedisRefusedError, match="NOSCRIPT"):
            await noted
        assert client.get("a:1004217") is None
        assert (await mirror.marks()).applied is None
        with pytest.raises(RedisRefusedError, match="NOSCRIPT"):
            await mirror.settle()
    mirror.abort()


async def test_what_was_merged_is_noted_as_applied(valkey_url: str) -> None:
    mirror = await Mirror.open(Node.from_url(valkey_url))
    await mirror.merge({b"a:1004217": join(1, 1, b"", 1, b"")})
    assert await mirror.applied(1, 100, SYSTEM) == [1]
    applied = (await mirror.marks()).applied
    assert applied is not None
    assert applied.lsn == 100
    mirror.abort()
