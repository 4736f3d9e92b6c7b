"""The main run: our server beside what others would build, one check at a time."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from loadtests.bench import names, shapes
from loadtests.bench.accounts import account
from loadtests.bench.connection import Connection
from loadtests.bench.figures import quantile
from loadtests.bench.filling import ANSWER_HEAD, fill_valkey
from loadtests.bench.keys import UNIFORM, ZIPF, account_number, drawn
from loadtests.bench.load import Generator, Sample, Target
from loadtests.bench.machine import Cores
from loadtests.bench.ours import OurServer, Store
from loadtests.bench.peers.launch import Peers
from loadtests.bench.rounds import Samples, interleaved
from loadtests.bench.warming import popular, warm
from server.config import Settings

FAST_LANE_OFF = {"KVITOK_FAST_LANE": "off"}
PATH, SOAP_PATH = "/pay/osmp", "/pay/paynet"
_FAST_METRIC, _EVERY_METRIC = "kvitok_fast_answers_total", "kvitok_requests_total"
_DRAWS = 300_000
_RATE_STEADY = 5_000.0
_RATE_MAX = 25_000.0
"""Above it our own generator, and not the server, would be what is measured."""
STEADY, HALF = "5,000 a second", "half of what it can"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything."""

    accounts: int
    rounds: int
    warm_up: int
    """Rounds before those that count: memory fills with the accounts that are asked for often."""
    seconds: float
    latency_seconds: float


@dataclass(frozen=True, slots=True)
class Lookups:
    """What the main run found."""

    samples: Samples
    latency: dict[str, Samples]
    """By rate."""
    hit_share: float
    """Of the hot rows' checks: answered from the worker's memory."""
    fast_share: float
    """Of the hot server's checks, SOAP and all heads: answered on the fast lane."""
    missing: dict[str, str]
    versions: dict[str, str]
    body_bytes: int
    bytes_per_account: float
    rebuild_seconds: float


class Draws:
    """The same accounts for all rows of a round, others in the next."""

    def __init__(self, accounts: int) -> None:
        self._accounts = accounts
        self._made: dict[tuple[str, int], list[str]] = {}

    def of(self, distribution: str, number: int) -> list[str]:
        """Those of round `number`."""
        key = distribution, number
        if key not in self._made:
            if any(made != number for _, made in self._made):
                self._made.clear()
            self._made[key] = drawn(distribution, self._accounts, _DRAWS, 1_000 + number)
        return self._made[key]


def never_cached() -> dict[str, str]:
    """The setting under which Redis is asked every time."""
    try:
        Settings.model_validate({"near_cache_entries_max": 0})
    except ValidationError:
        return {"KVITOK_NEAR_CACHE_ENTRIES_MAX": "1"}
    return {"KVITOK_NEAR_CACHE_ENTRIES_MAX": "0"}


def has_fast_lane() -> bool:
    """Whether this version can switch it off, and so has it."""
    return "fast_lane" in Settings.model_fields


def run(plan: Plan, directory: Path, cores: Cores) -> Lookups:
    """Start everything, measure, stop everything."""
    with ExitStack() as stack:
        store = stack.enter_context(
            Store(directory / f"main-{plan.accounts}", plan.accounts, cores)
        )
        start = partial(_started, stack, store, directory, cores)
        hot = start("hot")
        rebuild_seconds = hot.wait_until_complete()
        bytes_per_account = store.bytes_per_account(plan.accounts)
        servers = {names.OURS_HOT: hot, names.OURS_ASKED: start("asked", never_cached())}
        if has_fast_lane():
            servers[names.OURS_SLOW] = start("slow", FAST_LANE_OFF)
        fill_valkey("answers", plan.accounts, store.valkey.url)
        store.pin()
        body = _body_of(Target(hot.port, shapes.check(PATH), ()))
        peers = stack.enter_context(Peers(store.valkey, directory, cores, body))
        targets = _targets(store, servers, peers)
        _demand_equal_answers(targets)
        _warm(targets, plan.accounts)
        bench = _Bench(plan, Generator(directory, cores), targets)
        before = hot.near_cache()
        samples = bench.closed()
        after = hot.near_cache()
        hits, misses = (after[name] - before[name] for name in ("hits", "misses"))
        fast, every = (sum(hot.metrics(name).values()) for name in (_FAST_METRIC, _EVERY_METRIC))
        return Lookups(
            samples=samples,
            latency=bench.open(samples),
            hit_share=hits / max(1, hits + misses),
            fast_share=fast / max(1, every),
            missing=peers.missing,
            versions=peers.versions,
            body_bytes=len(body),
            bytes_per_account=bytes_per_account,
            rebuild_seconds=rebuild_seconds,
        )


