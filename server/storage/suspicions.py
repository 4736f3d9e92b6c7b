"""Suspicions: looked for beside the payments, told as cases and by a metric; they block nothing.

Payments are looked at once they are visible, by a step of the janitor. What payments do not show,
accounts that were named and do not exist, each worker counts and writes down now and then.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import asyncpg
import prometheus_client
import structlog

from server.storage.connection import UNANSWERED, Connection, lent
from server.storage.payment_tail import PaymentTail

_SUSPICIONS = prometheus_client.Counter(
    "kvitok_suspicions_total", "Cases of suspicion that were opened", ["kind", "agent"]
)
_STEP = "suspicions"
_BUCKET_SECONDS = 10
_READINGS_MAX = 20
_TERMINALS_MAX = 1_000
"""As many are counted at once; a flood of made-up names must not fill the memory."""
_FLUSH_SECONDS = 2.0
_TERMINAL_CHARACTERS_MAX = 100
_TWICE_EACH_MAX = 50
_log = structlog.get_logger("suspicions")

Pace = Counter[tuple[str, str, dt.datetime]]
"""How often, by agent, terminal and the ten seconds that began then."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """From when on something is suspicious."""

    twice_within: dt.timedelta = dt.timedelta(minutes=10)
    """The same account and sum through two agents."""
    payments_per_minute_max: int = 30
    """Of one terminal."""
    unknown_per_minute_max: int = 5
    """Accounts that there are not, named by one terminal."""


class Suspicions:
    """A step of the janitor."""

    def __init__(self, suspicion: Suspicion | None = None) -> None:
        self._suspicion = suspicion or Suspicion()
        self._tail = PaymentTail(_STEP)

    async def step(self, connection: Connection) -> int:
        """Look at the payments that are new; how many cases were opened."""
        opened = 0
        for _ in range(_READINGS_MAX):
            rows = await self._tail.read(connection)
            if rows:
                async with connection.transaction():
                    opened += await self._suspect_twice(connection, rows)
                    await _write_pace(connection, "payments", _pace(rows))
            if not self._tail.behind:
                break
        await self._tail.save(connection, self._tail.position)
        opened += await self._suspect_terminals(connection)
        await connection.execute(_FORGET)
        return opened

    async def _suspect_twice(self, connection: Connection, rows: list[asyncpg.Record]) -> int:
        found = await connection.fetch(
            "select agent, cases from recon.suspect_twice($1, $2, $3, $4, $5)",
            [row["payment_id"] for row in rows],
            [row["account"] for row in rows],
            [row["recorded_at"] for row in rows],
            self._suspicion.twice_within,
            _TWICE_EACH_MAX,
        )
        return _told("SAME_SUM_TWICE", found)

    async def _suspect_terminals(self, connection: Connection) -> int:
        found = await connection.fetch(
            "select agent, cases from recon.suspect_terminals($1, $2)",
            self._suspicion.payments_per_minute_max,
            self._suspicion.unknown_per_minute_max,
        )
        return _told("FAST_TERMINAL", found)


class UnknownAccounts:
    """Implements server.payments.ports.Watch in a worker."""

    def __init__(
        self, pool: asyncpg.Pool[asyncpg.Record], clock: Callable[[], dt.datetime]
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._counted: Pace = Counter()

    def unknown_account(self, agent: str, terminal: str) -> None:
        """Where the agent names no terminal nothing is counted: it speaks for thousands."""
        key = (agent, terminal[:_TERMINAL_CHARACTERS_MAX], _bucket(self._clock()))
        if terminal and (key in self._counted or len(self._counted) < _TERMINALS_MAX):
            self._counted[key] += 1

    async def run(self) -> None:
        """Write down what was counted, until cancelled."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            try:
                await self.flush()
            except UNANSWERED as error:
                _log.warning("unknown accounts not written down", error=repr(error))

    async def flush(self) -> None:
        """Write down what was counted; without PostgreSQL it is forgotten."""
        if self._counted:
            counted, self._counted = self._counted, Counter()
            async with lent(self._pool) as connection:
                await _write_pace(connection, "unknown", counted)


def _told(kind: str, found: Iterable[asyncpg.Record]) -> int:
    cases = 0
    for row in found:
        _SUSPICIONS.labels(kind, row["agent"]).inc(row["cases"])
        cases += row["cases"]
    return cases


def _pace(rows: Iterable[asyncpg.Record]) -> Pace:
    return Counter(
        (row["agent"], row["terminal"], _bucket(row["recorded_at"]))
        for row in rows
        if row["terminal"]
    )


def _bucket(moment: dt.datetime) -> dt.datetime:
    return moment.replace(second=moment.second // _BUCKET_SECONDS * _BUCKET_SECONDS, microsecond=0)


async def _write_pace(connection: Connection, what: str, pace: Pace) -> None:
    if not pace:
        return
    ordered = sorted(pace.items())
    await connection.execute(
        f"insert into ledger.terminal_pace as t (agent, terminal, since, {what})"
        " select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::integer[])"
        f" on conflict (agent, terminal, since) do update set {what} = t.{what} + excluded.{what}",
        [agent for (agent, _, _), _ in ordered],
        [terminal for (_, terminal, _), _ in ordered],
        [since for (_, _, since), _ in ordered],
        [count for _, count in ordered],
    )


_FORGET = "delete from ledger.terminal_pace where since < now() - interval '15 minutes'"
