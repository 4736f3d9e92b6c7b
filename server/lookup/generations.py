"""A bounded map that keeps what is asked for again and lets a scan pass through.

Newcomers live in a small probation; only a second request moves a key among the hot ones. Each of
the two consists of a filling and an ageing dictionary: when the filling one is full it becomes
the ageing one, and what was not asked for in the meantime is dropped. So there is no bookkeeping
per entry, and a hit on a hot key is one dictionary lookup.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")

_HOT_SHARE = 0.8
_BURIALS = 8


class Generations(Generic[V]):
    """At most `entries_max` entries and about `bytes_max` bytes; `cost` says what a value takes."""

    __slots__ = (
        "_ageing",
        "_cost",
        "_dead",
        "_hot",
        "_hot_bytes",
        "_limits",
        "_new",
        "_new_bytes",
        "_old",
        "evictions",
    )

    def __init__(
        self,
        entries_max: int,
        bytes_max: int = 1 << 62,
        cost: Callable[[V], int] = lambda _: 0,
    ) -> None:
        hot = _HOT_SHARE / 2
        new = (1 - _HOT_SHARE) / 2
        self._limits = (
            max(1, int(entries_max * hot)),
            int(bytes_max * hot),
            max(1, int(entries_max * new)),
            int(bytes_max * new),
        )
        self._cost = cost
        self._hot: dict[str, V] = {}
        self._ageing: dict[str, V] = {}
        self._new: dict[str, V] = {}
        self._old: dict[str, V] = {}
        self._hot_bytes = 0
        self._new_bytes = 0
        self._dead: list[dict[str, V]] = []
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._hot) + len(self._ageing) + len(self._new) + len(self._old)

    def get(self, key: str) -> V | None:
        """The value, which is now hot; None = not here."""
        value = self._hot.get(key)
        return self._promoted(key) if value is None else value

    def _promoted(self, key: str) -> V | None:
        value = self._ageing.pop(key, None)
        if value is None:
            value = self._new.pop(key, None)
            if value is not None:
                self._new_bytes -= self._cost(value)
            else:
                value = self._old.pop(key, None)
        if value is not None:
            self._heat(key, value)
        return value

    def _heat(self, key: str, value: V) -> None:
        entries_max, bytes_max, _, _ = self._limits
        if len(self._hot) >= entries_max or self._hot_bytes >= bytes_max:
            self._retire(self._ageing)
            self._ageing, self._hot, self._hot_bytes = self._hot, {}, 0
        self._hot[key] = value
        self._hot_bytes += self._cost(value)

    def put(self, key: str, value: V) -> None:
        """Hold a newcomer; a key that is here already keeps its place with the new value."""
        if self._dead:
            self.bury(_BURIALS)
        if key in self._hot:
            self._hot_bytes += self._cost(value) - self._cost(self._hot[key])
            self._hot[key] = value
            return
        if self.drop(key):
            self._heat(key, value)
            return
        _, _, entries_max, bytes_max = self._limits
        if len(self._new) >= entries_max or self._new_bytes >= bytes_max:
            self._retire(self._old)
            self._old, self._new, self._new_bytes = self._new, {}, 0
        self._new[key] = value
        self._new_bytes += self._cost(value)

    def drop(self, key: str) -> bool:
        """Forget the key; whether it was here."""
        value = self._hot.pop(key, None)
        if value is not None:
            self._hot_bytes -= self._cost(value)
            return True
        value = self._new.pop(key, None)
        if value is not None:
            self._new_bytes -= self._cost(value)
            return True
        return self._ageing.pop(key, None) is not None or self._old.pop(key, None) is not None

    def clear(self) -> None:
        """Forget everything at once; the memory is given back bit by bit."""
        self._dead += filter(None, (self._hot, self._ageing, self._new, self._old))
        self._hot, self._ageing, self._new, self._old = {}, {}, {}, {}
        self._hot_bytes = self._new_bytes = 0

    def _retire(self, generation: dict[str, V]) -> None:
        self.evictions += len(generation)
        if generation:
            self._dead.append(generation)

    @property
    def has_dead(self) -> bool:
        """Whether forgotten entries still take memory."""
        return bool(self._dead)

    def bury(self, count: int) -> None:
        """Free up to `count` forgotten entries: freeing a million at once would be a long pause."""
        while self._dead and count > 0:
            dead = self._dead[-1]
            while dead and count > 0:
                dead.popitem()
                count -= 1
            if not dead:
                self._dead.pop()
