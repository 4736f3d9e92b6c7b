"""What fast replies are put together from: sums and escaped names, made once as bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from server.money import Money
from server.protocols import xml

K = TypeVar("K")
V = TypeVar("V")

_ROUBLES = 10_000
_AMOUNTS_MAX = 1 << 12
_TEXTS_MAX = 1 << 16

ROUBLES = {roubles: b"%d" % roubles for roubles in range(_ROUBLES)}
KOPECKS = [b".%02d" % kopecks for kopecks in range(100)]
"""A debt is `ROUBLES[debt // 100] + KOPECKS[debt % 100]`, or a KeyError: then see `sum_texts`."""
NOTHING = ROUBLES[0] + KOPECKS[0]


def sum_texts(sums: Iterable[int]) -> list[bytes]:
    """Any sums, negative and large ones too; the long way."""
    return [str(Money(kopecks)).encode() for kopecks in sums]


class Memo(dict[K, V]):
    """What `make` makes of a key, once; a full one begins anew."""

    def __init__(self, make: Callable[[K], V], size_max: int = 1 << 10) -> None:
        super().__init__()
        self._make = make
        self._size_max = size_max

    def __missing__(self, key: K) -> V:
        if len(self) >= self._size_max:
            self.clear()
        value = self[key] = self._make(key)
        return value


def amounts() -> Memo[bytes, int]:
    """Kopecks by what stands in a request: digits, a point, two digits. Terminals ask for few."""
    return Memo(lambda written: int(written[:-3] + written[-2:]), _AMOUNTS_MAX)


def escaped_texts(encoding: str) -> Memo[str, bytes]:
    """Texts of accounts as they stand in an XML reply; names and houses come again and again."""
    return Memo(lambda text: xml.escape(text).encode(encoding, "xmlcharrefreplace"), _TEXTS_MAX)
