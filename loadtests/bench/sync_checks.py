"""Checks at a steady rate, every answer of which is judged; a process of its own.

Reads a job as a JSON line from stdin, then words, a line each: `changed` says that from now on only
the debt after the change is right, `stop` ends it. Writes a JSON line.
"""

from __future__ import annotations

import json
import re
import select
import sys
import time
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.bench import shapes
from loadtests.bench.connection import Closed, Connection
from loadtests.bench.generator import due_times, percentiles

_BILLION = 1_000_000_000
_STRETCH_SECONDS = 2.0
_SETTLING_SECONDS = 0.3
"""What was asked before the word `changed` may still be answered as of before."""
_DEBT = re.compile(rb"<field2 [^>]*>(-?[0-9.]+)<")
_OK, _LATER = b"<result>0</result>", b"<result>1</result>"
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class CheckJob:
    """What to ask and what is right."""

    port: int
    owed: str
    """A file: an account and its debt in kopecks, a line each."""
    added_kopecks: int
    """What a change under way adds to every debt; 0 = nothing changes."""
    rate: float
    connections: int = 16
    seed: int = 1


@dataclass(slots=True)
class Judged:
    """What the answers were."""

    answers: int = 0
    wrong: int = 0
    later: int = 0
    """Answers that say "try later"."""
    examples: list[str] = field(default_factory=list)
    latencies_us: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds if self.seconds else 0.0


def debt_in(answer: bytes) -> int | None:
    """Kopecks; None = the answer shows no account."""
    found = _DEBT.search(answer)
    return int(found[1].replace(b".", b"")) if found and _OK in answer else None


def is_later(answer: bytes) -> bool:
    """Whether it says "try later", in OSMP's words or in HTTP's."""
    return _LATER in answer or answer.startswith(b"HTTP/1.1 503")


def main() -> None:
    """Do one job."""
    job = CheckJob(**json.loads(sys.stdin.readline()))
    judged = _Checks(job).run()
    print(json.dumps({name: getattr(judged, name) for name in Judged.__slots__}))


class _Checks:
    def __init__(self, job: CheckJob) -> None:
        self._job = job
        self._judged = Judged()
        self._owed = _read(Path(job.owed))
        self._accounts = list(self._owed)
        self._template = shapes.check("/pay/osmp")
        self._turn = job.seed * 7919
        self._poll = select.epoll()
        self._poll.register(sys.stdin.fileno(), select.EPOLLIN)
        self._connections: dict[int, Connection] = {}
        self._asked: dict[Connection, str] = {}
        self._latencies = array("q")
        self._changed_at = 0
        self._ends = False

    def run(self) -> Judged:
        idle: deque[Connection] = deque()
        for _ in range(self._job.connections):
            connection = Connection("127.0.0.1", self._job.port)
            self._connections[connection.socket.fileno()] = connection
            self._poll.register(connection.socket.fileno(), select.EPOLLIN)
            idle.append(connection)
        began = time.perf_counter_ns()
        stretch = 0
        while not self._ends:
            self._stretch(idle, self._job.seed + stretch)
            stretch += 1
        self._judged.seconds = (time.perf_counter_ns() - began) / _BILLION
        self._judged.latencies_us = percentiles(self._latencies)
        return self._judged

    def _stretch(self, idle: deque[Connection], seed: int) -> None:
        """The next seconds of the Poisson process; what was not asked in time is asked late."""
        started = time.perf_counter_ns()
        schedule = due_times(self._job.rate, _STRETCH_SECONDS, seed)
        place = 0
        while place < len(schedule) and not self._ends:
            now = time.perf_counter_ns() - started
            while place < len(schedule) and idle and schedule[place] <= now:
                self._ask(idle.popleft(), started + schedule[place])
                place += 1
            if place < len(schedule):
                self._wait(schedule[place] - now if idle else _BILLION // 10)
            idle.extend(self._answered())

    def _ask(self, connection: Connection, due: int) -> None:
        self._turn += 1
        account = self._accounts[self._turn % len(self._accounts)]
        connection.due = due
        self._asked[connection] = account
        connection.send(shapes.filled(self._template, self._turn, account))

    def _wait(self, nanoseconds: int) -> None:
        # epoll counts in milliseconds, select in microseconds, and can watch an epoll.
        if nanoseconds > 0:
            select.select([self._poll.fileno()], [], [], nanoseconds / _BILLION)

    def _answered(self) -> list[Connection]:
        done = []
        for number, _ in self._poll.poll(0):
            if number == sys.stdin.fileno():
                self._told()
                continue
            connection = self._connections[number]
            answer = connection.receive()
            if answer is not None:
                self._latencies.append(time.perf_counter_ns() - connection.due)
                self._judge(self._asked[connection], answer, connection.due)
                done.append(connection)
        return done

    def _told(self) -> None:
        word = sys.stdin.readline().strip()
        if word == "changed":
            self._changed_at = time.perf_counter_ns()
        else:
            self._ends = True

    def _judge(self, account: str, answer: bytes, due: int) -> None:
        judged, owed = self._judged, self._owed[account]
        judged.answers += 1
        if is_later(answer):
            judged.later += 1
            return
        shown = debt_in(answer)
        after = owed + self._job.added_kopecks
        right: Sequence[int] = (owed, after)
        if self._changed_at and due > self._changed_at + _SETTLING_SECONDS * _BILLION:
            right = (after,)
        if shown not in right:
            judged.wrong += 1
            if len(judged.examples) < _EXAMPLES:
                judged.examples.append(f"{account}: {shown}, not {right}: {answer[:60]!r}")


def _read(file: Path) -> dict[str, int]:
    lines = (line.split() for line in file.read_text(encoding="ascii").splitlines())
    return {account: int(owed) for account, owed in lines}


if __name__ == "__main__":
    try:
        main()
    except (OSError, Closed) as error:
        sys.exit(f"a connection broke: {error!r}")
