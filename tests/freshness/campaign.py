"""A campaign: servers, payers, billing and trouble; what was seen, and how much from memory."""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import asyncpg

from tests.faults.host import ROOT, WORKERS, Host
from tests.faults.run import is_equal
from tests.faults.stage import Stage
from tests.freshness.owed import CHARGE, CHARGES_AT_FIRST, Book
from tests.freshness.payer import Seen, Task
from tests.freshness.trouble import Trouble

ENVIRONMENT = {
    # Nobody looks at the cases that so many small payments would make.
    "KVITOK_TWICE_WITHIN_SECONDS": "0",
    "KVITOK_DATABASE_CONNECTIONS_MAX": "4",
}
_ACCOUNTS = 40  # of each payer
_FIRST = 3_000_001
_EQUAL_SECONDS = 60.0
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 60.0
_CHARGE_SECONDS = (0.0, 0.1)
_CHECKS = re.compile(r'kvitok_requests_total\{agent="\w+",operation="check",.*\} (.*)')
_FAST = re.compile(r'kvitok_fast_answers_total\{agent="\w+",source="(\w+)"\} (.*)')


@dataclass
class Found:
    """What a campaign has found."""

    hosts: int
    seconds: float = 0.0
    at_once: int = 0
    """Pairs: an answered payment, and a check of a worker that left within 100 µs."""
    later: int = 0
    """The same, where the check left later."""
    across: int = 0
    """Pairs: an answered payment, and a check of another server's worker that the push reached."""
    other: int = 0
    put_off: int = 0
    early: int = 0
    early_stale: int = 0
    by_feed: int = 0
    delays_us: dict[str, float] = field(default_factory=dict)
    gaps_us: dict[str, float] = field(default_factory=dict)
    checks: dict[str, int] = field(default_factory=dict)
    """All that the servers counted, and those answered on the fast lane, by source."""
    deeds: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def from_memory(self) -> float:
        """Of all checks, how many were near-cache hits on the fast lane."""
        return self.checks["memory"] / max(self.checks["all"], 1)

    @property
    def pairs(self) -> int:
        """All of them."""
        return self.at_once + self.later + self.across

    def __str__(self) -> str:
        size = f"{self.hosts} servers, {WORKERS} workers each, {self.seconds:.0f} s"
        lines = [f"{size}, {self.from_memory:.1%} of the checks from memory"]
        lines += [f"  {name}: {value}" for name, value in asdict(self).items() if name != "faults"]
        lines += [f"  ! {fault}" for fault in self.faults[:20]]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Size:
    """Each payer stops at its part of the payments or the pairs, or when time is up."""

    payers: int
    payments: int
    pairs: int
    seconds: float
    calm: int
    """Payments, of all, from one fault to the next."""


def run_campaign(stage: Stage, size: Size, seed: int) -> Found:
    """Payments on a stage on which much goes wrong."""
    started = time.monotonic()
    background = stage.background
    tasks = _tasks(stage, size, seed)
    accounts = size.payers * _ACCOUNTS
    book = Book.make(Path(tasks[0].book), accounts + size.payers + 1)
    background.run(_open_accounts(stage.database.dsn, accounts))
    _wait_until_equal(stage)
    before = [_checks(host) for host in stage.hosts]
    trouble = Trouble(stage, seed)
    charging = background.begin(_charge(stage.database.dsn, book, accounts, seed))
    try:
        with _payers(tasks) as payers:
            _disturb(stage, trouble, size.calm, payers, lambda: _progress(book, tasks))
            seen = [_read(payer, task) for payer, task in zip(payers, tasks, strict=True)]
    finally:
        charging.cancel()
    found = _added(seen, len(stage.hosts))
    found.seconds = time.monotonic() - started
    found.troubles = dict(trouble.counts)
    after = [_checks(host) for host in stage.hosts]
    found.checks = dict(sum(after, Counter[str]()) - sum(before, Counter[str]()))
    _wait_until_equal(stage)
    return found


def _tasks(stage: Stage, size: Size, seed: int) -> list[Task]:
    """Every payer has accounts of its own."""
    servers = [(host.behind[1], _pid(host)) for host in stage.hosts]
    accounts = size.payers * _ACCOUNTS
    return [
        Task(
            seed=seed * size.payers + number,
            servers=servers,
            workers=WORKERS,
            accounts=[
                (str(_FIRST + place), place)
                for place in range(number * _ACCOUNTS, (number + 1) * _ACCOUNTS)
            ],
            book=str(stage.directory / "book"),
            progress=accounts + number,
            stop=accounts + size.payers,
            redis_url=stage.valkey.url,
            payments=size.payments // size.payers,
            pairs=size.pairs // size.payers,
            seconds=size.seconds,
            result=str(stage.directory / f"seen-{number}.json"),
        )
        for number in range(size.payers)
    ]


