"""Group commit: orders that arrive together become one call of ledger.post_payments.

While one batch is in flight the next one gathers; there is no timer. Every order gets its own
outcome; a batch that fails as a whole is replayed one by one, so a poisoned order fails alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine

import asyncpg

from server.payments.ports import Order, OutcomeUnknown, Posted, Result
from server.storage.connection import Connection
from server.storage.lost import LOST, RETRIABLE
from server.storage.records import POSTED_COLUMNS, details, posted

_BATCH_MAX = 512
_WAITING_MAX = 10_000
_CALL_TIMEOUT_SECONDS = 10.0
_LOCK_TIMEOUT = "2s"
_ATTEMPTS = 5
_POST = (
    f"select {POSTED_COLUMNS} from ledger.post_payments($1, $2::text[], $3::text[], $4::text[],"
    " $5::bigint[], $6::timestamptz[], $7::date[], $8::text[], $9::jsonb[]) order by place"
)
_RETRIABLE = (*RETRIABLE, asyncpg.LockNotAvailableError)

Waiting = tuple[Order, "asyncio.Future[Posted]"]


class GroupCommit:
    """Collects orders and posts them in batches through `pool`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], service_ids: dict[str, int]) -> None:
        self._pool = pool
        self._service_ids = service_ids
        self._waiting: deque[Waiting] = deque()
        self._running = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def post(self, order: Order) -> Posted:
        """On disk when this returns. Raises OutcomeUnknown."""
        if len(self._waiting) >= _WAITING_MAX:
            raise OutcomeUnknown("too many payments are waiting")
        future: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()
        self._waiting.append((order, future))
        if not self._running:
            self._running = True
            self._spawn(self._drain())
        return await asyncio.shield(future)

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
        except LOST as error:
            _fail(batch, OutcomeUnknown(f"the store was lost: {error!r}"))
        except asyncpg.PostgresError:
            for item in batch:
                self._spawn(self._post_alone(item))
        else:
            for item, result in zip(batch, results, strict=True):
                if result.result is Result.BUSY:
                    self._spawn(self._post_alone(item))
                else:
                    _deliver(item[1], result)

    async def _post_alone(self, item: Waiting) -> None:
        order, future = item
        for _ in range(_ATTEMPTS):
            try:
                (result,) = await self._call([order], wait=True)
            except _RETRIABLE:
                continue
            except LOST as error:
                _fail([item], OutcomeUnknown(f"the store was lost: {error!r}"))
                return
            except asyncpg.PostgresError as error:
                _fail([item], error)
                return
            _deliver(future, result)
            return
        _deliver(future, Posted(Result.BUSY))

    async def _call(self, orders: list[Order], *, wait: bool) -> list[Posted]:
        async with self._pool.acquire(timeout=_CALL_TIMEOUT_SECONDS) as connection:
            if not wait:
                rows = await self._fetch(connection, orders, wait=False)
            else:
                async with connection.transaction():
                    await connection.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
                    rows = await self._fetch(connection, orders, wait=True)
        return [posted(row) for row in rows]

    async def _fetch(
        self,
        connection: Connection,
        orders: list[Order],
        *,
        wait: bool,
    ) -> list[asyncpg.Record]:
        return await connection.fetch(
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
            timeout=_CALL_TIMEOUT_SECONDS,
        )


def _deliver(future: asyncio.Future[Posted], result: Posted) -> None:
    if not future.done():
        future.set_result(result)


def _fail(batch: list[Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
