"""New payments as they become visible, by their numbers: posting does not have to announce them.

Numbers are dealt out before a commit, so they appear out of order; one that is missing is looked
for again until it is so old that its transaction must have failed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import asyncpg

from server.storage.connection import Connection

_ROWS_MAX = 5_000
_OVERLAP = 5_000
"""How many numbers before the kept position are read again after a restart."""
_GAPS_MAX = 50_000
_GAP_SECONDS = 60.0
_GAPS_EVERY_SECONDS = 2.0
"""Numbers of repeats are never used: there may be many of them."""


class PaymentTail:
    """Follows ledger.payment; the position is kept under a name. May repeat after a restart."""

    def __init__(self, step: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._step = step
        self._clock = clock
        self._position: int | None = None
        self._saved = 0
        self._gaps: dict[int, float] = {}
        self._gaps_after = 0.0
        self._behind = False

    @property
    def behind(self) -> bool:
        """Whether the last reading ended before the newest payment."""
        return self._behind

    async def read(self, connection: Connection) -> list[asyncpg.Record]:
        """payment_id, account, agent, terminal, amount_kopecks, recorded_at; at most 5,000."""
        if self._position is None:
            await self._start(connection)
        assert self._position is not None
        dealt_out: int = await connection.fetchval(_DEALT_OUT)
        late = await self._late(connection)
        self._behind = False
        if dealt_out <= self._position:
            return late
        new = await connection.fetch(_NEW, self._position, dealt_out, _ROWS_MAX)
        self._remember([row["payment_id"] for row in new], dealt_out)
        return late + new

    @property
    def position(self) -> int:
        """Up to where it has read."""
        return self._position or 0

    async def save(self, connection: Connection, position: int) -> None:
        """What was read up to there is dealt with."""
        if position <= self._saved:
            return
        await connection.execute(_SAVE, self._step, position)
        self._saved = position

    async def _start(self, connection: Connection) -> None:
        kept = await connection.fetchval(
            "select number from ledger.step_position where step = $1", self._step
        )
        if kept is None:
            kept = await connection.fetchval(_DEALT_OUT)
        self._position = self._saved = max(kept - _OVERLAP, 0)

    async def _late(self, connection: Connection) -> list[asyncpg.Record]:
        now = self._clock()
        if not self._gaps or now < self._gaps_after:
            return []
        rows = await connection.fetch(_LATE, list(self._gaps))
        for row in rows:
            del self._gaps[row["payment_id"]]
        self._gaps = {n: since for n, since in self._gaps.items() if now - since < _GAP_SECONDS}
        self._gaps_after = now + _GAPS_EVERY_SECONDS
        return rows

    def _remember(self, new: list[int], dealt_out: int) -> None:
        """`new` are the numbers found after the position, in order."""
        assert self._position is not None
        now = self._clock()
        self._behind = len(new) >= _ROWS_MAX
        until = new[-1] if self._behind else dealt_out
        seen = set(new)
        for number in range(max(self._position, until - _GAPS_MAX) + 1, until + 1):
            if number not in seen and len(self._gaps) < _GAPS_MAX:
                self._gaps[number] = now
        self._position = until


# A sequence that was never used tells the number that it will deal out first.
_DEALT_OUT = "select last_value - (not is_called)::integer from ledger.payment_id"
_COLUMNS = "payment_id, account, agent, terminal, amount_kopecks, recorded_at"
_NEW = f"""
select {_COLUMNS} from ledger.payment
 where payment_id > $1 and payment_id <= $2 and recorded_at > now() - interval '2 days'
 order by payment_id limit $3
"""
_LATE = f"""
select {_COLUMNS} from ledger.payment
 where payment_id = any($1::bigint[]) and recorded_at > now() - interval '2 days'
 order by payment_id
"""
_SAVE = """
insert into ledger.step_position (step, number) values ($1, $2)
on conflict (step) do update set number = excluded.number, at = now()
"""
