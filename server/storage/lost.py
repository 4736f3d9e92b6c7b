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
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
)


def lost_is_unknown(
    call: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """A lost or overloaded store becomes OutcomeUnknown."""

    @wraps(call)
    async def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await call(*args, **kwargs)
        except LOST as error:
            raise OutcomeUnknown(f"the store was lost: {error!r}") from error

    return told
