"""Fields of one delimited line, read strictly; every fault knows its column."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache

from server.money import Money, MoneyError
from server.reconciliation.formats.text import UNREADABLE

# Years outside are a slip of the pen, not a payment.
YEAR_MIN = 2000
YEAR_MAX = 2099
TEXT_MAX = 100

_DATE = re.compile(r"(?P<day>[0-9]{2})\.(?P<month>[0-9]{2})\.(?P<year>[0-9]{4})")
_ISO_DATE = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_DIGITS = re.compile(r"[0-9]+")


class FieldFault(Exception):
    """A field is not what it should be; column in characters from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


@dataclass(frozen=True, slots=True)
class Fields:
    """A line of the file, split."""

    number: int
    texts: list[str]

    @classmethod
    def split(cls, number: int, line: str, delimiter: str) -> Fields:
        """The fields between delimiters; one that ends the line ends the last field."""
        return cls(number, line.removesuffix(delimiter).split(delimiter))

    def column(self, index: int) -> int:
        """Where the field begins; past the end of the line for one that is not there."""
        return 1 + sum(len(text) + 1 for text in self.texts[:index])

    def fault(self, index: int, message: str) -> FieldFault:
        """A fault at the field."""
        return FieldFault(message, self.column(index))

    def text(self, index: int, what: str, *, empty: bool = False) -> str:
        """Any readable text of up to TEXT_MAX characters, without the spaces around it."""
        text = self._at(index, what).strip()
        if UNREADABLE in text or not text.isprintable():
            raise self.fault(index, f"{what}: нечитаемые знаки")
        if not text and not empty:
            raise self.fault(index, f"{what}: пусто")
        if len(text) > TEXT_MAX:
            raise self.fault(index, f"{what}: длиннее {TEXT_MAX} знаков")
        return text

    def digits(self, index: int, what: str, length_max: int) -> str:
        """A number as it is written, leading zeros kept."""
        text = self._at(index, what)
        if not text.isascii() or _DIGITS.fullmatch(text) is None or len(text) > length_max:
            raise self.fault(
                index, f"{what}: ожидается число до {length_max} цифр, а не {_q(text)}"
            )
        return text

    def money(self, index: int, what: str, *, signed: bool = False) -> Money:
        """Roubles with a decimal point; the whole part may be left out (.05)."""
        text = self._at(index, what)
        try:
            return money(text, signed=signed)
        except MoneyError:
            raise self.fault(index, f"{what}: не сумма: {_q(text)}") from None

    def date(self, index: int, what: str, *, iso: bool = False) -> dt.date:
        """DD.MM.YYYY, or also YYYY-MM-DD where the dialect has both."""
        text = self._at(index, what)
        found = date(text, iso=iso)
        if found is None:
            raise self.fault(index, f"{what}: не дата ДД.ММ.ГГГГ: {_q(text)}")
        return found

    def time(self, index: int, what: str) -> dt.time:
        """HH:MM:SS, the seconds and a leading zero may be left out."""
        text = self._at(index, what)
        match = _TIME.fullmatch(text)
        try:
            if match is None:
                raise ValueError(text)
            return dt.time(int(match[1]), int(match[2]), int(match[3] or 0))
        except ValueError:
            raise self.fault(index, f"{what}: не время ЧЧ:ММ:СС: {_q(text)}") from None

    def _at(self, index: int, what: str) -> str:
        if index >= len(self.texts):
            raise self.fault(index, f"{what}: поля нет, в строке полей: {len(self.texts)}")
        return self.texts[index]


def money(text: str, *, signed: bool = False) -> Money:
    """Raises MoneyError."""
    if signed and text.startswith("-"):
        return -money(text[1:])
    return Money.parse("0" + text if text.startswith(".") else text)


@lru_cache(maxsize=4096)  # a file has few dates and many lines
def date(text: str, *, iso: bool = False) -> dt.date | None:
    """The date, or nothing when it is none or nobody could have paid on it."""
    match = _DATE.fullmatch(text) or (_ISO_DATE.fullmatch(text) if iso else None)
    if match is None or not text.isascii():
        return None
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    if not YEAR_MIN <= year <= YEAR_MAX:
        return None
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _q(text: str) -> str:
    shown = text if len(text) <= 40 else text[:39] + "…"
    return "«" + "".join(sign if sign.isprintable() else UNREADABLE for sign in shown) + "»"
