"""PostgreSQL as the last resort of checks: few statements at a time, many accounts in each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice

import asyncpg

from server.lookup.snapshot import Catalogue, billed_half, join, paid_half
from server.refusals import Refusal, Refused
from server.storage.connection import UNANSWERED, lent

Found = bytes | None
"""A snapshot, or None: there is no such account."""
Answer = Callable[[Found | Refused], None]

_STATEMENTS_MAX = 2
_ACCOUNTS_MAX = 500
_WAITING_MAX = 5000
_TIMEOUT_SECONDS = 2.0
_POSITION_SECONDS = 0.5
_PAUSE_SECONDS = 0.2
_QUERY = (
    "select b.account, b.version as billed_version, b.state, b.holder, b.address, b.services,"
    " b.charged, b.meters, p.version as paid_version, p.services as paid_services, p.paid,"
    " p.advance from ledger.account_billed b join ledger.account_paid p on p.account = b.account"
    " where b.account = any($1)"
)


class Bulkhead:
    """Collects what is asked for while statements run; each answer is as of after its question."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self._waiting: dict[str, list[Answer]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._paused_until = 0.0
        self._clock = asyncio.get_running_loop().time
        self.lookups = 0
        self.refused = 0

    def ask(self, number: str, answer: Answer) -> None:
        """Answer with a snapshot, None, or a Refused(TRY_LATER); perhaps before it returns."""
        waiting = self._waiting.get(number)
        if waiting is not None:
            waiting.append(answer)
            return
        if len(self._waiting) >= _WAITING_MAX or self._clock() < self._paused_until:
            self.refused += 1
            answer(Refused(Refusal.TRY_LATER, "PostgreSQL is away or busy"))
            return
        self._waiting[number] = [answer]
        self._start()

    def _start(self) -> None:
        if self._waiting and len(self._running) < _STATEMENTS_MAX:
            task = asyncio.create_task(self._run())
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()

    async def _run(self) -> None:
        # One turn of the loop has passed since the first of these asked: the others are here too.
        numbers = list(islice(self._waiting, _ACCOUNTS_MAX))
        batch = {number: self._waiting.pop(number) for number in numbers}
        if not batch:
            return
        self.lookups += len(batch)
        try:
            async with lent(self._pool, _TIMEOUT_SECONDS) as connection:
                rows = await connection.fetch(_QUERY, numbers)
        except UNANSWERED as error:
            self._fail(batch, error)
            return
        except asyncio.CancelledError as error:
            self._fail(batch, error)
            raise
        found = {row["account"]: row for row in rows}
        for number, answers in batch.items():
            row = found.get(number)
            result = None if row is None else _snapshot(row)
            for answer in answers:
                answer(result)

    def _fail(self, batch: dict[str, list[Answer]], error: BaseException) -> None:
        if not isinstance(error, asyncio.TimeoutError):
            self._paused_until = self._clock() + _PAUSE_SECONDS
        for answers in batch.values():
            for answer in answers:
                self.refused += 1
                answer(Refused(Refusal.TRY_LATER, f"PostgreSQL: {error!r}"))

    async def services(self) -> Catalogue:
        """The catalogue of services as billing has it now. Raises ConnectionError."""
        try:
            async with lent(self._pool, _TIMEOUT_SECONDS) as connection:
                rows = await connection.fetch("select id, code, name, unit from billing.services")
        except UNANSWERED as error:
            raise ConnectionError("PostgreSQL cannot be asked for the services") from error
        return {row["id"]: (row["code"], row["name"], row["unit"]) for row in rows}

    async def position(self) -> int | None:
        """A WAL position after everything that is committed now; None = cannot be told."""
        try:
            async with lent(self._pool, _POSITION_SECONDS) as connection:
                lsn = await connection.fetchval("select pg_current_wal_insert_lsn() - '0/0'")
        except UNANSWERED:
            return None
        return int(lsn)

    async def stop(self) -> None:
        """Refuse what still waits."""
        for task in self._running:
            task.cancel()
        self._fail(self._waiting, asyncio.CancelledError())
        self._waiting = {}


def _snapshot(row: asyncpg.Record) -> Found | Refused:
    try:
        billed = billed_half(
            row["state"].encode(),
            row["holder"].encode(),
            row["address"].encode(),
            tuple(row["services"]),
            tuple(row["charged"]),
            row["meters"].encode(),
        )
        paid = paid_half(tuple(row["paid_services"]), tuple(row["paid"]), row["advance"])
    except ValueError as error:
        return Refused(Refusal.TRY_LATER, f"account {row['account']} cannot be packed: {error}")
    return join(0, row["billed_version"], billed, row["paid_version"], paid)
