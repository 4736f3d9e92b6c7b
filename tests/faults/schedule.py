"""What breaks when, from a seed alone: the same seed is the same schedule, on every machine."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import Enum

CALM_SECONDS = 0.6
"""At first nothing is broken, so nothing may be refused for a while."""
FAULTS_SECONDS = 3.2
AFTERWARDS_SECONDS = 1.0
"""When everything works again the agents go on for a while: now nothing covers up a stale entry."""
_COUNT = (3, 7)
_SOLO = 0.5
_SOLO_PAUSE_SECONDS = 0.35


class Component(Enum):
    """What an outage is an outage of."""

    WORKER = "worker"
    SYNC = "sync"
    SERVER = "server"
    POSTGRES = "postgres"
    REDIS = "redis"
    FRONT = "network of the agents"
    NONE = "nothing"
    """A nuisance that takes nothing away, such as a slow line."""


class Kind(Enum):
    """Everything that can be done."""

    WORKER_KILL = "kill -9 a worker"
    WORKER_STOP = "stop a worker"
    SYNC_KILL = "kill -9 the sync"
    SYNC_STOP = "stop the sync"
    JANITOR_KILL = "kill -9 the janitor"
    JANITOR_STOP = "stop the janitor"
    SERVER_KILL = "kill -9 the supervisor"
    SERVER_STOP = "stop the supervisor, workers and sync"
    SERVER_END = "end the server, start it again"
    SERVER_RENEW = "restart the workers one by one"
    POSTGRES_CRASH = "kill -9 PostgreSQL"
    POSTGRES_BACKEND_KILL = "kill -9 a backend of PostgreSQL"
    POSTGRES_STOP = "stop PostgreSQL"
    POSTGRES_BACKEND_STOP = "stop a backend of PostgreSQL"
    POSTGRES_SESSIONS_END = "end all sessions of PostgreSQL"
    POSTGRES_FAIL_OVER = "kill -9 the primary, promote the standby"
    POSTGRES_STANDBY_STOP = "stop the standby"
    POSTGRES_STANDBY_KILL = "kill -9 the standby"
    REDIS_CRASH = "kill -9 Redis"
    REDIS_OLD = "kill -9 Redis, start it with old data"
    REDIS_STOP = "stop Redis"
    REDIS_FLUSH = "flush Redis"
    REDIS_SCRIPTS_FLUSH = "flush Redis's scripts"
    REDIS_CLIENTS_KILL = "end all sessions of Redis"
    REDIS_FULL = "Redis is full"
    SERVER_CLOCK = "the server's clock jumps"
    POSTGRES_CLOCK = "PostgreSQL's clock jumps"
    POSTGRES_SLOW_DISK = "every sync to disk takes long"
    POSTGRES_DISK_FULL = "PostgreSQL's disk is full"
    POSTGRES_DISK_FAULTY = "every sync to disk fails"
    DELAY = "delay"
    NARROW = "a narrow line"
    CUT = "cut all connections"
    CUT_TWICE = "cut all connections twice"
    HOLD_REQUESTS = "hold what is sent to the server"
    HOLD_REPLIES = "hold what the server sends"
    FORGET = "half-open connections"
    REFUSE = "refuse new connections"
    DUPLICATE = "deliver requests twice"


class Line(Enum):
    """Which network a fault of a network is in."""

    NONE = ""
    TO_POSTGRES = "server to PostgreSQL"
    TO_REDIS = "server to Redis"
    FRONT = "agents to server"


@dataclass(frozen=True, slots=True)
class Fault:
    """One of them: from `at` for `seconds`, counted from the end of the calm."""

    at: float
    seconds: float
    kind: Kind
    line: Line = Line.NONE
    host: int = 0
    which: int = 0
    """The place of a worker, a backend."""
    amount: float = 0.0
    """Seconds of a delay, a jump, a sync; bytes a second of a narrow line."""

    @property
    def component(self) -> Component:
        """What is away meanwhile."""
        if self.kind in _NUISANCES:
            return Component.NONE
        if self.line is not Line.NONE:
            return _OF_LINES[self.line]
        return _OF_KINDS.get(self.kind.name.split("_")[0], Component.NONE)

    def __str__(self) -> str:
        words = [f"{self.at:5.2f} s", f"for {self.seconds:4.2f} s", self.kind.value]
        words += [self.line.value] if self.line.value else []
        words += [f"host {self.host}, {self.which}, {self.amount:.3g}"]
        return "  ".join(words)


_NUISANCES = frozenset(
    {Kind.DELAY, Kind.NARROW, Kind.DUPLICATE, Kind.SERVER_RENEW, Kind.JANITOR_STOP}
    | {Kind.JANITOR_KILL}
)
_OF_KINDS = {each.name: each for each in Component}
_OF_LINES = {
    Line.TO_POSTGRES: Component.POSTGRES,
    Line.TO_REDIS: Component.REDIS,
    Line.FRONT: Component.FRONT,
}
_CLOCKS = (Kind.SERVER_CLOCK, Kind.POSTGRES_CLOCK)
_DISKS = (Kind.POSTGRES_SLOW_DISK, Kind.POSTGRES_DISK_FULL, Kind.POSTGRES_DISK_FAULTY)
SHIMMED = (*_CLOCKS, *_DISKS)
"""They need a C compiler; without one nothing is done in their place."""
_KILLS = (
    Kind.WORKER_KILL,
    Kind.SYNC_KILL,
    Kind.SERVER_KILL,
    Kind.POSTGRES_CRASH,
    Kind.POSTGRES_BACKEND_KILL,
    Kind.REDIS_CRASH,
)
_OF_PROCESSES = (
    *_KILLS,
    *(Kind.JANITOR_KILL, Kind.JANITOR_STOP),
    *(Kind.WORKER_STOP, Kind.SYNC_STOP, Kind.SERVER_STOP, Kind.SERVER_END, Kind.SERVER_RENEW),
    *(Kind.POSTGRES_STOP, Kind.POSTGRES_BACKEND_STOP, Kind.POSTGRES_SESSIONS_END),
    *(Kind.REDIS_OLD, Kind.REDIS_STOP, Kind.REDIS_FLUSH, Kind.REDIS_SCRIPTS_FLUSH),
    *(Kind.REDIS_CLIENTS_KILL, Kind.REDIS_FULL),
    *SHIMMED,
)
_OF_NETWORKS = (
    *(Kind.DELAY, Kind.NARROW, Kind.CUT, Kind.CUT_TWICE, Kind.HOLD_REQUESTS, Kind.HOLD_REPLIES),
    *(Kind.FORGET, Kind.REFUSE),
)
_INSTANT = frozenset(
    {Kind.POSTGRES_SESSIONS_END, Kind.REDIS_FLUSH, Kind.REDIS_SCRIPTS_FLUSH}
    | {Kind.REDIS_CLIENTS_KILL, Kind.CUT, Kind.WORKER_KILL, Kind.SYNC_KILL, Kind.JANITOR_KILL}
    | {Kind.POSTGRES_BACKEND_KILL, Kind.POSTGRES_FAIL_OVER, Kind.SERVER_RENEW}
)


def schedule(seed: int, *, hosts: int = 1, failover: bool = False) -> tuple[Fault, ...]:
    """The faults of a seed in order of time; at least one of them kills something.

    Half of the seeds break one thing at a time, so that an outage of that one can be judged.
    """
    dice = random.Random(f"faults {seed} {hosts} {failover}")
    kinds = [dice.choice(_KILLS)]
    if failover:
        kinds = [Kind.POSTGRES_FAIL_OVER]
    kinds += [_any_kind(dice, failover) for _ in range(dice.randint(*_COUNT) - 1)]
    faults = [_fault(dice, kind, hosts) for kind in kinds]
    if dice.random() < _SOLO:
        return _one_by_one(faults)
    return tuple(sorted(faults, key=lambda fault: fault.at))


def _any_kind(dice: random.Random, failover: bool) -> Kind:
    if failover and dice.random() < 0.15:
        return dice.choice((Kind.POSTGRES_STANDBY_STOP, Kind.POSTGRES_STANDBY_KILL))
    if dice.random() < 0.6:
        return dice.choice(_OF_PROCESSES)
    return dice.choice((*_OF_NETWORKS, Kind.DUPLICATE))


def _fault(dice: random.Random, kind: Kind, hosts: int) -> Fault:
    at, seconds, which = dice.random() * FAULTS_SECONDS, 0.0, dice.randrange(8)
    host, amount, line = dice.randrange(hosts), 0.0, Line.NONE
    if kind not in _INSTANT:
        seconds = dice.choice((0.1, 0.3, 0.8, 1.6)) * (0.5 + dice.random())
    if kind is Kind.DUPLICATE:
        line = Line.FRONT
    elif kind in _OF_NETWORKS:
        line = dice.choice((Line.TO_POSTGRES, Line.TO_REDIS, Line.FRONT))
    if kind is Kind.DELAY:
        amount = dice.choice((0.002, 0.01, 0.05, 0.15))
    elif kind is Kind.NARROW:
        amount = dice.choice((20_000, 100_000, 500_000))
    elif kind is Kind.POSTGRES_SLOW_DISK:
        amount = dice.choice((0.02, 0.1, 0.4))
    elif kind in _CLOCKS:
        amount = dice.choice((0.7, 30.0, 3600.0, 172_800.0)) * dice.choice((-1, 1))
    return Fault(at, seconds, kind, line, host, which, amount)


def _one_by_one(faults: list[Fault]) -> tuple[Fault, ...]:
    """Each begins when the one before is over, and a while has passed."""
    found: list[Fault] = []
    at = 0.0
    for fault in faults:
        if at > FAULTS_SECONDS:
            break
        found.append(replace(fault, at=at))
        at += fault.seconds + _SOLO_PAUSE_SECONDS
    return tuple(found)
