"""The ring: every reader learns of every append, in order or as an overrun, across processes."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from server.lookup.ring import Changes, Overrun, Ring

WORKERS = 3
SLOTS = 16


def drained(ring_reader: Callable[[], Changes]) -> list[tuple[str, int, int]]:
    changes = ring_reader()
    assert not isinstance(changes, Overrun)
    return changes


def test_a_reader_is_told_what_was_appended_after_it_began() -> None:
    ring = Ring.create(2)
    ring.lane(0).append("before", 0)
    reader = ring.reader()
    assert not reader.changed()
    ring.lane(1).append("1004217", 0)
    ring.lane(0).append("квартира-5", 77, 5)
    assert reader.changed()
    assert drained(reader.drain) == [("квартира-5", 77, 5), ("1004217", 0, 0)]
    assert not reader.changed()
    assert drained(reader.drain) == []


def test_half_a_ring_behind_is_an_overrun_that_tells_the_highest_position() -> None:
    ring = Ring.create(1, SLOTS)
    reader = ring.reader()
    lane = ring.lane(0)
    for _ in range(SLOTS // 2):
        lane.append("1", 5)
    assert len(drained(reader.drain)) == SLOTS // 2
    lane.append("1", 900)
    for _ in range(SLOTS // 2):
        lane.append("1", 0)
    assert reader.drain() == Overrun(900)
    assert not reader.changed()
    lane.append("2", 0)
    assert drained(reader.drain) == [("2", 0, 0)]


def test_an_account_too_long_for_a_slot_is_an_overrun() -> None:
    ring = Ring.create(1)
    reader = ring.reader()
    ring.lane(0).append("Ж" * 30, 0)
    assert isinstance(reader.drain(), Overrun)


def test_a_writer_that_died_half_way_is_not_believed() -> None:
    ring = Ring.create(1)
    reader = ring.reader()
    ring.words[0] = 1  # the head moved, but the entry is not there
    assert isinstance(reader.drain(), Overrun)


def test_a_successor_goes_on_where_its_predecessor_ended() -> None:
    ring = Ring.create(1)
    reader = ring.reader()
    ring.lane(0).append("1", 0)
    ring.lane(0).append("2", 0)
    assert drained(reader.drain) == [("1", 0, 0), ("2", 0, 0)]


class RingModel(RuleBasedStateMachine):
    """Readers see exactly the appends since they last looked, lane by lane in order."""

    def __init__(self) -> None:
        super().__init__()
        self.ring = Ring.create(WORKERS, SLOTS)
        self.readers = [self.ring.reader() for _ in range(2)]
        self.pending: list[list[list[tuple[str, int, int]]]] = [
            [[] for _ in range(WORKERS)] for _ in self.readers
        ]

    @rule(
        lane=st.integers(0, WORKERS - 1),
        account=st.text(st.characters(codec="utf-8"), min_size=1, max_size=10),
        lsn=st.integers(0, 2**63 - 1),
        version=st.integers(0, 2**32 - 1),
        times=st.sampled_from([1, 1, 1, 2, SLOTS // 2, SLOTS + 1]),
    )
    def append(self, lane: int, account: str, lsn: int, version: int, times: int) -> None:
        for _ in range(times):
            self.ring.lane(lane).append(account, lsn, version)
        for lanes in self.pending:
            lanes[lane] += [(account, lsn, version)] * times

    @rule(which=st.integers(0, 1))
    def drain(self, which: int) -> None:
        changes = self.readers[which].drain()
        lanes = self.pending[which]
        if any(len(entries) > SLOTS // 2 for entries in lanes):
            assert isinstance(changes, Overrun)
        else:
            assert changes == [entry for entries in lanes for entry in entries]
        self.pending[which] = [[] for _ in range(WORKERS)]

    @invariant()
    def changed_tells_the_truth(self) -> None:
        for reader, lanes in zip(self.readers, self.pending, strict=True):
            assert reader.changed() == any(lanes)


def test_the_ring_behaves_like_its_model() -> None:
    run_state_machine_as_test(RingModel)


@given(st.integers(1, 70))
def test_any_number_of_workers_has_a_lane(workers: int) -> None:
    ring = Ring.create(workers)
    reader = ring.reader()
    ring.lane(workers - 1).append("1", 3)
    assert drained(reader.drain) == [("1", 3, 0)]
    assert ring.pinned_until() == 3


def test_nothing_is_lost_between_processes() -> None:
    """Two writers and a reader at full speed: what one lane says arrives in order, or overruns."""
    ring = Ring.create(2)
    reader = ring.reader()
    count = 60_000
    children = [_fork(partial(_write, ring, lane, count)) for lane in range(2)]
    seen = [0, 0]
    overruns = 0
    while ring.words[0] < count or ring.words[1] < count or reader.changed():
        changes = reader.drain()
        if isinstance(changes, Overrun):
            overruns += 1
            seen = [-1, -1]
            continue
        for account, lsn, version in changes:
            lane, number = int(account[0]), int(account[2:])
            assert lsn == version == number
            assert seen[lane] in (number, -1), "an entry was lost or came twice"
            seen[lane] = number + 1
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    assert [mark in (count, -1) for mark in seen] == [True, True]
    assert not reader.changed()


def _fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
        os._exit(0)
    except BaseException:
        os._exit(1)


def _write(ring: Ring, lane: int, count: int) -> None:
    own = ring.lane(lane)
    pause = random.Random(lane)
    for number in range(count):
        own.append(f"{lane}-{number}", number, number)
        if pause.random() < 0.001:
            os.sched_yield()


def test_a_lane_belongs_to_one_process_until_it_ends() -> None:
    ring = Ring.create(1)
    read, write = os.pipe()

    def hold() -> None:
        assert ring.take_lane(0).index == 0
        os.write(write, b"x")
        signal.pause()

    holder = _fork(hold)
    os.read(read, 1)
    assert ring.take_lane(0).index != 0
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    assert ring.take_lane(0).index == 0


def test_more_processes_than_lanes_are_refused() -> None:
    ring = Ring.create(1)
    read, write = os.pipe()

    def hold() -> None:
        ring.take_lane(0)
        os.write(write, b"x")
        signal.pause()

    holders = [_fork(hold) for _ in range(ring.lanes)]
    for _ in holders:
        os.read(read, 1)
    with pytest.raises(OSError, match="lanes"):
        ring.take_lane(0)
    for holder in holders:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)


@pytest.mark.parametrize("index", [-1, 4])
def test_a_lane_that_is_not_there_cannot_be_had(index: int) -> None:
    with pytest.raises(AssertionError):
        Ring.create(2).lane(index)
