"""Accounts being asked of Redis: one question per account and turn of the loop, never a late one.

A check may be answered by a fetch only if nothing was said about the account between the fetch
and the check. So an eviction takes the account's fetch out of sight: who waits for it already
gets its answer, who comes later asks anew, and what it brings is not kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

A = TypeVar("A")

KEYS_MAX = 512  # of one MGET; Redis serves nobody else meanwhile


class Fetches(Generic[A]):
    """Gathers questions; `send` is called with them at the end of the turn, in parts."""

    def __init__(self, send: Callable[[dict[str, list[A]]], None]) -> None:
        self._send = send
        self._next: dict[str, list[A]] = {}
        self._sent: dict[str, list[A]] = {}
        self._schedule = asyncio.get_running_loop().call_soon
        self.sent_count = 0

    def __len__(self) -> int:
        return len(self._next) + len(self._sent)

    def join(self, number: str, asker: A) -> None:
        """Wait for the account with whoever else does."""
        waiting = self._sent.get(number) or self._next.get(number)
        if waiting is not None:
            waiting.append(asker)
            return
        if not self._next:
            self._schedule(self._flush)
        self._next[number] = [asker]

    def _flush(self) -> None:
        batch, self._next = self._next, {}
        self._sent.update(batch)
        self.sent_count += len(batch)
        if len(batch) <= KEYS_MAX:
            self._send(batch)
            return
        items = list(batch.items())
        for start in range(0, len(items), KEYS_MAX):
            self._send(dict(items[start : start + KEYS_MAX]))

    def crossed(self, number: str) -> None:
        """Something was said about the account: a fetch under way is of the past."""
        self._sent.pop(number, None)

    def crossed_all(self) -> None:
        """The same for every account."""
        self._sent.clear()

    def arrived(self, number: str, askers: list[A]) -> bool:
        """The answer is here; whether it may be kept."""
        if self._sent.get(number) is not askers:
            return False
        del self._sent[number]
        return True
