"""Group commit: orders that arrive together become one call of ledger.post_payments.

While one batch is in flight the next one gathers; there is no timer. As soon as a batch is back the
next is sent, and its outcomes are handed out while PostgreSQL works on that. Every order gets its
own outcome. An order on an account that somebody else has locked goes aside, where it holds up
nobody; a batch that fails as a whole is posted again one by one, so a poisoned order fails alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import NamedTuple, Protocol

import asyncpg

from server.payments.ports import Order, OutcomeUnknown, Posted, Result
from server.storage.connection import CALL_SECONDS, Connection, keep_epoch, lent, throw_away
from server.storage.lost import LOST, RETRIABLE
from server.storage.records import POSTED_COLUMNS, details, outcomes

_BATCH_MAX = 512
_BATCH_USUAL_MIN = 64
"""Below this a batch costs more per payment than its smallness saves in waiting."""
_WAITING_MAX = 10_000
_IDLE_TURNS_MAX = 10  # handing out takes one; more means that nobody works on what is unanswered
_ASIDE_CALLS_MAX = 2
"""Calls in flight besides the batch; the pool has more connections than these."""
_ATTEMPTS = 5
_CALL = (
    f"select numbers, {POSTED_COLUMNS} from %s($1, $2::text[], $3::text[], $4::text[],"
    " $5::bigint[], $6::timestamptz[], $7::date[], $8::text[], $9::jsonb[], $10::text[],"
    " $11::integer[])"
)
_POST = _CALL % "ledger.post_payments"
_POST_WITHIN_LIMITS = _CALL % "ledger.post_within_limits"
_POST_PLAIN = (
    f"select numbers, {POSTED_COLUMNS} from ledger.post_plain($1::text[], $2::text[], $3::text[],"
    " $4::bigint[], $5::timestamptz[], $6::date[], $7::text[], $8::text[])"
)


class Waiting(NamedTuple):
    """An order with what of it can be prepared while PostgreSQL works for others."""

    order: Order
    fingerprint: str
    details: str | None
    outcome: asyncio.Future[Posted]


async def post_batch(
    session: Connection, batch: Sequence[Waiting], *, wait: bool
) -> Sequence[asyncpg.Record]:
    """One round trip and one transaction.

    Raises asyncpg.UniqueViolationError only without `wait`: a key that was being written elsewhere.
    """
    orders = [item.order for item in batch]
    columns = (
        [order.agent for order in orders],
        [order.agent_payment_id for order in orders],
        [order.account for order in orders],
        [order.amount.kopecks for order in orders],
        [order.paid_at for order in orders],
        [order.business_day for order in orders],
        [item.fingerprint for item in batch],
    )
    terminals = [order.terminal for order in orders]
    said = terminals if any(terminals) else None
    if not wait and _may_be_plain(batch):
        return await session.fetch(_POST_PLAIN, *columns, said, timeout=CALL_SECONDS)
    prepared = [item.details for item in batch]
    held = [order.valid_seconds for order in orders]
    return await session.fetch(
        _POST_WITHIN_LIMITS if any(order.limited for order in orders) else _POST,
        wait,
        *columns,
        prepared if any(prepared) else None,
        said,
        held if any(each is not None for each in held) else None,
        timeout=CALL_SECONDS,
    )


def _may_be_plain(batch: Sequence[Waiting]) -> bool:
    """Whether all that is asked for is what ledger.post_plain can do."""
    keys = set()
    for order, _, prepared, _ in batch:
        if order.limited or order.valid_seconds is not None or prepared is not None:
            return False
        keys.add((order.agent, order.agent_payment_id))
    return len(keys) == len(batch)


class Call(Protocol):
    """Carries a batch to the database; rows as `outcomes` reads them."""

    async def __call__(
        self, session: Connection, batch: Sequence[Waiting], *, wait: bool
    ) -> Sequence[asyncpg.Record]: ...


class GroupCommit:
    """Collects orders and posts them in batches through `pool`."""

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        service_ids: dict[str, int],
        call: Call = post_batch,
    ) -> None:
        self._pool = pool
        self._call = call
        self._service_ids = service_ids
        self._waiting: deque[Waiting] = deque()
        self._unanswered = 0
        self._under_way: dict[tuple[str, str], int] = {}
        """Orders that are unanswered, by agent and the agent's number."""
        self._running = False
        self._aside: dict[str, list[Waiting]] = {}
        """By account; each has a task that waits for it."""
        self._aside_calls = asyncio.Semaphore(_ASIDE_CALLS_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    async def post(self, order: Order) -> Posted:
        """On disk when this returns. Raises OutcomeUnknown.

        A caller that goes away meanwhile changes nothing: the order stays where it is.
        """
        if len(self._waiting) + sum(map(len, self._aside.values())) >= _WAITING_MAX:
            raise OutcomeUnknown("too many payments are waiting")
        outcome: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()
        prepared = details(order, self._service_ids)
        self._waiting.append(Waiting(order, order.fingerprint, prepared, outcome))
        self._unanswered += 1
        key = order.agent, order.agent_payment_id
        self._under_way[key] = self._under_way.get(key, 0) + 1
        if not self._running:
            self._running = True
            self._spawn(self._drain())
        return await outcome

    def is_under_way(self, agent: str, agent_payment_id: str) -> bool:
        """Whether an order of this number is unanswered."""
        return (agent, agent_payment_id) in self._under_way

    async def finish(self) -> None:
        """Wait for everything accepted so far."""
        idle_turns = 0
        while (self._unanswered or self._tasks) and idle_turns < _IDLE_TURNS_MAX:
            idle_turns = 0 if self._tasks else idle_turns + 1
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.sleep(0)  # what is handed out now may go aside

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self) -> None:
        while self._waiting:
            try:
                await self._drain_through_a_session()
            except Exception as error:  # it may refuse the log-in as well; nobody is left waiting
                self._fail(self._take(len(self._waiting)), _unknown(error))
        # In the same tick that found the queue empty: an order that came during an await after
        # this line would otherwise wait for nobody. Giving the session back is such an await.
        self._running = False

    async def _drain_through_a_session(self) -> None:
        """Raises LOST when there is none."""
        async with self._pool.acquire(timeout=CALL_SECONDS) as session:
            await keep_epoch(session)
            is_good = True
            while self._waiting and is_good:
                # Half of what is unanswered: the others' payers are being answered meanwhile.
                usual = max(_BATCH_USUAL_MIN, -(-self._unanswered // 2))
                is_good = await self._flush(session, self._take(min(usual, _BATCH_MAX)))

    def _take(self, count: int) -> list[Waiting]:
        return [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]

    async def _flush(self, session: Connection, batch: list[Waiting]) -> bool:
        """Whether the session may be used again."""
        try:
            rows = await self._call(session, batch, wait=False)
        except asyncpg.UniqueViolationError:
            self._spawn(self._again(batch))
        except (*RETRIABLE, asyncpg.LockNotAvailableError, asyncpg.DataError):
            # A DataError is an order that cannot be sent; asyncpg counts it among those of LOST.
            self._spawn(self._one_by_one(batch))
        except LOST as error:
            self._fail(batch, _unknown(error))
            throw_away(session)
            return False
        except Exception:  # whatever it is, it must not end the draining
            self._spawn(self._one_by_one(batch))
            throw_away(session)
            return False
        else:
            # Soon, not now: first the next batch is sent, by the same turn of the loop.
            asyncio.get_running_loop().call_soon(self._hand_out, batch, rows)
        return True

    def _hand_out(self, batch: list[Waiting], rows: Sequence[asyncpg.Record]) -> None:
        try:
            results = outcomes([item.order for item in batch], rows)
        except Exception:  # nobody may be left waiting
            self._spawn(self._one_by_one(batch))
            raise
        for item, result in zip(batch, results, strict=True):
            if result.result is Result.BUSY:
                self._put_aside(item)
            else:
                self._deliver(item, result)

    def _put_aside(self, item: Waiting) -> None:
        account = item.order.account
        if account in self._aside:
            self._aside[account].append(item)
        else:
            self._aside[account] = [item]
            self._spawn(self._wait_for(account))

    async def _wait_for(self, account: str) -> None:
        while self._aside[account]:
            async with self._aside_calls:
                batch = self._aside[account][:_BATCH_MAX]
                del self._aside[account][:_BATCH_MAX]
                await self._settle(batch)
        del self._aside[account]  # in the tick that found it empty, as above

    async def _again(self, batch: list[Waiting]) -> None:
        async with self._aside_calls:
            await self._settle(batch)

    async def _one_by_one(self, batch: list[Waiting]) -> None:
        for item in batch:
            async with self._aside_calls:
                await self._settle([item])

    async def _settle(self, batch: list[Waiting]) -> None:
        """Wait for locks, try again what may be tried again, deliver every outcome."""
        for _ in range(_ATTEMPTS):
            try:
                async with lent(self._pool) as session:
                    rows = await self._call(session, batch, wait=True)
                results = outcomes([item.order for item in batch], rows)
            except RETRIABLE:
                continue
            except asyncpg.LockNotAvailableError:
                break
            except Exception as error:
                self._broken(batch, error)
                return
            for item, result in zip(batch, results, strict=True):
                self._deliver(item, result)
            return
        for item in batch:
            self._deliver(item, Posted(Result.BUSY))

    def _broken(self, batch: list[Waiting], error: Exception) -> None:
        if isinstance(error, LOST) and not isinstance(error, asyncpg.DataError):
            self._fail(batch, _unknown(error))
        elif len(batch) == 1:
            self._fail(batch, error)
        else:
            self._spawn(self._one_by_one(batch))

    def _deliver(self, item: Waiting, result: Posted) -> None:
        self._end(item.order)
        if not item.outcome.done():
            item.outcome.set_result(result)

    def _fail(self, batch: list[Waiting], error: Exception) -> None:
        for item in batch:
            self._end(item.order)
            if not item.outcome.done():
                item.outcome.set_exception(error)

    def _end(self, order: Order) -> None:
        self._unanswered -= 1
        key = order.agent, order.agent_payment_id
        left = self._under_way[key] - 1
        if left:
            self._under_way[key] = left
        else:
            del self._under_way[key]


def _unknown(error: BaseException) -> OutcomeUnknown:
    return OutcomeUnknown(f"the store was lost: {error!r}")
