"""The ledger port on PostgreSQL: posting through group commit, everything else call by call."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence

import asyncpg

from server.messages import Payment, Reading
from server.payments.ports import MeterRecord, Move, Order, OutcomeUnknown, Posted, Result
from server.refusals import Refusal
from server.storage.agents import Sealer, change_secret
from server.storage.connection import Connection, lent
from server.storage.lost import lost_is_unknown
from server.storage.posting import GroupCommit
from server.storage.records import POSTED_COLUMNS, RECORDED, RECORDED_BY_ID, payment, posted


class PostgresLedger:
    """Implements server.payments.ports.Ledger."""

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        service_ids: dict[str, int],
        sealer: Sealer,
    ) -> None:
        self._pool = pool
        self._sealer = sealer
        self._group_commit = GroupCommit(pool, service_ids)
        self._absorbing: set[asyncio.Task[None]] = set()

    async def finish(self) -> None:
        """Wait until everything accepted is done; before the pool closes."""
        await self._group_commit.finish()
        await asyncio.gather(*self._absorbing, return_exceptions=True)

    async def post(self, order: Order) -> Posted:
        """Record and credit, or hold, once."""
        result = await self._group_commit.post(order)
        if order.readings:
            self._absorb_soon(order.account)
        return result

    def _absorb_soon(self, account: str) -> None:
        task = asyncio.get_running_loop().create_task(self._absorb(account))
        self._absorbing.add(task)
        task.add_done_callback(self._absorbing.discard)

    @lost_is_unknown
    async def _absorb(self, account: str) -> None:
        async with lent(self._pool) as connection:
            await connection.execute("call ledger.absorb_readings($1)", account)

    @lost_is_unknown
    async def remember(
        self, agent: str, agent_payment_id: str, content: str, refusal: Refusal
    ) -> Posted:
        """Record a final refusal under a key unless it is taken; what stands under it now."""
        return posted(await self._row(_REMEMBER, agent, agent_payment_id, content, refusal.value))

    @lost_is_unknown
    async def recorded(self, agent: str, agent_payment_id: str) -> Posted | None:
        """What stands under this key; None only when nobody is writing it either."""
        async with lent(self._pool) as connection:
            row = await connection.fetchrow(RECORDED, agent, agent_payment_id)
            if row is None and await self._is_recorded_after_all(
                connection, agent, agent_payment_id
            ):
                row = await connection.fetchrow(RECORDED, agent, agent_payment_id)
        return posted(row) if row else None

    async def _is_recorded_after_all(
        self, connection: Connection, agent: str, agent_payment_id: str
    ) -> bool:
        """Raises OutcomeUnknown while it is being written."""
        if self._group_commit.is_under_way(agent, agent_payment_id):
            raise OutcomeUnknown("the payment is being written")
        try:
            return bool(await connection.fetchval(_AFTER_ALL, agent, agent_payment_id))
        except asyncpg.LockNotAvailableError as error:
            raise OutcomeUnknown("somebody is writing the payment") from error

    @lost_is_unknown
    async def recorded_by_id(self, agent: str, payment_id: int) -> Posted | None:
        """The agent's payment with our number."""
        async with lent(self._pool) as connection:
            row = await connection.fetchrow(RECORDED_BY_ID, agent, payment_id)
        return posted(row) if row else None

    @lost_is_unknown
    async def move(self, move: Move) -> Posted:
        """Lead a payment along the transition table; NOT_FOUND when nobody is writing it either."""
        arguments = (
            move.action.value,
            move.agent,
            move.agent_payment_id,
            move.payment_id,
            move.business_day,
            move.after_close.value,
            move.actor,
            move.reason,
        )
        moved = posted(await self._row(_MOVE, *arguments))
        if moved.result is not Result.NOT_FOUND or not move.agent_payment_id:
            return moved
        async with lent(self._pool) as connection:
            is_there = await self._is_recorded_after_all(
                connection, move.agent, move.agent_payment_id
            )
        return posted(await self._row(_MOVE, *arguments)) if is_there else moved

    @lost_is_unknown
    async def is_settled(self, agent: str, payment_id: int) -> bool:
        """Whether a credited payment's day is closed, or a line of a registry claims it."""
        async with lent(self._pool) as connection:
            found: bool = await connection.fetchval(_IS_SETTLED, agent, payment_id)
        return found

    async def _row(self, query: str, *arguments: object) -> asyncpg.Record:
        async with lent(self._pool) as connection:
            row = await connection.fetchrow(query, *arguments)
        assert row is not None
        return row

    @lost_is_unknown
    async def statement(
        self, agent: str, since: dt.datetime, until: dt.datetime, *, every_state: bool = False
    ) -> tuple[Payment, ...]:
        """Payments credited now, or all, with paid_at in [since, until]."""
        async with lent(self._pool) as connection:
            rows = await connection.fetch(
                PAYMENTS + " where p.agent = $1 and p.paid_at between $2 and $3"
                # The day bounds the search by index; a day may differ from paid_at by the
                # cut-off, and be later when the payment's own day was closed.
                " and p.business_day >= $2::date - 1 and ($4 or e.state = 'credited')"
                " order by p.paid_at, p.payment_id",
                agent,
                since,
                until,
                every_state,
            )
        return tuple(payment(row) for row in rows)

    @lost_is_unknown
    async def meters(self, account: str) -> tuple[MeterRecord, ...]:
        """The account's meters in use, with the mean monthly use of the last twelve months."""
        async with lent(self._pool) as connection:
            rows = await connection.fetch(_METERS, account)
        return tuple(
            MeterRecord(row["meter"], row["last_reading"], row["last_date"], row["month_mean"])
            for row in rows
        )

    @lost_is_unknown
    async def record_readings(
        self, agent: str, reading_id: str, account: str, readings: Sequence[Reading], on: dt.date
    ) -> None:
        """Record plausible readings; a repeat under the same id records nothing."""
        async with lent(self._pool) as connection:
            await connection.executemany(
                _RECORD_READING,
                [(account, item.meter, on, item.value, agent, reading_id) for item in readings],
            )
        await self._absorb(account)

    @lost_is_unknown
    async def next_open_day(self, agent: str, day: dt.date) -> dt.date:
        """The first day at or after `day` that is not closed."""
        async with lent(self._pool) as connection:
            found: dt.date = await connection.fetchval(_NEXT_OPEN_DAY, agent, day)
        return found

    @lost_is_unknown
    async def change_secret(self, agent: str, name: str, value: str) -> None:
        """Replace one secret; the old set stays valid until the next change."""
        await change_secret(self._pool, self._sealer, agent, name, value)


