"""Taking a file in: what it is, what it says, and what it adds up to. Storing is storage's part."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from server.money import ZERO, Money
from server.reconciliation.formats import (
    HEAD_BYTES,
    BadLine,
    Declared,
    Differs,
    Entry,
    Fees,
    FileRefused,
    Format,
    Header,
    Line,
    Note,
    Source,
    load,
    recognise,
)
from server.reconciliation.formats.encodings import Survey as EncodingSurvey

BLOCK_BYTES = 1 << 20
BYTES_MAX = 1 << 30
_NOTES_MAX = 100
_RAW_MAX = 2000
# json.dumps would build an encoder for every line.
_encode = json.JSONEncoder(ensure_ascii=False).encode
# Beyond this a registry's total would not fit PostgreSQL's bigint; no bank owns so much.
_TOTAL_MAX = Money(10**18)

Row = tuple[
    int, int, str, str, int | None, dt.date | None, dt.time | None, str, int, str, str | None
]
"""ordinal, number, operation, account, kopecks, paid_on, paid_time, fault, column, raw, details."""
ROW_COLUMNS = (
    "ordinal", "number", "operation", "account", "amount", "paid_on", "paid_time", "fault", "col",
    "raw", "details",
)  # fmt: skip


class UnknownFormat(ValueError):
    """The person asked for a format that there is not."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to be taken in. `open` gives its bytes from the beginning, as often as asked."""

    name: str
    size: int
    open: Callable[[], Iterator[bytes]]

    @classmethod
    def at(cls, path: Path, name: str = "") -> Upload:
        """A file on disk; its own name unless another is given."""
        return cls(name or path.name, path.stat().st_size, partial(_file_blocks, path))

    @classmethod
    def of(cls, name: str, content: bytes) -> Upload:
        """Bytes in memory."""
        return cls(name, len(content), lambda: iter((content,)))


