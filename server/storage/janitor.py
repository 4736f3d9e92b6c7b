"""The janitor: settles on a schedule what requests leave open; one at a time among all servers.

To add a step: write `async def settle_something(connection: Connection) -> int` beside its SQL; it
settles one bounded portion in a transaction of its own and returns how many things it settled
(0 = nothing left). Then add `Step("something", seconds, settle_something)` to `STEPS` in
server/storage/janitor_steps.py and a row to docs/janitor.md. A step is called again at once
until it returns 0, and may be cut off at any moment; the next run goes on. Steps never post
payments. Each portion is recorded in ledger.janitor_step, failures too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from server.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of thing to settle."""

    name: str
    every_seconds: float
    run: Callable[[Connection], Awaitable[int]]
    """Settles one portion; how many things, 0 = nothing left."""
