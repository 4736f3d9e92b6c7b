"""Money as whole kopecks: one type, one strict parser, no floating point anywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIGITS_MAX = 15
_WITH_POINT = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_WITH_COMMA = re.compile(r"([0-9]+)(?:[.,]([0-9]+))?")
_WHOLE = re.compile(r"[0-9]+")


class MoneyError(ValueError):
    """The text is not a sum of money; the message says why and quotes the text."""


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """A sum in kopecks; negative only for debts paid over and for opposite entries."""

    kopecks: int

    @classmethod
    def parse(cls, text: str, *, comma: bool = False, decimals: int = 2) -> Money:
        """Read a sum in roubles: digits, optionally a point and decimals; no sign, no exponent.

        `comma` lets the dialect write a decimal comma as well. `decimals` is how many decimals the
        dialect may write; those beyond the second must be zeros.
        Raises MoneyError for everything else.
        """
        match = (_WITH_COMMA if comma else _WITH_POINT).fullmatch(text)
        if match is None:
            raise MoneyError(f"not a sum: {text[:40]!r}")
        whole, fraction = match[1], match[2] or ""
        if len(whole) + len(fraction) > _DIGITS_MAX:
            raise MoneyError(f"too many digits: {text[:40]!r}")
        if len(fraction) > decimals or fraction[2:].strip("0"):
            raise MoneyError(f"too many decimals: {text[:40]!r}")
        return cls(int(whole) * 100 + int(fraction[:2].ljust(2, "0")))

    @classmethod
    def parse_kopecks(cls, text: str) -> Money:
        """Read a sum written in kopecks: digits only. Raises MoneyError."""
        if _WHOLE.fullmatch(text) is None or len(text) > _DIGITS_MAX:
            raise MoneyError(f"not a sum in kopecks: {text[:40]!r}")
        return cls(int(text))

    def __str__(self) -> str:
        """Roubles with a point and two decimals: 1234.50, -0.05."""
        sign = "-" if self.kopecks < 0 else ""
        roubles, kopecks = divmod(abs(self.kopecks), 100)
        return f"{sign}{roubles}.{kopecks:02d}"

    def __add__(self, other: Money) -> Money:
        return Money(self.kopecks + other.kopecks)

    def __sub__(self, other: Money) -> Money:
        return Money(self.kopecks - other.kopecks)

    def __neg__(self) -> Money:
        return Money(-self.kopecks)

    def __bool__(self) -> bool:
        return self.kopecks != 0


ZERO = Money(0)
