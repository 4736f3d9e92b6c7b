"""Payments: our posting core beside one transaction per payment and what PostgreSQL can do."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import asyncpg

from loadtests.bench import shapes
from loadtests.bench.figures import quantile
from loadtests.bench.keys import UNIFORM, drawn
from loadtests.bench.load import Generator, Sample, Target
from loadtests.bench.machine import Cores, cpu_seconds, moved_to, said_by, started_on
from loadtests.bench.ours import OurServer, Store
from loadtests.bench.peers.launch import free_port, listens, until
from loadtests.bench.posting_store import janitor_of, open_day, take_in
from loadtests.bench.rounds import shuffled

CORE_MANY, ONE_MANY, BATCH = "core, 256 payers", "one transaction, 256 payers", "batch of 256"
CORE_FEW, ONE_FEW = "core, 32 payers", "one transaction, 32 payers"
OURS_HTTP, PEER_HTTP = "kvitok over HTTP", "aiohttp + one asyncpg transaction"
_MANY, _FEW, _BATCH_ROWS = 256, 32, 256
_ROOT = Path(__file__).parents[2]
_BATCH_FILE = Path(__file__).with_name("batch.pgbench")
_TPS = re.compile(r"^tps = ([\d.]+)", re.M)
_DRAWS = 100_000

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Posting:
    """What the rounds found, row by row."""

    core: dict[str, list[Figures]]
    """`per_second` and, but for the batch, `p50_ms`, `p99_ms`."""
    http: dict[str, list[Sample]]
    """Server CPU here includes PostgreSQL's."""
    later_us: list[float]
    """Of ours, per payment and round: what allocates payments to charges ten seconds after them."""
    batch_by: str
    """The program that drove the batch."""
    accounts: int

    def per_second(self, row: str) -> list[float]:
        """Payments a second, round by round."""
        return [figures["per_second"] for figures in self.core[row]]

    def median_ms(self, row: str) -> list[float]:
        """The median payer's wait, round by round."""
        return [figures["p50_ms"] for figures in self.core[row]]


def run(accounts: int, rounds: int, seconds: int, directory: Path, cores: Cores) -> Posting:
    """On new databases: what an earlier run has paid would lie about in them."""
    for name in ("posting", "posting-http"):
        shutil.rmtree(directory / name, ignore_errors=True)
    with ExitStack() as stack:
        plain = stack.enter_context(Store(directory / "posting", accounts, cores))
        # Apart, because a feed that follows one's payments would be paid for by the other's.
        fed = stack.enter_context(Store(directory / "posting-http", accounts, cores))
        server = stack.enter_context(OurServer(fed.where, directory, "posting", cores))
        server.wait_until_complete()
        asyncio.run(take_in(fed.postgres.dsn))
        janitor = asyncio.run(janitor_of(fed.postgres.dsn, server.pid))
        for store in (plain, fed):
            moved_to(cores.server, store.postgres_pid)
            moved_to(cores.load, store.valkey_pid)
        for store in (plain, fed):
            asyncio.run(open_day(store.postgres.dsn))
        peer = stack.enter_context(_peer(plain.postgres.dsn, cores))
        core = _Core(plain.postgres.dsn, accounts, seconds, cores)
        http = _Http(Generator(directory, cores, wrk=""), accounts, seconds, janitor)
        targets = {
            OURS_HTTP: _target(server.port, "/pay/osmp", [server.pid], fed),
            PEER_HTTP: _target(peer[0], "/pay", [peer[1]], plain),
        }
        work: dict[str, Callable[[int], Figures | Sample]] = dict(core.rows())
        work[OURS_HTTP] = partial(http.ours, targets[OURS_HTTP])
        work[PEER_HTTP] = partial(http.measured, targets[PEER_HTTP])
        found: dict[str, list[Figures | Sample]] = {name: [] for name in work}
        for number, name in shuffled(list(work), rounds):
            found[name].append(work[name](number))
    return Posting(
        core={name: [f for f in found[name] if isinstance(f, dict)] for name in core.rows()},
        http={name: [f for f in found[name] if isinstance(f, Sample)] for name in targets},
        later_us=http.later_us,
        batch_by=core.batch_by,
        accounts=accounts,
    )


