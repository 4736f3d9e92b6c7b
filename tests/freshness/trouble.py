"""What goes wrong meanwhile: workers are killed and paused, Redis is slow, deaf, forgetful."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import redis

from server.embedded import processes
from tests.faults.host import Host
from tests.faults.proxy import FAIR, Weather
from tests.faults.stage import Stage

_WEATHER_SECONDS = 0.4
_PAUSE_SECONDS = (0.05, 0.8)
_DEAF_SECONDS = (0.04, 0.2)
"""Longer than a payment waits for Redis."""


class Trouble:
    """One thing at a time, each over when the next begins."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self._stage = stage
        self._dice = random.Random(f"trouble {seed}")
        self.counts: Counter[str] = Counter()
        self._deck: list[str] = []
        self._kinds: dict[str, tuple[int, Callable[[Host], None]]] = {
            "a worker is killed": (3, self._kill),
            "a worker is paused": (2, self._pause),
            "all workers are renewed": (1, self._renew),
            "the sync is killed": (1, self._kill_sync),
            "connections to Redis are cut": (2, self._cut),
            "Redis closes all connections": (2, self._close),
            "Redis forgets its scripts": (4, self._forget_scripts),
            "Redis is deaf": (3, self._deaf),
            "Redis is slow for some": (6, self._slow),
            "Redis is emptied": (1, self._flush),
        }

    def make(self) -> None:
        """The next card of a shuffled deck, so that a short campaign meets everything too."""
        if not self._deck:
            self._deck = [name for name, (count, _) in self._kinds.items() for _ in range(count)]
            self._dice.shuffle(self._deck)
        name = self._deck.pop()
        self._kinds[name][1](self._dice.choice(self._stage.hosts))
        self.counts[name] += 1

    def _kill(self, host: Host) -> None:
        self._signal(host, "worker", signal.SIGKILL)

    def _kill_sync(self, host: Host) -> None:
        self._signal(host, "sync", signal.SIGKILL)

    def _signal(self, host: Host, name: str, number: signal.Signals) -> None:
        pids = host.pids(name)
        if pids:
            processes.send([self._dice.choice(pids)], number)

    def _pause(self, host: Host) -> None:
        pids = host.pids("worker")[:1]
        processes.send(pids, signal.SIGSTOP)
        time.sleep(self._dice.uniform(*_PAUSE_SECONDS))
        processes.send(pids, signal.SIGCONT)

    def _renew(self, host: Host) -> None:
        assert host.process is not None
        os.kill(host.process.pid, signal.SIGHUP)

    def _cut(self, host: Host) -> None:
        self._stage.background.run(host.to_redis.cut())

    def _close(self, _: Host) -> None:
        self._redis(lambda client: client.client_kill_filter(_type="normal", skipme=True))

    def _forget_scripts(self, _: Host) -> None:
        self._redis(lambda client: client.script_flush())

    def _flush(self, _: Host) -> None:
        self._redis(lambda client: client.flushall())

    def _redis(self, do: Callable[[redis.Redis], object]) -> None:
        with suppress(redis.RedisError), self._stage.redis() as client:
            do(client)

    def _deaf(self, host: Host) -> None:
        self._weather(host, Weather(holds_requests=True), self._dice.uniform(*_DEAF_SECONDS))

    def _slow(self, host: Host) -> None:
        delay = self._dice.uniform(0.001, 0.006)
        self._weather(host, Weather(delay_seconds=delay, slow_share=0.5), _WEATHER_SECONDS)

    def _weather(self, host: Host, weather: Weather, seconds: float) -> None:
        run, proxy = self._stage.background.run, host.to_redis
        run(proxy.change(weather))
        time.sleep(seconds)
        run(proxy.change(FAIR))