def _disturb(
    stage: Stage,
    trouble: Trouble,
    calm: int,
    payers: Sequence[subprocess.Popen[str]],
    progress: Callable[[], int],
) -> None:
    """As long as anybody pays. Time plays no part, so that a slow machine has as many payments."""
    due = calm
    while any(payer.poll() is None for payer in payers):
        time.sleep(_POLL_SECONDS)
        assert all(host.is_alive() for host in stage.hosts), stage.log()
        if progress() >= due:
            trouble.make()
            due += calm


def _progress(book: Book, tasks: Sequence[Task]) -> int:
    return sum(book.count(task.progress) for task in tasks)


def _pid(host: Host) -> int:
    assert host.process is not None
    return host.process.pid


async def _open_accounts(dsn: str, count: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "insert into billing.accounts (number, holder, address)"
            " select n::text, 'Иванов Иван Иванович', 'ул. Садовая, д. ' || n % 90 || ', кв. 5'"
            " from generate_series($1::int, $2::int) n",
            *(_FIRST, _FIRST + count - 1),
        )
        await connection.execute(
            "insert into billing.charges (account, service, period, amount_kopecks)"
            " select number, (select min(code) from billing.services), '2026-10-01', $1"
            " from billing.accounts where number::bigint between $2 and $3",
            *(CHARGES_AT_FIRST * CHARGE, _FIRST, _FIRST + count - 1),
        )
    finally:
        await connection.close()


async def _charge(dsn: str, book: Book, accounts: int, seed: int) -> None:
    """Billing goes on all the time."""
    dice = random.Random(f"charges {seed}")
    connection = await asyncpg.connect(dsn)
    try:
        while True:
            place = dice.randrange(accounts)
            book.add(place)
            await connection.execute(
                "insert into billing.charges (account, service, period, amount_kopecks)"
                " values ($1, (select min(code) from billing.services), '2026-11-01', $2)",
                *(str(_FIRST + place), CHARGE),
            )
            await asyncio.sleep(dice.uniform(*_CHARGE_SECONDS))
    finally:
        connection.terminate()


def _wait_until_equal(stage: Stage) -> None:
    """Until Redis is what PostgreSQL says."""
    give_up = time.monotonic() + _EQUAL_SECONDS
    while not stage.background.run(is_equal(stage.database.dsn, stage.valkey.url)):
        assert time.monotonic() < give_up, f"Redis does not become PostgreSQL\n{stage.log()}"
        time.sleep(_POLL_SECONDS)


@contextmanager
def _payers(tasks: Sequence[Task]) -> Iterator[list[subprocess.Popen[str]]]:
    payers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.freshness.payer", json.dumps(asdict(task))],
            text=True,
            cwd=ROOT,
        )
        for task in tasks
    ]
    try:
        yield payers
    finally:
        for payer in payers:
            payer.kill()
            payer.wait()


def _read(payer: subprocess.Popen[str], task: Task) -> Seen:
    assert payer.returncode == 0, "a payer broke off"
    return Seen(**json.loads(Path(task.result).read_text(encoding="utf-8")))


def _added(seen: Sequence[Seen], hosts: int) -> Found:
    found = Found(hosts)
    for each in seen:
        for name in ("at_once", "later", "across", "other", "put_off", "early", "early_stale"):
            setattr(found, name, getattr(found, name) + getattr(each, name))
        found.by_feed += each.by_feed
        found.faults += each.faults
    found.deeds = dict(sum((Counter(each.deeds) for each in seen), Counter[str]()))
    found.delays_us = _shares([delay for each in seen for delay in each.delays])
    found.gaps_us = _shares([gap for each in seen for gap in each.gaps])
    return found


def _shares(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    seconds.sort()
    last = len(seconds) - 1
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "worst": 1.0}
    return {name: round(seconds[int(last * share)] * 1e6) for name, share in shares.items()}


def _checks(host: Host) -> Counter[str]:
    """Checks that a server has answered, and those answered on the fast lane, by source."""
    text = _metrics(host)
    counts = Counter({"all": sum(round(float(value)) for value in _CHECKS.findall(text))})
    for source, value in _FAST.findall(text):
        counts[source] += round(float(value))
    return counts


def _metrics(host: Host) -> str:
    """A worker that is about to be replaced may hang up."""
    url = f"http://127.0.0.1:{host.behind[1]}/metrics"
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up:
        with suppress(OSError), urllib.request.urlopen(url, timeout=20) as answer:
            text: str = answer.read().decode()
            return text
        time.sleep(_POLL_SECONDS)
    raise AssertionError("no metrics")


def keep(found: Found, path: Path) -> None:
    """As JSON."""
    path.write_text(json.dumps(asdict(found), ensure_ascii=False, indent=1), encoding="utf-8")