_REMEMBER = f"select {POSTED_COLUMNS} from ledger.remember_refusal($1, $2, $3, $4)"
_AFTER_ALL = "select ledger.is_recorded_after_all($1, $2)"
_MOVE = f"select {POSTED_COLUMNS} from ledger.move_payment($1, $2, $3, $4, $5, $6, $7, $8)"
PAYMENTS = """
select p.payment_id, p.agent, p.agent_payment_id, p.account, p.amount_kopecks, p.paid_at,
       p.recorded_at, p.readings, p.terminal, e.state, e.state_at, e.held_at, e.credited_at,
       e.reason, p.business_day
  from ledger.payment p cross join lateral ledger.history(p.payment_id, p.recorded_at) e
"""
_RECORD_READING = """
insert into ledger.reading (account, meter, read_on, value_thousandths, source, source_id)
select $1, $2, $3, $4, $5, $6
 where $6 = '' or not exists (select from ledger.reading where account = $1 and meter = $2
                                 and source = $5 and source_id = $6)
"""
_IS_SETTLED = """
select exists (select from ledger.payment p cross join ledger.history(p.payment_id, p.recorded_at) h
                 join ledger.business_day b on b.agent = p.agent and b.day = h.credited_on
                where p.agent = $1 and p.payment_id = $2 and b.closed_at is not null)
    or exists (select from recon.lines where agent = $1 and payment_id = $2
                  and superseded_by is null)
"""
"""As ledger.move_payment looks at it again, with the days locked."""
_NEXT_OPEN_DAY = """
select min(d)::date
  from generate_series($2::date, greatest($2::date, current_date) + 31, interval '1 day') d
 where not exists (select from ledger.business_day b
                    where b.agent = $1 and b.day = d::date and b.closed_at is not null)
"""
_METERS = """
select m.number as meter, l.value_thousandths as last_reading, l.read_on as last_date,
       case when l.read_on - f.read_on >= 28
            then (l.value_thousandths - f.value_thousandths) * 30 / (l.read_on - f.read_on) end
         as month_mean
  from billing.meters m
  left join lateral (select value_thousandths, read_on from ledger.reading r
                      where r.account = m.account and r.meter = m.number
                      order by read_on desc, recorded_at desc limit 1) l on true
  left join lateral (select value_thousandths, read_on from ledger.reading r
                      where r.account = m.account and r.meter = m.number
                        and r.read_on >= l.read_on - 366
                      order by read_on, recorded_at limit 1) f on true
 where m.account = $1 and m.removed_on is null order by m.number
"""


async def payments(
    connection: Connection,
    *,
    agent: str | None = None,
    account: str | None = None,
    day: dt.date | None = None,
    limit: int = 100_000,
) -> tuple[Payment, ...]:
    """Recorded payments in any state, newest last; for `payment list` and the office."""
    rows = await connection.fetch(
        PAYMENTS + " where ($1::text is null or p.agent = $1)"
        " and ($2::text is null or p.account = $2) and ($3::date is null or p.business_day = $3)"
        " order by p.payment_id limit $4",
        agent,
        account,
        day,
        limit,
    )
    return tuple(payment(row) for row in rows)
