"""Fetches: joined within a turn, never joined late, never kept when crossed."""

from __future__ import annotations

import asyncio

import pytest

from server.lookup.fetches import KEYS_MAX, Batch, Fetches
from server.lookup.link import packed
from server.lookup.session import mget


class Wire:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Batch[str]] = []
        self.fetches: Fetches[str] = Fetches(self._send)

    def _send(self, batch: Batch[str]) -> None:
        self.sent.append(batch)
        self.fetches.under_way(batch)


async def test_one_turn_is_one_question() -> None:
    wire = Wire()
    fetches = wire.fetches
    fetches.join("1", "a")
    fetches.join("2", "b")
    fetches.join("1", "c")
    assert wire.sent == []
    await asyncio.sleep(0)
    assert wire.sent == [{"1": ["a", "c"], "2": ["b"]}]
    assert len(fetches) == 2


async def test_a_fetch_under_way_is_joined_and_may_be_kept() -> None:
    wire = Wire()
    fetches = wire.fetches
    fetches.join("1", "a")
    await asyncio.sleep(0)
    fetches.join("1", "b")
    await asyncio.sleep(0)
    assert wire.sent == [{"1": ["a", "b"]}]
    fetches.arrived(wire.sent[0])
    assert wire.sent[0].may_keep("1")
    assert len(fetches) == 0


async def test_who_comes_after_an_eviction_asks_anew_and_the_old_answer_is_not_kept() -> None:
    wire = Wire()
    fetches = wire.fetches
    fetches.join("1", "early")
    await asyncio.sleep(0)
    fetches.crossed("1")
    fetches.join("1", "late")
    await asyncio.sleep(0)
    assert wire.sent == [{"1": ["early"]}, {"1": ["late"]}]
    assert not wire.sent[0].may_keep("1")
    assert wire.sent[1].may_keep("1")


async def test_forgetting_everything_crosses_every_fetch() -> None:
    wire = Wire()
    fetches = wire.fetches
    fetches.join("1", "a")
    await asyncio.sleep(0)
    fetches.crossed_all()
    fetches.join("1", "late")
    await asyncio.sleep(0)
    assert wire.sent == [{"1": ["a"]}, {"1": ["late"]}]
    assert not wire.sent[0].may_keep("1")


async def test_a_question_not_sent_yet_is_not_crossed() -> None:
    wire = Wire()
    fetches = wire.fetches
    fetches.join("1", "a")
    fetches.crossed("1")
    await asyncio.sleep(0)
    assert wire.sent[0].may_keep("1")


async def test_an_answered_fetch_is_not_joined() -> None:
    wire = Wire()
    fetches = wire.fetches
    fetches.join("1", "a")
    await asyncio.sleep(0)
    fetches.arrived(wire.sent[0])
    fetches.join("1", "b")
    assert len(fetches) == 1
    await asyncio.sleep(0)
    assert wire.sent == [{"1": ["a"]}, {"1": ["b"]}]


async def test_a_crowd_is_sent_in_parts() -> None:
    wire = Wire()
    fetches = wire.fetches
    for number in range(KEYS_MAX + 1):
        fetches.join(str(number), "a")
    await asyncio.sleep(0)
    assert [len(batch) for batch in wire.sent] == [KEYS_MAX, 1]


@pytest.mark.parametrize(
    "numbers",
    [["1"], ["1004217", "0000042"], ["1", "22", "333"], ["1", "333"], ["ёж", "ёж2"], ["ёё", "12"]],
)
def test_a_question_is_the_same_command_however_it_is_put_together(numbers: list[str]) -> None:
    assert mget(numbers) == packed("MGET", *(b"a:" + number.encode() for number in numbers))
