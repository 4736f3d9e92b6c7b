"""Accounts being asked of Redis: one question per account and turn of the loop, never a late one.

A check may be answered by a fetch only if nothing was said about the account between the fetch
and the check. So an eviction takes the account's fetch out of sight: who waits for it already
gets its answer, who comes later asks anew, and what it brings is not kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

A = TypeVar("A")

KEYS_MAX = 512  # of one MGET; Redis serves nobody else meanwhile


class Batch(dict[str, list[A]]):
    """Who asks for what, in one question."""

    __slots__ = ("crossed", "is_crossed")

    def __init__(
        self, questions: Mapping[str, list[A]] | Iterable[tuple[str, list[A]]] = ()
    ) -> None:
        super().__init__(questions)
        self.crossed: set[str] = set()
        """Accounts of which something was said since it was sent."""
        self.is_crossed = False
        """Whether anything may have been said of any account."""

    def may_keep(self, number: str) -> bool:
        """Whether what is answered is still true when the answer arrives."""
        return not self.is_crossed and number not in self.crossed


class Fetches(Generic[A]):
    """Gathers questions; `send` is called with them at the end of the turn, in parts.

    What it really sends, as it is or divided again, it calls `under_way` with.
    """

    def __init__(self, send: Callable[[Batch[A]], None]) -> None:
        self._send = send
        self._next: Batch[A] = Batch()
        self._under_way: list[Batch[A]] = []
        self._under_way_count = 0
        self._schedule = asyncio.get_running_loop().call_soon
        self.sent_count = 0

    def __len__(self) -> int:
        return len(self._next) + self._under_way_count

    def join(self, number: str, asker: A) -> None:
        """Wait for the account with whoever else does."""
        for batch in self._under_way:
            if number in batch and batch.may_keep(number):
                batch[number].append(asker)
                return
        waiting = self._next.get(number)
        if waiting is not None:
            waiting.append(asker)
            return
        if not self._next:
            self._schedule(self._flush)
        self._next[number] = [asker]

    def _flush(self) -> None:
        batch, self._next = self._next, Batch()
        self.sent_count += len(batch)
        if len(batch) <= KEYS_MAX:
            self._send(batch)
            return
        items = list(batch.items())
        for start in range(0, len(items), KEYS_MAX):
            self._send(Batch(items[start : start + KEYS_MAX]))

    def under_way(self, batch: Batch[A]) -> None:
        """It is sent: from now on it may be joined, and crossed."""
        self._under_way.append(batch)
        self._under_way_count += len(batch)

    def arrived(self, batch: Batch[A]) -> None:
        """It is answered: nobody joins it any more."""
        self._under_way = [each for each in self._under_way if each is not batch]
        self._under_way_count -= len(batch)

    def crossed(self, number: str) -> None:
        """Something was said about the account: a fetch under way is of the past."""
        for batch in self._under_way:
            if number in batch:
                batch.crossed.add(number)

    def crossed_all(self) -> None:
        """The same for every account."""
        for batch in self._under_way:
            batch.is_crossed = True