def _started(
    stack: ExitStack,
    store: Store,
    directory: Path,
    cores: Cores,
    name: str,
    settings: dict[str, str] | None = None,
) -> OurServer:
    server = OurServer(store.where, directory, name, cores, settings or {})
    return stack.enter_context(server)


Targets = dict[str, tuple[Target, str]]
"""By row: where, and which distribution of keys."""


def _targets(store: Store, servers: dict[str, OurServer], peers: Peers) -> Targets:
    valkey = [store.valkey_pid]
    hot = servers[names.OURS_HOT]
    found: Targets = {
        name: (Target(server.port, shapes.check(PATH), [server.pid], valkey), ZIPF)
        for name, server in servers.items()
    }
    found[names.OURS_ASKED] = found[names.OURS_ASKED][0], UNIFORM
    soap = Target(hot.port, shapes.soap_check(SOAP_PATH), [hot.pid], valkey)
    found[names.OURS_SOAP] = soap, ZIPF
    for shape in shapes.OTHERS:
        template = shapes.check(PATH, shape)
        target = Target(hot.port, template, [hot.pid], valkey)
        found[names.of_shape(shape.name)] = target, ZIPF
    found |= {name: (target, ZIPF) for name, target in peers.targets.items()}
    if names.NGINX_TCP in found:
        found[names.NGINX_TCP_UNIFORM] = found[names.NGINX_TCP][0], UNIFORM
    return found


_TIMES_ASKED = {names.OURS_HOT: 3, names.NGINX_DICT: 1}
"""How often until an account is where it will be found at once: ours keeps what is asked for again,
and makes a ready answer of it then."""


def _warm(targets: Targets, accounts: int) -> None:
    known = popular(accounts)
    for name, times in _TIMES_ASKED.items():
        if name in targets:
            warm(targets[name][0], known, times)


def _body_of(target: Target, place: int = 777) -> bytes:
    connection = Connection(target.host, target.port)
    try:
        connection.socket.setblocking(True)
        connection.send(shapes.filled(target.template, 0, account_number(place)))
        answer = None
        while answer is None:
            answer = connection.receive()
    finally:
        connection.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200") or b"\r\ndate: " not in head.lower():
        raise RuntimeError(f"no answer to compare with: {answer!r}")
    return body


def _demand_equal_answers(targets: Targets) -> None:
    """Who answers a check says the same, byte for byte, about accounts here and there."""
    left_out = {names.OURS_SOAP, names.NGINX_STATIC}
    for place in (0, 777, 9_999):
        bodies = {
            name: _body_of(t, place) for name, (t, _) in targets.items() if name not in left_out
        }
        wanted = bodies[names.OURS_HOT]
        different = [name for name, body in bodies.items() if body != wanted]
        if different or not wanted.startswith(ANSWER_HEAD):
            raise RuntimeError(f"other answers than ours: {different}: {bodies}")
        assert account(place).holder.encode() in wanted


class _Bench:
    def __init__(self, plan: Plan, generator: Generator, targets: Targets) -> None:
        self._plan = plan
        self._generator = generator
        self._targets = targets
        self._draws = Draws(plan.accounts)

    def closed(self) -> Samples:
        work = {name: partial(self._closed, name) for name in self._targets}
        return interleaved(work, self._plan.rounds, warm_up=self._plan.warm_up)

    def _closed(self, name: str, number: int) -> Sample:
        target, distribution = self._targets[name]
        keys = self._draws.of(distribution, number)
        return self._generator.closed(target, keys, self._plan.seconds, number + 10)

    def open(self, samples: Samples) -> dict[str, Samples]:
        """Ours and nginx's latencies, at a rate that both can and at half of what each can."""
        rows = [name for name in (names.OURS_HOT, names.NGINX_TCP) if name in self._targets]
        halves = {name: min(_RATE_MAX, _usual_rate(samples[name]) / 2) for name in rows}
        return {
            STEADY: self._open(dict.fromkeys(rows, _RATE_STEADY)),
            HALF: self._open(halves),
        }

    def _open(self, rates: dict[str, float]) -> Samples:
        def measured(name: str) -> Callable[[int], Sample]:
            return lambda number: self._generator.open(
                self._targets[name][0],
                self._draws.of(ZIPF, number),
                self._plan.latency_seconds,
                random.Random(number).randrange(1_000),
                rates[name],
            )

        return interleaved({name: measured(name) for name in rates}, self._plan.rounds)


def _usual_rate(samples: list[Sample]) -> float:
    return quantile([sample.rate for sample in samples], 0.5)