@dataclass(slots=True)
class Survey:
    """What one pass over the bytes tells before a format is chosen."""

    head: bytes = b""
    _sha256: hashlib._Hash = field(default_factory=hashlib.sha256)
    _encodings: EncodingSurvey = field(default_factory=EncodingSurvey)

    def feed(self, block: bytes) -> None:
        """The next block."""
        if len(self.head) < HEAD_BYTES:
            self.head += block[: HEAD_BYTES - len(self.head)]
        self._sha256.update(block)
        self._encodings.feed(block)

    @property
    def sha256(self) -> bytes:
        """Of everything fed so far."""
        return self._sha256.digest()

    def encoding(self, form: Format) -> str:
        """The most plausible of those that the format may be in."""
        return self._encodings.encoding(form.encodings)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a file is to be read. `format` and `encoding` are found out when not stated."""

    strict: bool = True
    format: str = ""
    encoding: str = ""

    def form(self, survey: Survey, name: str) -> Format:
        """Raises FileRefused, or UnknownFormat for a name that is none."""
        if not self.format:
            return recognise(survey.head, name)
        try:
            return load()[self.format]
        except KeyError:
            raise UnknownFormat(f"нет формата {self.format}") from None


@dataclass(slots=True)
class Reading:
    """Reads a file as rows for COPY, keeping only what describes the whole of it."""

    form: Format
    encoding: str
    strict: bool
    lines: int = 0
    bad_lines: int = 0
    total: Money = ZERO
    header: Header = field(default_factory=lambda: Header("", None))
    days: set[dt.date] = field(default_factory=set)
    declared: Declared | None = None
    differences: list[Differs] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    fees: Fees | None = None
    """All together; None while no row has told any."""
    _headers: int = 0

    def rows(self, upload: Upload, progress: Callable[[int], None] | None = None) -> Iterator[Row]:
        """Every row of the file in order. Raises FileRefused, also at the very end."""
        blocks = _watched(upload.open(), progress) if progress else upload.open()
        for entry in self.form.read(Source(upload.name, self.encoding, blocks), self.strict):
            if isinstance(entry, Line | BadLine):
                yield self._row(entry)
            else:
                self._remember(entry)

    def _row(self, entry: Line | BadLine) -> Row:
        self.lines += 1
        if entry.amount is not None:
            self.total += entry.amount
            if not -_TOTAL_MAX <= self.total <= _TOTAL_MAX:
                raise FileRefused("сумма реестра слишком велика", entry.number)
        head = self.lines, entry.number, entry.operation, entry.account
        kopecks = None if entry.amount is None else entry.amount.kopecks
        if isinstance(entry, BadLine):
            self.bad_lines += 1
            raw = entry.raw[:_RAW_MAX]
            return (*head, kopecks, entry.paid_on, None, entry.message, entry.column, raw, None)
        told = entry.details
        if entry.fees is not None:
            self._add(entry.fees)
            payer, withheld = entry.fees.payer.kopecks, entry.fees.withheld.kopecks
            told = {**told, "fees": {"payer_fee_kopecks": payer, "withheld_kopecks": withheld}}
        details = _encode(told) if told else None
        return (*head, kopecks, entry.paid_on, entry.paid_time, "", 0, "", details)

    def _add(self, fees: Fees) -> None:
        before = self.fees or Fees(ZERO, ZERO)
        self.fees = Fees(before.payer + fees.payer, before.withheld + fees.withheld)

    def _remember(self, entry: Entry) -> None:
        match entry:
            case Header():
                if not self._headers:
                    self.header = entry
                self._headers += 1
                if entry.day is not None:
                    self.days.add(entry.day)
            case Declared():
                self.declared = entry
            case Differs() if len(self.differences) < _NOTES_MAX:
                self.differences.append(entry)
            case Note() if len(self.notes) < _NOTES_MAX:
                self.notes.append(entry)
            case _:
                pass


@dataclass(frozen=True, slots=True)
class RegistrySummary:
    """A registry as the command line and the office show it. Sums are in kopecks."""

    registry_id: int | None
    """None after a dry run."""
    agent: str
    file_name: str
    format: str
    encoding: str
    lenient: bool
    number: str
    day: dt.date | None
    lines: int
    bad_lines: int
    declared_total_kopecks: int | None
    computed_total_kopecks: int
    matched: int
    mismatches: Mapping[str, int]
    open: int
    """Cases not done: open and assigned."""
    resolved: int
    closed: int
    buckets: Mapping[str, int]
    imported_at: dt.datetime
    imported_by: str
    corrects: int | None = None
    corrected_by: int | None = None
    already_imported: bool = False
    payer_fee_kopecks: int | None = None
    """Taken from the payers on top; None = the file says nothing of fees."""
    withheld_kopecks: int | None = None
    """Kept back: the transfer is the total less this."""
    closed_at: dt.datetime | None = None
    closed_by: str = ""

    @property
    def state(self) -> str:
        """open while a case is not done; then resolved, until somebody closes the registry."""
        if self.open:
            return "open"
        return "closed" if self.closed_at else "resolved"

    def import_json(self) -> dict[str, object]:
        """What `registry import --json` prints."""
        return {
            "registry_id": self.registry_id,
            "format": self.format,
            "encoding": self.encoding,
            "lines": self.lines,
            "bad_lines": self.bad_lines,
            "declared_total_kopecks": self.declared_total_kopecks,
            "computed_total_kopecks": self.computed_total_kopecks,
            "matched": self.matched,
            "mismatches": dict(self.mismatches),
            "already_imported": self.already_imported,
        }

    def show_json(self) -> dict[str, object]:
        """What `registry show --json` prints."""
        return self.import_json() | {
            "open": self.open,
            "resolved": self.resolved,
            "closed": self.closed,
            "buckets": dict(self.buckets),
        }


def refusal_json(refused: FileRefused) -> dict[str, object]:
    """What `registry import --json` prints for a refused file."""
    return {"error": {"message": refused.message, "line": refused.line, "column": refused.column}}


def _file_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _watched(blocks: Iterator[bytes], progress: Callable[[int], None]) -> Iterator[bytes]:
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        progress(done)
