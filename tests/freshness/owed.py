"""What an account may show: its payments are known one by one, its charges by their number."""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.networks import Network
from tests.faults.wire import Reply

CHARGE = 1_000_000
"""Kopecks of every charge. Payments are much smaller, so one that is missing cannot hide."""
CHARGES_AT_FIRST = 10
_WORD = 8
_DEBTS = {
    "osmp": re.compile(rb"<field2 [^>]*>(-?\d+)\.(\d\d)</field2>"),
    "sber": re.compile(rb"<BALANCE>(-?\d+)\.(\d\d)</BALANCE>"),
    "paynet": re.compile(rb"<paramKey>balance</paramKey><paramValue>(-?\d+)()</paramValue>"),
}
_SIGNS = {"osmp": 1, "sber": -1, "paynet": 1}


class Book:
    """Numbers that processes share: charges begun on each account, what each payer has paid, and
    whether all may stop. What is counted exactly has one writer.
    """

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._words = memoryview(self._memory).cast("Q")

    @staticmethod
    def make(path: Path, words: int) -> Book:
        """A new one, all zeros."""
        path.write_bytes(bytes(words * _WORD))
        return Book(path)

    def add(self, place: int) -> None:
        """One more; a charge is counted before it is made."""
        self._words[place] += 1

    def count(self, place: int) -> int:
        """So many until now."""
        return self._words[place]


@dataclass
class Owed:
    """One account of one payer, who alone pays to it."""

    number: str
    place: int
    """Its word in the book."""
    book: Book
    paid: list[int] = field(default_factory=lambda: [0])
    """Kopecks in all, after each thing that was answered; payers append to it."""
    pending: int | None = None
    """What is asked for now, or whose answer was lost: it may be recorded or not."""

    @property
    def moment(self) -> int:
        """How many answers there were; what is shown from now on must heed all of them."""
        return len(self.paid) - 1

    def confirm(self, kopecks: int) -> None:
        """It was answered."""
        self.paid.append(self.paid[-1] + kopecks)
        self.pending = None

    def may_show(self, shown: int, moment: int) -> bool:
        """Whether a check that was sent at the moment may be answered with this debt now."""
        possible = self.paid[moment:]
        if self.pending is not None:
            possible.append(self.paid[-1] + self.pending)
        charges_max = CHARGES_AT_FIRST + self.book.count(self.place)
        for paid in possible:
            charges, rest = divmod(shown + paid, CHARGE)
            if not rest and CHARGES_AT_FIRST <= charges <= charges_max:
                return True
        return False


def debt_in(network: Network, reply: Reply) -> int | None:
    """Kopecks that a check's answer shows; None = none. As Network.read, but quicker."""
    found = _DEBTS[network.agent].search(reply.body)
    return None if found is None else int(found[1] + found[2]) * _SIGNS[network.agent]
