"""Reads QIWI's daily registry: TAB-separated rows, then `Total:`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from server.money import ZERO, Money
from server.reconciliation.formats import (
    BadLine,
    Declared,
    Differs,
    Entry,
    FileRefused,
    Format,
    Header,
    Line,
    Numbers,
    Source,
)
from server.reconciliation.formats.fields import FieldFault, Fields, date
from server.reconciliation.formats.qiwi.english import ENGLISH
from server.reconciliation.formats.text import lines

_NAME = re.compile(
    r"QIWI_(?P<service>[0-9]{1,20})_(?P<day>[0-9]{8})(?P<number>[0-9]{0,9})\.csv", re.IGNORECASE
)
_FIRST = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[0-9]{1,20}\t[0-9.-]{8,10}\t[0-9:]{4,8}\t[^\t\r\n]*\t[0-9.]+[\r\n]"
    rb"|Total:\t[0-9]+\t[0-9.]+(?:[\r\n]|\Z))"
)
_FIELDS = 5
_TOTAL = "Total:"


def identify(head: bytes, name: str) -> bool:
    """Named by the book, or beginning with a row or a total of this form."""
    return _NAME.fullmatch(name) is not None or _FIRST.match(head) is not None


def read(source: Source, strict: bool) -> Iterator[Entry]:
    """Only successful payments stand in the file; the last line holds their count and sum."""
    yield _header(source.name)
    count, amount = 0, ZERO
    total: Fields | None = None
    number = 0
    for number, text in lines(source.blocks, source.encoding):
        if not text.strip("\x1a \t"):
            continue
        if total is not None:
            raise FileRefused("после строки Total: есть ещё строки", number)
        fields = Fields.split(number, text, "\t")
        if fields.texts[0] == _TOTAL:
            total = fields
            continue
        row = _row(fields, text, strict)
        yield row
        count += 1
        amount += row.amount or ZERO
    if total is not None:
        yield from _compare(total, count, amount, strict)
    elif strict:
        raise FileRefused("нет последней строки Total: с количеством и суммой", number + 1)
    else:
        yield Differs(number + 1, 1, "нет последней строки Total: с количеством и суммой")


def _header(name: str) -> Header:
    match = _NAME.fullmatch(name)
    day = match and date(f"{match['day'][6:]}.{match['day'][4:6]}.{match['day'][:4]}")
    if match is None or not day:
        return Header("", None, "QIWI")
    return Header(f"{match['service']}/{match['number'] or '0'}", day, "QIWI", day)


def _row(fields: Fields, text: str, strict: bool) -> Line | BadLine:
    try:
        if len(fields.texts) > _FIELDS:
            raise fields.fault(_FIELDS, f"полей {len(fields.texts)}, а должно быть {_FIELDS}")
        return Line(
            fields.number,
            fields.digits(0, "номер операции", 20),
            fields.text(3, "счёт абонента"),
            fields.money(4, "сумма"),
            fields.date(1, "дата", iso=True),
            fields.time(2, "время"),
        )
    except FieldFault as fault:
        if strict:
            raise FileRefused(fault.message, fields.number, fault.column) from fault
        return _bad(fields, text, fault)


def _bad(fields: Fields, text: str, fault: FieldFault) -> BadLine:
    """With the columns that can be read."""

    def readable(index: int) -> str:
        try:
            return fields.text(index, "")
        except FieldFault:
            return ""

    amount: Money | None
    try:
        amount = fields.money(4, "")
    except FieldFault:
        amount = None
    return BadLine(
        fields.number,
        fault.column,
        fault.message,
        text,
        readable(0),
        readable(3),
        amount,
        date(readable(1), iso=True),
    )


def _compare(total: Fields, count: int, amount: Money, strict: bool) -> Iterator[Entry]:
    try:
        declared = int(total.digits(1, "количество", 9))
        declared_amount = total.money(2, "сумма")
    except FieldFault as fault:
        raise FileRefused(fault.message, total.number, fault.column) from fault
    yield Declared(declared, declared_amount)
    faults = []
    if declared != count:
        faults.append((1, f"заявлено строк {declared}, а в файле {count}"))
    if declared_amount != amount:
        faults.append((2, f"заявлено {declared_amount}, а по строкам {amount}"))
    for index, message in faults:
        if strict:
            raise FileRefused(message, total.number, total.column(index))
        yield Differs(total.number, total.column(index), message)


FORMAT = Format(
    name="qiwi",
    title="Реестр QIWI (ОСМП), ежедневный",
    numbers=Numbers.GLOBAL,
    identify=identify,
    read=read,
    encodings=("utf-8", "cp1251"),
    english=ENGLISH,
)
