"""Group commit: orders that arrive together become one call of ledger.post_payments.

While one batch is in flight the next one gathers; there is no timer. Every order gets its own
outcome. An order on an account that somebody else has locked goes aside, where it holds up nobody;
a batch that fails as a whole is posted again one by one, so a poisoned order fails alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine

import asyncpg

from server.payments.ports import Order, OutcomeUnknown, Posted, Result
from server.storage.connection import lent
from server.storage.lost import LOST, RETRIABLE
from server.storage.records import POSTED_COLUMNS, details, outcomes

_BATCH_MAX = 512
_WAITING_MAX = 10_000
_ASIDE_CALLS_MAX = 2
"""Calls in flight besides the batch; the pool has more connections than these."""
_ATTEMPTS = 5
_POST = (
    f"select {POSTED_COLUMNS} from ledger.post_payments($1, $2::text[], $3::text[], $4::text[],"
    " $5::bigint[], $6::timestamptz[], $7::date[], $8::text[], $9::jsonb[], $10::text[],"
    " $11::integer[])"
)

Waiting = tuple[Order, "asyncio.Future[Posted]"]


class GroupCommit:
    """Collects orders and posts them in batches through `pool`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], service_ids: dict[str, int]) -> None:
        self._pool = pool
        self._service_ids = service_ids
        self._waiting: deque[Waiting] = deque()
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
        future: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()
        self._waiting.append((order, future))
        if not self._running:
            self._running = True
            self._spawn(self._drain())
        return await future

    async def finish(self) -> None:
        """Wait for everything accepted so far."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self) -> None:
        while self._waiting:
            count = min(len(self._waiting), _BATCH_MAX)
            await self._flush([self._waiting.popleft() for _ in range(count)])
        # In the same tick that found the queue empty: an order that came during an await after
        # this line would otherwise wait for nobody.
        self._running = False

    async def _flush(self, batch: list[Waiting]) -> None:
        try:
            results = await self._call([order for order, _ in batch], wait=False)
        except (*RETRIABLE, asyncpg.LockNotAvailableError, asyncpg.DataError):
            # A DataError is an order that cannot be sent; asyncpg counts it among those of LOST.
            self._spawn(self._one_by_one(batch))
        except LOST as error:
            _fail(batch, OutcomeUnknown(f"the store was lost: {error!r}"))
        except Exception:  # whatever it is, it must not end the draining
            self._spawn(self._one_by_one(batch))
        else:
            for item, result in zip(batch, results, strict=True):
                if result.result is Result.BUSY:
                    self._put_aside(item)
                else:
                    _deliver(item, result)

    def _put_aside(self, item: Waiting) -> None:
        account = item[0].account
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

    async def _one_by_one(self, batch: list[Waiting]) -> None:
        for item in batch:
            async with self._aside_calls:
                await self._settle([item])

    async def _settle(self, batch: list[Waiting]) -> None:
        """Wait for locks, try again what may be tried again, deliver every outcome."""
        for _ in range(_ATTEMPTS):
            try:
                results = await self._call([order for order, _ in batch], wait=True)
            except RETRIABLE:
                continue
            except asyncpg.LockNotAvailableError:
                break
            except Exception as error:
                if isinstance(error, LOST) and not isinstance(error, asyncpg.DataError):
                    return _fail(batch, OutcomeUnknown(f"the store was lost: {error!r}"))
                if len(batch) == 1:
                    return _fail(batch, error)
                self._spawn(self._one_by_one(batch))
                return None
            for item, result in zip(batch, results, strict=True):
                _deliver(item, result)
            return None
        for item in batch:
            _deliver(item, Posted(Result.BUSY))
        return None

    async def _call(self, orders: list[Order], *, wait: bool) -> list[Posted]:
        held = [order.valid_seconds for order in orders]
        async with lent(self._pool) as connection:
            rows = await connection.fetch(
                _POST,
                wait,
                [order.agent for order in orders],
                [order.agent_payment_id for order in orders],
                [order.account for order in orders],
                [order.amount.kopecks for order in orders],
                [order.paid_at for order in orders],
                [order.business_day for order in orders],
                [order.fingerprint for order in orders],
                [details(order, self._service_ids) for order in orders],
                [order.terminal for order in orders],
                held if any(each is not None for each in held) else None,
            )
        return outcomes(orders, rows)


def _deliver(item: Waiting, result: Posted) -> None:
    future = item[1]
    if not future.done():
        future.set_result(result)


def _fail(batch: list[Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
