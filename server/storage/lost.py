"""A store that is lost while it works: one exception for callers that may not know asyncpg."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import asyncpg

from server.payments.ports import OutcomeUnknown

P = ParamSpec("P")
T = TypeVar("T")
LOST = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # seen when a connection breaks while it prepares a statement
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
)
"""What it means to lose the store: gone, hung, full, failing, or no longer the primary."""


RETRIABLE = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""Nothing happened, and the same call may succeed at once."""

_ATTEMPTS = 5


def lost_is_unknown(
    call: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Deadlocks are retried inside; a lost or overloaded store becomes OutcomeUnknown."""

    @wraps(call)
    async def told(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(_ATTEMPTS):
            try:
                return await call(*args, **kwargs)
            except RETRIABLE:
                continue
            except LOST as error:
                raise OutcomeUnknown(f"the store was lost: {error!r}") from error
        raise OutcomeUnknown("the store is too busy")

    return told
