"""Drives load at one server and counts what that cost: wrk where it is installed, else our own."""

from __future__ import annotations

import json
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtests.bench.generator import Job
from loadtests.bench.machine import Cores, cpu_seconds, started_on

CONNECTIONS = 64
_ROOT = Path(__file__).parents[2]
_WRK_SCRIPT = Path(__file__).with_name("wrk.lua")
_RESULT = re.compile(r"^RESULT (\d+) (\d+) (\d+) (\d+)$", re.M)
_PATIENCE_SECONDS = 60.0
_SATURATED = 0.95


class LoadFailed(Exception):
    """The answers were not what they should be: the figure would mean nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send what, and whose CPU time it costs."""

    port: int
    template: bytes
    server: Sequence[int]
    """Process ids; their children count as well."""
    store: Sequence[int] = ()
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one target."""

    requests: int
    seconds: float
    server_cpu_seconds: float
    store_cpu_seconds: float
    generator_share: float
    """Of its core; near 1 it is the generator that caps the rate."""
    latencies_us: dict[str, float]
    late: int = 0
    """Of an open loop: not answered in time."""

    @property
    def cost_us(self) -> float:
        """Server CPU per completed request."""
        return self.server_cpu_seconds / self.requests * 1e6

    @property
    def store_cost_us(self) -> float:
        """The store's CPU per completed request."""
        return self.store_cpu_seconds / self.requests * 1e6

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def is_capped(self) -> bool:
        """Whether the generator, not the server, was what could do no more.

        The stores share its core: what they need, it cannot have.
        """
        others = self.store_cpu_seconds / self.seconds
        return self.generator_share + others > _SATURATED and (
            self.server_cpu_seconds / self.seconds < _SATURATED
        )


class Generator:
    """Which program asks, on which core, with files under `directory`."""

    def __init__(self, directory: Path, cores: Cores, *, wrk: str | None = None) -> None:
        self._directory = directory
        self._cores = cores
        self._wrk = shutil.which("wrk") if wrk is None else wrk

    @property
    def name(self) -> str:
        """For the report."""
        return "wrk" if self._wrk else "our own generator in Python"

    def closed(self, target: Target, keys: Sequence[str], seconds: float, seed: int) -> Sample:
        """As fast as `CONNECTIONS` connections can, one request at a time on each."""
        keys_file = self._file("keys", "\n".join(keys).encode() + b"\n")
        if not self._wrk:
            return self._own(target, keys_file, seconds, seed, 0.0)
        request_file = self._file("request", target.template)
        command = [self._wrk, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s"]
        command += [str(_WRK_SCRIPT), f"http://{target.host}:{target.port}/", "--"]
        command += [str(request_file), str(keys_file), str(seed)]
        said, costs = self._timed(command, "", target)
        found = _RESULT.search(said)
        if found is None:
            raise LoadFailed(f"wrk said: {said}")
        requests, microseconds, broken, bad = map(int, found.groups())
        if broken or bad or not requests:
            raise LoadFailed(f"{broken} connections broke, {bad} answers were not 200: {said}")
        elapsed = microseconds / 1e6
        return Sample(requests, elapsed, costs[0], costs[1], costs[2] / elapsed, {})

    def open(
        self, target: Target, keys: Sequence[str], seconds: float, seed: int, rate: float
    ) -> Sample:
        """At `rate` requests a second, come what may."""
        keys_file = self._file("keys", "\n".join(keys).encode() + b"\n")
        return self._own(target, keys_file, seconds, seed, rate)

    def _own(
        self, target: Target, keys_file: Path, seconds: float, seed: int, rate: float
    ) -> Sample:
        job = Job(
            host=target.host,
            port=target.port,
            template=target.template.decode(),
            keys=str(keys_file),
            seconds=seconds,
            connections=CONNECTIONS,
            rate=rate,
            seed=seed,
        )
        command = [sys.executable, "-m", "loadtests.bench.generator"]
        said, costs = self._timed(command, json.dumps(asdict(job)), target)
        result = json.loads(said)
        if not result["requests"] or (result["bad"] and not rate):
            raise LoadFailed(f"{result['bad']} answers were not 200")
        elapsed = result["seconds"]
        return Sample(
            requests=result["requests"],
            seconds=elapsed,
            server_cpu_seconds=costs[0],
            store_cpu_seconds=costs[1],
            generator_share=costs[2] / elapsed,
            latencies_us=result["latencies_us"],
            late=result["bad"],
        )

    def _timed(
        self, command: Sequence[str], given: str, target: Target
    ) -> tuple[str, tuple[float, float, float]]:
        """What it printed; CPU seconds of server, store and generator."""
        server, store = cpu_seconds(target.server), cpu_seconds(target.store)
        own = _children_seconds()
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            cwd=_ROOT,
            timeout=_PATIENCE_SECONDS,
            check=False,
            preexec_fn=started_on(self._cores.load),
        )
        time.sleep(0.02)  # what the last requests cost is accounted for at the next tick
        costs = (
            cpu_seconds(target.server) - server,
            cpu_seconds(target.store) - store,
            _children_seconds() - own,
        )
        if done.returncode:
            raise LoadFailed(f"{command[0]} failed: {done.stderr[-2000:]}{done.stdout[-500:]}")
        return done.stdout, costs

    def _file(self, name: str, content: bytes) -> Path:
        path = self._directory / name
        path.write_bytes(content)
        return path


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
