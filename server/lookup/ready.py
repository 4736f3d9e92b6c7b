"""Pieces of replies that stand ready: what a renderer made of an account that is asked for often.

They are believed like the near cache's entries and go with them: whoever evicts an account evicts
its pieces. When the names of services change, all pieces go.
"""

from __future__ import annotations

from collections.abc import Callable

Make = Callable[[bytes], bytes | None]

_BURIALS = 8
_ENTRY_BYTES = 150  # of a dictionary's entry, the key, and the object around the piece


class Pieces:
    """The pieces of one dialect by account in ASCII. Look into `hot` first, then call `get`."""

    __slots__ = ("_ageing", "_shelf", "hot", "make")

    def __init__(self, make: Make, shelf: Shelf) -> None:
        self.make = make
        """The piece for a snapshot; None = it takes the long way."""
        self._shelf = shelf
        self._ageing: dict[bytes, bytes] = {}
        self.hot: dict[bytes, bytes] = {}

    def get(self, number: bytes) -> bytes | None:
        """A piece that has not been asked for in this generation; None = there is none."""
        piece = self._ageing.pop(number, None)
        if piece is not None:
            self._shelf.take(self, number, piece)
        return piece

    def keep(self, number: bytes, snapshot: bytes) -> bytes | None:
        """Make the piece of an account that was asked for again."""
        piece = self.make(snapshot)
        if piece is not None:
            self._shelf.take(self, number, piece)
        return piece

    def drop(self, number: bytes) -> None:
        """The account has changed."""
        self.hot.pop(number, None)
        self._ageing.pop(number, None)

    def age(self) -> dict[bytes, bytes]:
        """Begin a new generation; returns what was not asked for in the last one."""
        forgotten, self._ageing, self.hot = self._ageing, self.hot, {}
        return forgotten


class Shelf:
    """All dialects' pieces, in `bytes_max` together."""

    def __init__(self, bytes_max: int) -> None:
        self._generation_bytes_max = bytes_max // 2
        self._bytes = 0
        self._dead: list[dict[bytes, bytes]] = []
        self.pieces: list[Pieces] = []

    def add(self, make: Make) -> Pieces:
        """A new dialect; `make` says None where it cannot."""
        pieces = Pieces(make, self)
        self.pieces.append(pieces)
        return pieces

    def take(self, pieces: Pieces, number: bytes, piece: bytes) -> None:
        """Keep a piece, if there is any room at all."""
        size = len(piece) + _ENTRY_BYTES
        if size > self._generation_bytes_max:
            return
        self._bytes += size
        if self._bytes > self._generation_bytes_max:
            self._bytes = size
            self._dead += [each.age() for each in self.pieces]
        pieces.hot[number] = piece
        if self._dead:
            self.bury(_BURIALS)

    def clear(self) -> None:
        """Anything may have changed."""
        self._bytes = 0
        for each in self.pieces:
            self._dead += [each.age(), each.age()]

    def bury(self, count: int) -> None:
        """Free up to `count` forgotten pieces: all at once would be a pause."""
        while self._dead and count > 0:
            dead = self._dead[-1]
            while dead and count > 0:
                dead.popitem()
                count -= 1
            if not dead:
                self._dead.pop()
