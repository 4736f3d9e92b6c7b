"""What a lookup is asked and told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from server.accounts import ACCOUNT_LENGTH_MAX
from server.refusals import Refused

Found = bytes | Refused | None
Asker = Callable[[Found], None]
"""Told the account's snapshot, None (certainly no such account), or Refused(TRY_LATER)."""


def can_be_a_number(text: str) -> bool:
    """As server.accounts says, but quicker; keys behind a `~` are the sync's own."""
    return (
        0 < len(text) <= ACCOUNT_LENGTH_MAX
        and text.isprintable()  # no white space but the blank is
        and " " not in text
        and text[0] != "~"
    )


async def answer_of(ask: Callable[[str, Asker], None], number: str) -> bytes | None:
    """Ask and wait. Raises Refused."""
    future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

    def tell(found: Found) -> None:
        if future.done():
            return
        if isinstance(found, Refused):
            future.set_exception(found)
        else:
            future.set_result(found)

    ask(number, tell)
    return await future
