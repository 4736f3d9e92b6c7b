"""The processes and places that the sync's measurements work with."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import asyncpg
import redis

from loadtests.bench.keys import account_number
from loadtests.bench.machine import cpu_seconds
from loadtests.bench.ours import OurServer, Store
from loadtests.bench.sync_checks import CheckJob, Judged
from loadtests.bench.sync_lag import PROBES
from server.embedded import processes
from server.lookup.marks import BEAT, COMPLETE, Beat, Complete

_ROOT = Path(__file__).parents[2]
_END_SECONDS = 30.0
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_OWED = """
select b.account, ((select coalesce(sum(c), 0) from unnest(b.charged) c)
     - (select coalesce(sum(p), 0) from unnest(l.paid) p) - l.advance)::bigint as owed
  from ledger.account_billed b join ledger.account_paid l using (account)
 where account = any($1)
"""


class Companion:
    """A process of the bench that works until its stdin ends, and then says what it found."""

    def __init__(self, *words: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
        )

    def tell(self, line: str) -> None:
        """Say a line."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.found()

    def wait_ready(self) -> None:
        """Until it says so itself."""
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "ready\n":
            self.found()

    def found(self, seconds: float = _END_SECONDS) -> dict[str, object]:
        """End it, and what it says. Raises RuntimeError when it failed."""
        said, complaint = self.process.communicate(timeout=seconds)
        if self.process.returncode:
            raise RuntimeError(f"{self.process.args!r} failed: {complaint[-3000:]}")
        sys.stderr.write(complaint)
        result: dict[str, object] = json.loads(said)
        return result

    def kill(self) -> None:
        """Whatever it does; nothing when it has ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@contextmanager
def beside(*words: object) -> Iterator[Companion]:
    """Until the block ends, by force if it has to be."""
    companion = Companion(*words)
    try:
        yield companion
    finally:
        companion.kill()


class Checks:
    """Checks going on; `changed` and `stop` are told to them."""

    def __init__(self, companion: Companion, job: CheckJob) -> None:
        self._companion = companion
        companion.tell(json.dumps(asdict(job)))

    def changed(self) -> None:
        """From now on only the debts after the change are right."""
        self._companion.tell("changed")

    def stop(self) -> Judged:
        """What the answers were."""
        self._companion.tell("stop")
        return Judged(**self._companion.found())  # type: ignore[arg-type]


@contextmanager
def checking(job: CheckJob) -> Iterator[Checks]:
    """Checks in a process of their own."""
    with beside("loadtests.bench.sync_checks") as companion:
        yield Checks(companion, job)


@dataclass(frozen=True, slots=True)
class Site:
    """One server with its stores, and what is asked of them from outside."""

    store: Store
    server: OurServer
    accounts: int
    workers: int
    directory: Path

    @property
    def dsn(self) -> str:
        return self.store.postgres.dsn

    @property
    def first_probe(self) -> int:
        """Place of the first account that no payment of the load is for."""
        return self.accounts - PROBES

    def process(self, name: str) -> int:
        """The id of the server's process whose name ends so."""
        for pid in processes.descendants(self.server.pid):
            comm = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
            if comm.endswith(name):
                return pid
        raise RuntimeError(f"the server has no process {name}")

    def cpu_seconds(self) -> dict[str, float]:
        """Used so far, by component."""
        workers = [self.process(f"worker-{index}") for index in range(self.workers)]
        return {
            "sync": cpu_seconds([self.process("sync")]),
            "PostgreSQL": cpu_seconds([self.store.postgres_pid]),
            "Valkey": cpu_seconds([self.store.valkey_pid]),
            "workers": cpu_seconds(workers),
        }

    def redis(self) -> redis.Redis:
        """To be closed."""
        return redis.Redis.from_url(self.store.valkey.url, socket_timeout=5)

    def beat(self) -> Beat | None:
        """The one that stands in Valkey; None also while Valkey is away."""
        try:
            with self.redis() as client:
                text = client.get(BEAT)
        except redis.RedisError:
            return None
        return Beat.parse(text) if isinstance(text, bytes) else None

    def is_complete(self, above_epoch: int = 0) -> bool:
        """Whether Valkey certainly holds every account."""
        try:
            with self.redis() as client:
                beat, complete = client.get(BEAT), client.get(COMPLETE)
        except redis.RedisError:
            return False
        if not isinstance(beat, bytes) or not isinstance(complete, bytes):
            return False
        epoch = Beat.parse(beat).epoch
        return epoch > above_epoch and Complete.parse(complete).epoch == epoch

    async def write_owed(self, places: list[int], name: str) -> str:
        """A file with these accounts and what each owes now; its path."""
        connection = await asyncpg.connect(self.dsn)
        rows = await connection.fetch(_OWED, [account_number(place) for place in places])
        await connection.close()
        file = self.directory / name
        file.write_text("".join(f"{row['account']} {row['owed']}\n" for row in rows), "ascii")
        return str(file)


async def until(
    what: Callable[[], bool | Awaitable[bool]], seconds: float, said: str, pause: float = 0.02
) -> float:
    """Wait for it; how many seconds that took. Raises RuntimeError when it takes too long."""
    started = time.perf_counter()
    while True:
        found = what()
        if found if isinstance(found, bool) else await found:
            return time.perf_counter() - started
        if time.perf_counter() - started > seconds:
            raise RuntimeError(f"not within {seconds:.0f} s: {said}")
        await asyncio.sleep(pause)