@contextmanager
def _peer(dsn: str, cores: Cores) -> Iterator[tuple[int, int]]:
    """Port and process id of the peer's HTTP server."""
    port = free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "loadtests.bench.peers.plain_payment", str(port), dsn],
            stdout=log,
            stderr=log,
            cwd=_ROOT,
            preexec_fn=started_on(cores.server),
        )
        try:
            until(lambda: listens(port), process, lambda: _text(log))
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(timeout=10)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _target(port: int, path: str, server: Sequence[int], store: Store) -> Target:
    now = dt.datetime.now(dt.UTC)
    template = (
        f"GET {path}?command=pay&txn_id={{txn}}&txn_date={now:%Y%m%d%H%M%S}&account={{key}}"
        "&sum=10.45 HTTP/1.1\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in shapes.USUAL.headers)
        + "\r\n"
    )
    return Target(port, template.encode(), [*server, store.postgres_pid], [store.valkey_pid])


class _Http:
    def __init__(
        self, generator: Generator, accounts: int, seconds: int, janitor: Sequence[int]
    ) -> None:
        self._generator = generator
        self._accounts = accounts
        self._seconds = seconds
        self._janitor = janitor
        self.later_us: list[float] = []

    def ours(self, target: Target, number: int) -> Sample:
        """`measured`, with what the janitor's share of it is."""
        before = cpu_seconds(self._janitor)
        sample = self.measured(target, number)
        self.later_us.append((cpu_seconds(self._janitor) - before) / sample.requests * 1e6)
        return sample

    def measured(self, target: Target, number: int) -> Sample:
        """Every connection pays again when it is answered; no number comes twice."""
        keys = drawn(UNIFORM, self._accounts, _DRAWS, 3_000 + number)
        return self._generator.closed(target, keys, self._seconds, 10_000 * (number + 2))


class _Core:
    def __init__(self, dsn: str, accounts: int, seconds: int, cores: Cores) -> None:
        self._dsn = dsn
        self._accounts = accounts
        self._seconds = seconds
        self._cores = cores
        self._pgbench = shutil.which("pgbench")
        version = said_by(["pgbench", "--version"], r"(\d+\.\d+)") if self._pgbench else ""
        self.batch_by = f"pgbench {version}" if version else "asyncpg, one statement"

    def rows(self) -> Mapping[str, Callable[[int], Figures]]:
        """What is measured without HTTP."""
        return {
            CORE_MANY: partial(self._payers, "core", _MANY),
            ONE_MANY: partial(self._payers, "one", _MANY),
            CORE_FEW: partial(self._payers, "core", _FEW),
            ONE_FEW: partial(self._payers, "one", _FEW),
            BATCH: self._batch,
        }

    def _payers(self, how: str, payers: int, number: int) -> Figures:
        command = [sys.executable, "-m", "loadtests.bench.posting_load", how, str(payers)]
        command += [str(self._seconds), str(number), str(self._accounts), self._dsn]
        found: Figures = json.loads(self._run(command))
        return found

    def _batch(self, number: int) -> Figures:
        if self._pgbench is None:
            return asyncio.run(self._batch_without_pgbench(number))
        command = [self._pgbench, "-n", "-M", "prepared", "-c", "1", "-f", str(_BATCH_FILE)]
        command += ["-D", f"accounts={self._accounts}", "-T", str(self._seconds), self._dsn]
        found = _TPS.search(self._run(command))
        assert found is not None
        return {"per_second": float(found[1]) * _BATCH_ROWS}

    async def _batch_without_pgbench(self, number: int) -> Figures:
        """The same statement, driven from here."""
        lines = _BATCH_FILE.read_text(encoding="utf-8").splitlines()
        statement = "\n".join(line for line in lines if not line.startswith(("--", "\\")))
        statement = statement.replace(":accounts", str(self._accounts)).replace(":at", "$1::int")
        generator = random.Random(number)
        connection = await asyncpg.connect(self._dsn)
        prepared = await connection.prepare(statement)
        loop = asyncio.get_running_loop()
        waits: list[float] = []
        until_time = loop.time() + self._seconds
        while (started := loop.time()) < until_time:
            await prepared.fetch(generator.randrange(self._accounts))
            waits.append(loop.time() - started)
        await connection.close()
        return {"per_second": _BATCH_ROWS / quantile(waits, 0.5)}

    def _run(self, command: Sequence[str]) -> str:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=_ROOT,
            check=False,
            timeout=60 + self._seconds,
            preexec_fn=started_on(self._cores.load),
        )
        if done.returncode:
            raise RuntimeError(f"{command[:4]} failed: {done.stderr[-3000:]}")
        return done.stdout
