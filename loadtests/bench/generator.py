"""Our own load generator, a process of its own; reads a job from stdin, writes a JSON line.

Closed loop: every connection asks again as soon as it is answered. Open loop: requests fall due by
a Poisson process, whether or not the server keeps up, and each answer's time counts from the
moment at which its request was due.
"""

from __future__ import annotations

import ctypes
import json
import random
import select
import sys
import time
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.bench import shapes
from loadtests.bench.connection import Connection, is_ok

_PR_SET_TIMERSLACK = 29  # linux/prctl.h; without it a sleep of 50 µs takes 100
_DRAIN_SECONDS = 2.0
_BILLION = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """What to ask, how long, how often; `rate` 0 = closed loop."""

    host: str
    port: int
    template: str
    keys: str
    """A file with an account a line."""
    seconds: float
    connections: int
    rate: float = 0.0
    seed: int = 1


def main() -> None:
    """Do one job."""
    job = Job(**json.loads(sys.stdin.read()))
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    print(json.dumps(_Load(job).run()))


class _Load:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._template = job.template.encode()
        self._keys = open(job.keys, encoding="ascii").read().split()  # noqa: SIM115 - ends soon
        self._turn = job.seed * 7919
        self._poll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._latencies = array("q")
        self._bad = 0

    def run(self) -> dict[str, object]:
        for _ in range(self._job.connections):
            connection = Connection(self._job.host, self._job.port)
            self._connections[connection.socket.fileno()] = connection
            self._poll.register(connection.socket.fileno(), select.EPOLLIN)
        started = time.perf_counter_ns()
        if self._job.rate:
            self._open_loop(started)
        else:
            self._closed_loop(started)
        elapsed = time.perf_counter_ns() - started
        for connection in self._connections.values():
            connection.close()
        return {
            "requests": len(self._latencies),
            "seconds": elapsed / _BILLION,
            "bad": self._bad,
            "latencies_us": percentiles(self._latencies),
        }

    def _send(self, connection: Connection, due: int) -> None:
        self._turn += 1
        account = self._keys[self._turn % len(self._keys)]
        connection.due = due
        connection.send(shapes.filled(self._template, self._turn, account))

    def _answered(self, timeout: float) -> list[Connection]:
        """Connections that have their answer now."""
        done = []
        for number, _ in self._poll.poll(timeout):
            connection = self._connections[number]
            answer = connection.receive()
            if answer is not None:
                self._latencies.append(time.perf_counter_ns() - connection.due)
                self._bad += not is_ok(answer)
                done.append(connection)
        return done

    def _closed_loop(self, started: int) -> None:
        until = started + int(self._job.seconds * _BILLION)
        for connection in self._connections.values():
            self._send(connection, time.perf_counter_ns())
        while (now := time.perf_counter_ns()) < until:
            for connection in self._answered(1.0):
                self._send(connection, now)

    def _open_loop(self, started: int) -> None:
        schedule = due_times(self._job.rate, self._job.seconds, self._job.seed)
        idle = deque(self._connections.values())
        place = 0
        deadline = started + int((self._job.seconds + _DRAIN_SECONDS) * _BILLION)
        while len(self._latencies) < len(schedule):
            now = time.perf_counter_ns()
            if now > deadline:
                break
            while place < len(schedule) and idle and schedule[place] <= now - started:
                self._send(idle.popleft(), started + schedule[place])
                place += 1
            if place < len(schedule) and idle:
                self._wait(started + schedule[place] - time.perf_counter_ns())
            idle.extend(self._answered(0 if idle else 0.1))
        self._bad += len(schedule) - len(self._latencies)

    def _wait(self, nanoseconds: int) -> None:
        # epoll counts in milliseconds, select in microseconds, and can watch an epoll.
        if nanoseconds > 0:
            select.select([self._poll.fileno()], [], [], nanoseconds / _BILLION)


def due_times(rate: float, seconds: float, seed: int) -> Sequence[int]:
    """A Poisson process, in nanoseconds from the start."""
    generator = random.Random(seed)
    times = array("q")
    now = generator.expovariate(rate)
    while now < seconds:
        times.append(int(now * _BILLION))
        now += generator.expovariate(rate)
    return times


def percentiles(latencies: array[int]) -> dict[str, float]:
    """Of nanoseconds, in µs."""
    ordered = sorted(latencies)
    if not ordered:
        return {}
    last = len(ordered) - 1
    shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
    return {name: ordered[round(last * share)] / 1000 for name, share in shares.items()}


if __name__ == "__main__":
    main()
