"""Reads Сбербанк's registry: rows between semicolons, then a line that begins with `=`."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from server.money import ZERO, Money, MoneyError
from server.reconciliation.formats import (
    BadLine,
    Declared,
    Differs,
    Entry,
    Fees,
    FileRefused,
    Format,
    Header,
    Line,
    Numbers,
    Source,
)
from server.reconciliation.formats.fields import FieldFault, Fields, date
from server.reconciliation.formats.sber.english import ENGLISH
from server.reconciliation.formats.text import lines

_NAME = re.compile(
    r"EPS(?P<contract>[0-9]{11,12})_(?P<registry>[0-9]{10})_{1,2}[0-9]{10}_[0-9]{20}"
    r"_(?P<number>[0-9]{3})\.y[0-9]{2}",
    re.IGNORECASE,
)
_FIRST = re.compile(rb"[0-9]{2}-[0-9]{2}-[0-9]{4};[0-9]{2}-[0-9]{2}-[0-9]{2};")
_HEAD, _TAIL = 9, 3
_END_OF_BLOCK = "[!]"
_READINGS_MAX = 99
_LAST = "="


@dataclass(slots=True)
class _Sums:
    """What the rows add up to, in the order of the last line."""

    count: int = 0
    paid: Money = ZERO
    transfer: Money = ZERO
    fee: Money = ZERO
    bad: int = 0


def identify(head: bytes, name: str) -> bool:
    """Named as the bank names them, or beginning with a date and a time of this form."""
    return _NAME.fullmatch(name) is not None or _FIRST.match(head) is not None


def read(source: Source, strict: bool) -> Iterator[Entry]:
    """The last line holds the count and the sums."""
    yield _header(source.name)
    sums = _Sums()
    last: Fields | None = None
    number = 0
    for number, text in lines(source.blocks, source.encoding):
        if not text.strip("\x1a \t"):
            continue
        if last is not None:
            raise FileRefused("после последней строки = есть ещё строки", number)
        if text.startswith(_LAST):
            last = Fields.split(number, text.replace("|", ";"), ";")
            continue
        yield _row(Fields(number, text.split(";")), text, sums, strict)
    if last is not None:
        yield from _compare(last, sums, strict)
    elif strict:
        raise FileRefused("нет последней строки = с количеством и суммой", number + 1)
    else:
        yield Differs(number + 1, 1, "нет последней строки = с количеством и суммой")


def _header(name: str) -> Header:
    """The name says the day of the month on which the money goes, and no month."""
    match = _NAME.fullmatch(name)
    return Header(f"{match['registry']}/{match['number']}" if match else "", None, "SBER")


def _row(fields: Fields, text: str, sums: _Sums, strict: bool) -> Line | BadLine:
    sums.count += 1
    try:
        line, transfer, fee = _read(fields)
    except FieldFault as fault:
        if strict:
            raise FileRefused(fault.message, fields.number, fault.column) from fault
        bad = _bad(fields, text, fault)
        sums.paid += bad.amount or ZERO
        sums.bad += 1
        return bad
    sums.paid += line.amount
    sums.transfer += transfer
    sums.fee += fee
    return line


def _read(fields: Fields) -> tuple[Line, Money, Money]:
    """The line, what is transferred and what the fee is. Raises FieldFault."""
    count = len(fields.texts)
    if count < _HEAD + _TAIL:
        raise fields.fault(
            count, f"в строке полей {count}, а должно быть не меньше {_HEAD + _TAIL}"
        )
    paid = _money(fields, count - 3, "принято")
    transfer = _money(fields, count - 2, "к перечислению")
    fee = _money(fields, count - 1, "комиссия")
    details: dict[str, object] = {
        "branch": fields.digits(2, "номер отделения", 10),
        "period": fields.text(8, "период", empty=True),
    }
    if readings := _readings(fields):
        details["readings"] = readings
    line = Line(
        fields.number,
        fields.digits(4, "номер операции", 20),
        fields.text(5, "лицевой счёт"),
        paid,
        _date(fields, 0),
        _time(fields, 1),
        details,
        _fees(fields, paid, transfer, fee),
    )
    return line, transfer, fee


def _fees(fields: Fields, paid: Money, transfer: Money, fee: Money) -> Fees:
    """Kept back from the supplier, or taken from the payer on top: one of them must add up."""
    if transfer + fee == paid:
        return Fees(ZERO, fee)
    if transfer == paid:
        return Fees(fee, ZERO)
    place = len(fields.texts) - 2
    raise fields.fault(
        place, f"принято {paid}, к перечислению {transfer}, комиссия {fee}: не сходится"
    )


def _readings(fields: Fields) -> list[list[str]]:
    """`number;service;zone;reading`, again and again until `[!]`; what is no such block is left."""
    middle = fields.texts[_HEAD:-_TAIL]
    if _END_OF_BLOCK not in middle:
        return []
    block = middle[: middle.index(_END_OF_BLOCK)]
    items = [block[place : place + 4] for place in range(0, len(block) - 3, 4)]
    readable = [item for item in items if all(part.isprintable() for part in item)]
    return readable[:_READINGS_MAX]


def _date(fields: Fields, index: int) -> dt.date:
    text = fields.text(index, "дата платежа")
    found = date(text.replace("-", ".")) if text.count("-") == 2 else None
    if found is None:
        raise fields.fault(index, f"дата платежа: не дата ДД-ММ-ГГГГ: «{text}»")
    return found


def _time(fields: Fields, index: int) -> dt.time:
    texts = [*fields.texts]
    texts[index] = texts[index].replace("-", ":")
    return Fields(fields.number, texts).time(index, "время")


def _money(fields: Fields, index: int, what: str) -> Money:
    """Roubles with a decimal comma."""
    text = fields.text(index, what)
    try:
        return Money.parse(text, comma=True)
    except MoneyError:
        raise fields.fault(index, f"{what}: не сумма: «{text}»") from None


def _bad(fields: Fields, text: str, fault: FieldFault) -> BadLine:
    """With the columns that can be read: its money still counts."""

    def readable(index: int) -> str:
        try:
            return fields.text(index, "")
        except FieldFault:
            return ""

    amount: Money | None
    try:
        amount = _money(fields, max(len(fields.texts) - 3, 0), "")
    except FieldFault:
        amount = None
    return BadLine(
        fields.number,
        fault.column,
        fault.message,
        text,
        readable(4),
        readable(5),
        amount,
        date(readable(0).replace("-", ".")),
    )


def _compare(last: Fields, sums: _Sums, strict: bool) -> Iterator[Entry]:
    """`=;count;paid` and, where they stand, `;to transfer;fee`; what follows is the bank's."""
    try:
        declared = int(last.digits(1, "количество", 9))
        paid = _money(last, 2, "принято")
    except FieldFault as fault:
        raise FileRefused(fault.message, last.number, fault.column) from fault
    yield Declared(declared, paid)
    faults = []
    if declared != sums.count:
        faults.append((1, f"количество: заявлено {declared}, а по строкам {sums.count}"))
    if paid != sums.paid:
        faults.append((2, f"принято: заявлено {paid}, а по строкам {sums.paid}"))
    for index, what, found in ((3, "к перечислению", sums.transfer), (4, "комиссия", sums.fee)):
        said = _sum(last, index)
        if said is not None and said != found and not sums.bad:
            faults.append((index, f"{what}: заявлено {said}, а по строкам {found}"))
    for index, message in faults:
        if strict:
            raise FileRefused(message, last.number, last.column(index))
        yield Differs(last.number, last.column(index), message)


def _sum(fields: Fields, index: int) -> Money | None:
    try:
        return _money(fields, index, "")
    except FieldFault:
        return None


FORMAT = Format(
    name="sber",
    title="Реестр Сбербанка (EPS…)",
    numbers=Numbers.PER_FILE,
    identify=identify,
    read=read,
    encodings=("cp1251", "utf-8"),
    english=ENGLISH,
)
