"""What an account costs: in Valkey, by the number of accounts; in a worker that holds it.

`python -m loadtests.bench.memory_run near ENTRIES` is a process of its own, so that nothing but the
near cache grows in it. It prints what `Near` holds, as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import redis

from loadtests.bench.accounts import account
from loadtests.bench.figures import spread
from loadtests.bench.filling import fill_valkey
from loadtests.bench.goals import Goal, goal_table
from loadtests.bench.machine import resident_bytes
from server.config import Settings
from server.embedded import EmbeddedValkey
from server.lookup.generations import Generations
from server.lookup.parts import snapshots

VALKEY_MUST, VALKEY_AIM, NEAR_MUST = 220.0, 180.0, 300.0
_ROOT = Path(__file__).parents[2]
_EPOCH = 1
_VALUES = 20_000
_FULL = 0.8
"""Of a near cache's entries; the rest is probation of those that were asked for once."""
_HOT_SHARE = 0.3
_SCAN_TIMES, _WARM_TIMES = 3, 6


@dataclass(frozen=True, slots=True)
class Store:
    """A Valkey that holds nothing but `accounts` snapshots; bytes for each of them, all in."""

    accounts: int
    used: float
    resident: float


@dataclass(frozen=True, slots=True)
class Near:
    """A near cache, full of accounts that were asked for twice; then a scan passed through."""

    entries_max: int
    entries: int
    resident: float
    """Bytes for each of them: snapshot, number and the map's own, as the process grew."""
    hits_before: float
    """Of the questions for a hot third, how many were answered from memory."""
    hits_during: float
    """The same while every other question was for an account that nobody asked for before."""
    scanned: int
    entries_after: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What that run found."""

    value_bytes: float
    """A snapshot's own, on average."""
    stores: tuple[Store, ...]
    near: Near


def run(counts: Sequence[int], entries_max: int, directory: Path) -> Memory:
    """Valkey with each of the counts, ascending, filled alone; a near cache of so many entries."""
    place = directory / "memory"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    valkey = EmbeddedValkey(place / "valkey")
    valkey.start()
    try:
        stores = tuple(_filled(valkey.url, count) for count in counts)
    finally:
        valkey.kill()
    command = [sys.executable, "-m", "loadtests.bench.memory_run", "near", str(entries_max)]
    said = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True).stdout
    sizes = [len(account(number).snapshot(_EPOCH)) for number in range(_VALUES)]
    return Memory(sum(sizes) / len(sizes), stores, Near(**json.loads(said)))


def _filled(url: str, count: int) -> Store:
    fill_valkey("snapshots", count, url)
    with redis.Redis.from_url(url) as client:
        held = client.dbsize()
        assert held == count, f"{held} keys"
        info = client.info("memory")
    return Store(count, info["used_memory"] / count, info["used_memory_rss"] / count)


def measure_near(entries_max: int) -> Near:
    """In this process."""
    values = [account(number).snapshot(_EPOCH) for number in range(_VALUES)]
    gc.collect()
    before = resident_bytes(os.getpid())
    cache = snapshots(entries_max, is_cluster=False)
    assert isinstance(cache, Generations)
    full = int(_FULL * entries_max)
    for number in range(full):
        _ask(cache, number, values)
        _ask(cache, number, values)
    grown = resident_bytes(os.getpid()) - before
    entries = len(cache)
    hot = range(2 * entries_max, 2 * entries_max + int(_HOT_SHARE * entries_max))
    dice = random.Random(1)
    for _ in range(_WARM_TIMES * entries_max):
        _ask(cache, dice.choice(hot), values)
    questions = _SCAN_TIMES * entries_max
    calm = sum(_ask(cache, dice.choice(hot), values) for _ in range(questions))
    hits = 0
    for stranger in range(3 * entries_max, 3 * entries_max + questions):
        hits += _ask(cache, dice.choice(hot), values)
        _ask(cache, stranger, values)
    return Near(
        entries_max=entries_max,
        entries=entries,
        resident=grown / entries,
        hits_before=calm / questions,
        hits_during=hits / questions,
        scanned=questions,
        entries_after=len(cache),
    )


def _ask(cache: Generations[bytes], place: int, values: Sequence[bytes]) -> bool:
    """As a worker does: what is not there is fetched, as a string of its own, and put there."""
    number = str(20_000_000 + place)
    if cache.get(number) is not None:
        return True
    cache.put(number, bytes(bytearray(values[place % _VALUES])))
    return False


def memory_goals(memory: Memory) -> tuple[Goal, ...]:
    """Judged where Valkey holds most."""
    used = spread([memory.stores[-1].used])
    near = spread([memory.near.resident])
    kept = spread([memory.near.hits_during / memory.near.hits_before])
    most = f"{memory.stores[-1].accounts:,}"
    return (
        Goal(f"Valkey, bytes an account at {most}", VALKEY_MUST, VALKEY_AIM, False, used),
        Goal("near cache, bytes a hot account", NEAR_MUST, NEAR_MUST, False, near),
        Goal("hits of hot accounts during a scan ÷ before it", 0.99, 1.0, True, kept),
    )


def memory_section(memory: Memory) -> str:
    """In Markdown."""
    near = memory.near
    ready_megabytes = Settings.model_fields["ready_answers_bytes_max"].default >> 20
    opening = (
        f"Memory: a snapshot with six services and two meters has {memory.value_bytes:.0f} bytes."
        " Valkey is filled alone, by the encoder that the sync uses, and all that it uses is"
        " divided by its accounts."
    )
    scan = (
        f"A near cache bounded at {near.entries_max:,} accounts held {near.entries:,} that had been"
        f" asked for twice, at {near.resident:.0f} bytes each; answers that stand ready have"
        f" {ready_megabytes} MB of their own. Then {near.scanned:,} accounts that nobody else asks"
        f" for were asked for once, each after a question for one of the hot:"
        f" {near.hits_before:.2%} of those were answered from memory before,"
        f" {near.hits_during:.2%} meanwhile, and it held {near.entries_after:,}."
    )
    lines = [opening, "", goal_table(memory_goals(memory)), ""]
    lines += ["| accounts in Valkey | bytes an account, used | resident |", "|---|---|---|"]
    lines += [f"| {s.accounts:,} | {s.used:.0f} | {s.resident:.0f} |" for s in memory.stores]
    return "\n".join([*lines, "", scan])


if __name__ == "__main__":
    assert sys.argv[1] == "near"
    print(json.dumps(asdict(measure_near(int(sys.argv[2])))))
