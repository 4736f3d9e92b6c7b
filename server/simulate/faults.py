"""What goes wrong on the way between a network and us."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Collection
from enum import Enum

_OFTEN = 0.25
_SECONDS_BEHIND_MAX = 6 * 3600
_SECONDS_AHEAD_MAX = 50 * 60
_HOURS_LATE_MAX = 48
_SHARE_LATE = 0.5


class Fault(Enum):
    """Each may be switched on by itself."""

    LOST_REPLY = "lost-reply"
    """A request is answered and nobody hears it: the answer is lost, or the line is cut before."""
    DUPLICATE = "duplicate"
    """The same payment is sent twice at once."""
    REORDER = "reorder"
    """A copy of a request arrives when the network has long gone on."""
    LATE = "late"
    """An answer comes when nobody waits any more; payments reach us days after they were paid."""
    SKEW = "skew"
    """The terminal's clock is wrong."""


class Dice:
    """Decides what happens, the same way for the same seed."""

    def __init__(self, faults: Collection[Fault], seed: str) -> None:
        self._faults = frozenset(faults)
        self._random = random.Random(seed)

    def strikes(self, fault: Fault, share: float = _OFTEN) -> bool:
        """Whether it happens now."""
        return fault in self._faults and self._random.random() < share

    def happens(self, share: float) -> bool:
        """Whether something that is no fault happens."""
        return self._random.random() < share

    def between(self, least: float, most: float) -> float:
        """Any number of them."""
        return self._random.uniform(least, most)

    def kopecks(self, least: int, most: int) -> int:
        """A sum."""
        return self._random.randint(least, most)

    def one_of(self, things: Collection[str]) -> str:
        """Any of them."""
        return self._random.choice(list(things))

    def clock_error(self) -> dt.timedelta:
        """How far a terminal's clock is off; never so far ahead that it is not believed."""
        if not self.strikes(Fault.SKEW):
            return dt.timedelta()
        return dt.timedelta(seconds=self._random.randint(-_SECONDS_BEHIND_MAX, _SECONDS_AHEAD_MAX))

    def delay(self) -> dt.timedelta:
        """How long ago the payer paid."""
        if not self.strikes(Fault.LATE, _SHARE_LATE):
            return dt.timedelta()
        return dt.timedelta(hours=self._random.randint(1, _HOURS_LATE_MAX))

    def nonce(self) -> str:
        """Hex digits that no other request has."""
        return f"{self._random.getrandbits(64):016x}"
