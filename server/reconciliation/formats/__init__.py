"""A registry format is a value: a frozen record of pure functions from bytes to entries.

`load()` finds every sub-package that has `reader.FORMAT`; there is no list to edit.
"""

from __future__ import annotations

import datetime as dt
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from server.money import Money

HEAD_BYTES = 4096
"""How much of a file `identify` is shown."""


class FileRefused(Exception):
    """The file as a whole is not imported. The message is for people; line and column from 1."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"{message} (строка {line}, позиция {column})")
        self.message = message
        self.line = line
        self.column = column


class Numbers(Enum):
    """What the operation numbers of a format are worth."""

    GLOBAL = "global"
    """The online payment's own id: one number is one operation for ever."""
    PER_FILE = "per_file"
    """The sender's receipts, which may start anew in the next file. A payment may stand in the
    file under a number we have never seen: then account, sum and day are compared."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a reader is given. `blocks` are the file's bytes in order, in pieces of any size."""

    name: str
    encoding: str
    blocks: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Header:
    """Who and when. The first one names the registry; each one adds the day it speaks of."""

    number: str
    made_on: dt.date | None
    origin: str = ""
    day: dt.date | None = None
    """The business day that the file, or this part of it, reports on completely."""


@dataclass(frozen=True, slots=True)
class Fees:
    """What an agent takes of a payment (103-ФЗ), beside what is credited."""

    payer: Money
    """From the payer, on top of what is credited."""
    withheld: Money
    """From the supplier: what is transferred is less by it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One payment. `number` is the line of the file; times are those of the agent's zone."""

    number: int
    operation: str
    account: str
    amount: Money
    paid_on: dt.date
    paid_time: dt.time | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    """Whatever else the row says, as JSON values."""
    fees: Fees | None = None
    """None = the format does not say."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A row that cannot be read; with what could be read of it, so that its money is counted."""

    number: int
    column: int
    message: str
    raw: str
    operation: str = ""
    account: str = ""
    amount: Money | None = None
    paid_on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """What the file says about its rows as a whole."""

    lines: int
    amount: Money


@dataclass(frozen=True, slots=True)
class Differs:
    """A control sum or count of the file that its rows do not bear out. Only when lenient."""

    number: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class Note:
    """An oddity that changes nothing about the money; told, not counted."""

    number: int
    column: int
    message: str


Entry = Header | Line | BadLine | Declared | Differs | Note


@dataclass(frozen=True, slots=True)
class Format:
    """A registry format.

    `identify(head, file name)` says whether this is such a file, by its first bytes.
    `read(source, strict)` yields the entries in the file's order without holding them, and raises
    FileRefused: always when the file's frame cannot be read; when strict, also for a row that
    cannot be read and for a control sum that differs.
    """

    name: str
    title: str
    numbers: Numbers
    identify: Callable[[bytes, str], bool]
    read: Callable[[Source, bool], Iterator[Entry]]
    encodings: tuple[str, ...] = ("utf-8", "cp1251", "cp866", "koi8-r")
    """The candidates when nobody states the encoding; the first is also that of pure ASCII."""
    english: Mapping[str, str] = field(default_factory=dict)
    """The reader's sentences and names of fields, Russian → English; see english.py."""


def recognise(head: bytes, name: str) -> Format:
    """The one format that claims the file. Raises FileRefused when none or several do."""
    claims = [form for form in load().values() if form.identify(head, name)]
    if not claims:
        raise FileRefused("формат файла не опознан: это не реестр ни одного известного вида")
    if len(claims) > 1:
        names = ", ".join(form.name for form in claims)
        raise FileRefused(f"файл подходит под несколько форматов ({names}): укажите формат")
    return claims[0]


@cache
def load() -> Mapping[str, Format]:
    """Every format by its folder's name."""
    found: dict[str, Format] = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.ispkg:
            continue
        form: Format = importlib.import_module(f"{__name__}.{module.name}.reader").FORMAT
        assert form.name == module.name, f"{module.name}: the format calls itself {form.name}"
        found[form.name] = form
    return found
