"""Reads a pack (`###` first) or a combined pack (`***`, then packs)."""

from __future__ import annotations

from collections.abc import Iterator

from server.reconciliation.formats import (
    BadLine,
    Declared,
    Differs,
    Entry,
    FileRefused,
    Format,
    Note,
    Numbers,
    Source,
)
from server.reconciliation.formats.fields import FieldFault, Fields
from server.reconciliation.formats.pack import frame, rows
from server.reconciliation.formats.pack.english import ENGLISH
from server.reconciliation.formats.text import UNREADABLE, lines

_COMBINED = "***"
_SINGLE = "###"
_DELIMITER = "|"


def identify(head: bytes, name: str) -> bool:
    """By the first mark; names of such files are free."""
    return head.removeprefix(b"\xef\xbb\xbf").startswith((b"***|", b"###|"))


def read(source: Source, strict: bool) -> Iterator[Entry]:
    """Rows as they come; sums are compared where a pack ends and where the file ends."""
    return _Reading(strict).entries(lines(source.blocks, source.encoding))


class _Reading:
    """Where in the file we are: in which pack of which combined pack, with what sums so far."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._combined: frame.Head | None = None
        self._pack: frame.Head | None = None
        self._packs = frame.Sums()
        self._rows = frame.Sums()
        self._row_count = 0

    def entries(self, numbered: Iterator[tuple[int, str]]) -> Iterator[Entry]:
        for number, text in numbered:
            if not text.strip("\x1a \t"):
                continue
            match text[:3]:
                case "***" | "###":
                    yield from self._header(number, text)
                case _:
                    yield from self._row(number, text)
        if self._pack is None:
            raise FileRefused("в файле нет ни одной пачки ###")
        yield from self._end_pack()
        yield from self._end_file()

    def _header(self, number: int, text: str) -> Iterator[Entry]:
        fields = Fields.split(number, text, _DELIMITER)
        if text.startswith(_COMBINED):
            if self._combined is not None or self._pack is not None:
                raise FileRefused("заголовок *** может стоять только первым", number)
            self._combined = frame.combined(fields)
            yield self._combined.header
            return
        if self._pack is not None:
            if self._combined is None:
                raise FileRefused("вторая пачка ### без объединяющего заголовка ***", number)
            yield from self._end_pack()
        self._pack = frame.single(fields)
        yield self._pack.header

    def _row(self, number: int, text: str) -> Iterator[Entry]:
        if self._pack is None:
            raise FileRefused("файл должен начинаться с заголовка *** или ###", number)
        self._rows.count += 1
        found = rows.plain(number, text)
        if found is None:
            fields = Fields.split(number, text, _DELIMITER)
            try:
                found = self._closer_look(fields, text, self._pack.version)
            except FieldFault as fault:
                yield self._bad(fields, text, fault)
                return
        self._rows.paid += found.line.amount
        self._rows.charged += found.charged
        self._rows.changes += found.changes
        self._rows.with_readings += found.has_readings
        yield found.line
        for column, message in found.notes:
            yield Note(number, column, message)

    def _closer_look(self, fields: Fields, text: str, version: str) -> rows.Row:
        if UNREADABLE in text:
            raise FieldFault("знаки не читаются в этой кодировке", text.index(UNREADABLE) + 1)
        if fields.texts[0] != rows.MARK:
            raise FieldFault("строка оплаты должна начинаться с @@@|", 1)
        return rows.row(fields, version, self._strict)

    def _bad(self, fields: Fields, text: str, fault: FieldFault) -> BadLine:
        if self._strict:
            raise FileRefused(fault.message, fields.number, fault.column) from fault
        line = rows.bad(fields, text, fault)
        self._rows.bad += 1
        if line.amount is not None:
            self._rows.paid += line.amount
        return line

    def _end_pack(self) -> Iterator[Entry]:
        assert self._pack is not None
        yield from self._differences(self._pack, self._rows)
        self._row_count += self._rows.count
        self._packs.add(self._rows)
        self._rows = frame.Sums()

    def _end_file(self) -> Iterator[Entry]:
        head = self._combined or self._pack
        assert head is not None
        if self._combined is None:
            yield Declared(head.declared.count, head.declared.paid)
            return
        yield Declared(self._row_count, head.declared.paid)
        yield from self._differences(self._combined, self._packs)

    def _differences(self, head: frame.Head, found: frame.Sums) -> Iterator[Entry]:
        for column, message in frame.differences(head, found):
            if self._strict:
                raise FileRefused(message, head.line, column)
            yield Differs(head.line, column, message)


FORMAT = Format(
    name="pack",
    title="Пачка оплат расчётного центра, версии 1.00 и 1.02",
    numbers=Numbers.PER_FILE,
    identify=identify,
    read=read,
    english=ENGLISH,
)
