"""What comes in the same turn of the loop is done as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Together(Generic[Item]):
    """`work` gets everything that was handed in during a turn; all of it ends or fails as one."""

    def __init__(self, work: Callable[[list[Item]], Awaitable[None]]) -> None:
        self._work = work
        self._gathered: list[Item] = []
        self._gathering: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def hand_in(self, items: Iterable[Item]) -> None:
        """Returns when it is done. Who goes away meanwhile stops nobody else's."""
        self._gathered.extend(items)
        task = self._gathering
        if task is None:
            task = self._gathering = asyncio.create_task(self._run())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def _run(self) -> None:
        # One turn of the loop has passed since the first of these came: the others are here too.
        gathered, self._gathered, self._gathering = self._gathered, [], None
        await self._work(gathered)
