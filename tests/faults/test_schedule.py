"""A seed is a schedule, and schedules are as varied as they are said to be."""

from __future__ import annotations

from collections import Counter

from tests.faults.schedule import Kind, schedule

MANY = range(400)


def test_the_same_seed_is_the_same_schedule() -> None:
    assert all(schedule(seed) == schedule(seed) for seed in MANY)
    assert len({schedule(seed) for seed in MANY}) == len(MANY)


def test_every_run_has_a_kill_in_it() -> None:
    for failover in (False, True):
        for seed in MANY:
            kinds = [fault.kind for fault in schedule(seed, failover=failover)]
            assert any("kill -9" in kind.value for kind in kinds), seed


def test_every_fault_comes_up_and_every_host_is_struck() -> None:
    faults = [fault for seed in MANY for fault in schedule(seed, hosts=2, failover=True)]
    assert set(Counter(fault.kind for fault in faults)) == set(Kind)
    assert {fault.host for fault in faults} == {0, 1}


def test_without_a_standby_nothing_fails_over() -> None:
    kinds = {fault.kind for seed in MANY for fault in schedule(seed)}
    assert {kind.name for kind in set(Kind) - kinds} == {
        "POSTGRES_FAIL_OVER",
        "POSTGRES_STANDBY_STOP",
        "POSTGRES_STANDBY_KILL",
    }
