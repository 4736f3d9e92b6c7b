"""The merge inside Redis: newer lanes win, older ones are dropped, epochs never mix."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.lookup import merge
from server.lookup.link import Link, Node
from server.lookup.snapshot import join, split

KEY = b"a:1004217"


@pytest.fixture
async def link(valkey_url: str) -> AsyncIterator[Link]:
    link = await Link.connect(Node.from_url(valkey_url))
    for script in merge.SCRIPTS:
        await link.call("SCRIPT", "LOAD", script)
    yield link
    link.abort()


async def merged(link: Link, *values: bytes) -> bytes:
    """What stands there after merging the values one by one into nothing."""
    await link.call("DEL", KEY)
    for value in values:
        await link.ask(merge.merge({KEY: value}))
    stands: bytes = await link.call("GET", KEY)
    return stands


def half(epoch: int, billed: int = 0, paid: int = 0) -> bytes:
    """A value whose halves tell which version they are."""
    return join(
        epoch,
        billed,
        b"billed %d.%d" % (epoch, billed) if billed else b"",
        paid,
        b"paid %d.%d" % (epoch, paid) if paid else b"",
    )


@pytest.mark.parametrize(
    ("old", "new", "stands"),
    [
        (half(1, 5, 5), half(1, 6, 6), half(1, 6, 6)),
        (half(1, 5, 5), half(1, 6, 0), half(1, 6, 5)),
        (half(1, 5, 5), half(1, 0, 6), half(1, 5, 6)),
        (half(1, 5, 5), half(1, 6, 4), half(1, 6, 5)),
        (half(1, 5, 5), half(1, 4, 6), half(1, 5, 6)),
        (half(1, 5, 5), half(1, 4, 5), half(1, 5, 5)),
        (half(1, 5, 0), half(1, 0, 3), half(1, 5, 3)),
        (half(1, 0, 5), half(1, 3, 0), half(1, 3, 5)),
        (half(1, 9, 9), half(2, 1, 1), half(2, 1, 1)),
        (half(1, 9, 9), half(2, 0, 1), half(2, 0, 1)),
        (half(2, 1, 1), half(1, 9, 9), half(2, 1, 1)),
        (half(1, 9, 10), half(1, 10, 9), half(1, 10, 10)),
        (half(255, 1, 1), half(256, 1, 1), half(256, 1, 1)),
        (half(1, 2**32 - 2, 1), half(1, 2**32 - 1, 0), half(1, 2**32 - 1, 1)),
    ],
)
async def test_lane_by_lane_the_newer_stands(
    link: Link, old: bytes, new: bytes, stands: bytes
) -> None:
    assert await merged(link, old, new) == stands


async def test_the_first_value_stands_as_it_is(link: Link) -> None:
    assert await merged(link, half(1, 0, 4)) == half(1, 0, 4)


@pytest.mark.parametrize("junk", [(b"SET", KEY, b"junk"), (b"RPUSH", KEY, b"x")])
async def test_junk_is_replaced(link: Link, junk: tuple[bytes, ...]) -> None:
    await link.call("DEL", KEY)
    await link.call(*junk)
    await link.ask(merge.merge({KEY: half(1, 1, 1)}))
    assert await link.call("GET", KEY) == half(1, 1, 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(1, 2), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=4
    )
)
async def test_the_order_of_arrival_does_not_matter(
    link: Link, steps: list[tuple[int, int, int]]
) -> None:
    results = {await merged(link, *(half(*s) for s in order)) for order in permutations(steps)}
    newest = max(epoch for epoch, _, _ in steps)
    expected = half(
        newest,
        max(billed for epoch, billed, _ in steps if epoch == newest),
        max(paid for epoch, _, paid in steps if epoch == newest),
    )
    assert results == {expected}


@pytest.mark.parametrize(
    ("stands", "given_", "behind"),
    [
        (half(1, 1, 5), half(1, 0, 6), []),
        (half(1, 1, 6), half(1, 0, 6), []),
        (half(1, 1, 7), half(1, 0, 6), []),
        (half(2, 1, 7), half(1, 0, 6), []),
        (half(2, 1, 5), half(1, 0, 6), [2]),
    ],
)
async def test_a_lane_that_redis_does_not_show_afterwards_is_told(
    link: Link, stands: bytes, given_: bytes, behind: list[int]
) -> None:
    await merged(link, stands)
    values = {b"a:1": half(1, 0, 1), KEY: given_}
    assert await link.ask(merge.merge(values)) == behind


async def test_a_batch_merges_each_key_for_itself(link: Link) -> None:
    values = {b"a:%d" % number: half(1, number, number) for number in range(1, 257)}
    await link.ask(merge.merge(values))
    await link.ask(merge.merge({key: half(1, 0, 999) for key in values}))
    for number in (1, 100, 256):
        _, billed_version, billed, paid_version, _ = split(await link.call("GET", f"a:{number}"))
        assert (billed_version, billed, paid_version) == (number, b"billed 1.%d" % number, 999)


async def test_deletion_spares_what_is_newer(link: Link) -> None:
    for key, epoch in (("a:1", 1), ("a:2", 2), ("a:3", 3)):
        await link.call("SET", key, half(epoch, 1, 1))
    await link.call("SET", "a:4", b"junk")
    keys = [b"a:1", b"a:2", b"a:3", b"a:4", b"a:5"]
    assert await link.ask(merge.sweep(keys, 2)) == 2
    assert await link.call("EXISTS", "a:2", "a:3") == 2
    assert await link.ask(merge.delete(keys, 2)) == 1
    assert await link.call("EXISTS", "a:3") == 1


@pytest.mark.parametrize(
    ("stands", "offered", "accepted"),
    [
        (None, b"1 0/5 x", 1),
        (b"1 0/5 run x", b"1 0/5 run y", 1),
        (b"1 0/5 run x", b"1 0/6 run y", 1),
        (b"1 0/5 run x", b"1 0/4 run y", 0),
        (b"1 0/A run x", b"1 0/9 run y", 0),
        (b"1 0/FFFFFFFF run x", b"1 1/0 run y", 1),
        (b"1 FFFFFFFF/0 run x", b"2 0/1 run y", 1),
        (b"10 0/1 run x", b"9 0/2 run y", 0),
        (b"10 0/5 another x", b"9 0/2 run y", 1),
        (b"junk", b"1 0/1 run y", 1),
    ],
)
async def test_a_mark_never_goes_back(
    link: Link, stands: bytes | None, offered: bytes, accepted: int
) -> None:
    await link.call("DEL", "mark")
    if stands:
        await link.call("SET", "mark", stands)
    await link.call("SET", "other", b"o")
    assert await link.ask(merge.advance(b"mark", offered, b"other")) == [accepted, b"o"]
    assert await link.call("GET", "mark") == (offered if accepted else stands)


async def test_a_certificate_needs_its_guard(link: Link) -> None:
    assert await link.ask(merge.certify(b"guard", b"cert", b"3", b"yes")) == 0
    await link.call("SET", "guard", b"3")
    assert await link.ask(merge.certify(b"guard", b"cert", b"4", b"yes")) == 0
    assert await link.ask(merge.certify(b"guard", b"cert", b"3", b"yes")) == 1
    assert await link.call("MGET", "guard", "cert") == [None, b"yes"]


async def test_a_mark_that_must_stand_is_not_made_anew(link: Link) -> None:
    offered = b"1 0/2 run -"
    assert await link.ask(merge.advance(b"mark", offered, b"other", standing=True)) == [-1, None]
    assert await link.call("GET", "mark") is None
    assert await link.ask(merge.advance(b"mark", offered)) == [1]
    later = b"1 0/3 run -"
    assert await link.ask(merge.advance(b"mark", later, standing=True)) == [1]
    assert await link.ask(merge.advance(b"mark", offered, standing=True)) == [0]
    assert await link.call("GET", "mark") == later
