"""Payment rows of a pack: `@@@|receipt|organisation|kind|source|account|…|`, 17 fields at most."""

from __future__ import annotations

import re
from dataclasses import dataclass

from server.money import ZERO, Money, MoneyError
from server.reconciliation.formats import BadLine, Line
from server.reconciliation.formats.fields import FieldFault, Fields, date, money
from server.reconciliation.formats.text import UNREADABLE

MARK = "@@@"
_FIELDS = (15, 16, 17)  # readings may be left out, and empty changes before the end of the line
_ITEMS_MAX = 99
_INTEGER = re.compile(r"[0-9]{1,9}", re.ASCII)
# A row as nearly all are: no changes, no readings, sums with two decimals.
_PLAIN = re.compile(
    r"@@@\|([0-9]{1,20})\|([^|]{0,100})\|([0-9]{1,2})\|([0-9]{1,2})\|([^|]{1,100})"
    r"\|([0-9.]{10})\|([0-9.]{10})\|([0-9]{1,4})"
    r"\|([0-9]{1,13})\.([0-9]{2})\|([0-9]{1,13})\.([0-9]{2})\|[^|]*\|00?\|00?\|0\.00\|{0,3}",
    re.ASCII,
)
_READING = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """A readable row with what the control sums need; `notes` are oddities (column, sentence)."""

    line: Line
    charged: Money
    changes: Money
    has_readings: bool
    notes: tuple[tuple[int, str], ...]


def plain(number: int, text: str) -> Row | None:
    """What `row` would give, at a quarter of its cost; nothing when it takes a closer look."""
    match = _PLAIN.fullmatch(text)
    if match is None or not text.isprintable() or UNREADABLE in text:
        return None
    (receipt, organisation, kind, source, account, paid_on, month, bill,
     charged, charged_rest, paid, paid_rest) = match.groups()  # fmt: skip
    day, paid_for = date(paid_on), date(month)
    account, organisation = account.strip(), organisation.strip()
    if day is None or paid_for is None or not account:
        return None
    kopecks = int(charged + charged_rest)
    details: dict[str, object] = {
        "organisation": organisation,
        "kind": kind,
        "source": source,
        "month": paid_for.isoformat()[:7],
        "bill": bill,
        "charged_kopecks": kopecks,
    }
    amount = Money(int(paid + paid_rest))
    line = Line(number, receipt, account, amount, day, None, details)
    return Row(line, Money(kopecks), ZERO, False, ())


def row(fields: Fields, version: str, strict: bool) -> Row:
    """Raises FieldFault. When lenient, faulty changes and readings are left out with a note: they
    must not stop the money."""
    if len(fields.texts) not in _FIELDS:
        place = min(len(fields.texts), _FIELDS[-1])
        raise fields.fault(place, f"в строке полей {len(fields.texts)}, а должно быть от 15 до 17")
    charged = fields.money(9, "начислено", signed=True)
    changes = fields.money(14, "сумма изменений", signed=True)
    notes: list[tuple[int, str]] = []
    clarified: list[list[str]] = []
    readings: list[list[str]] = []
    try:
        clarified = _changes(fields, version, changes)
        readings = _readings(fields, notes)
    except FieldFault as fault:
        if strict:
            raise
        notes.append((fault.column, fault.message))
    details: dict[str, object] = {
        "organisation": fields.text(2, "код организации", empty=True),
        "kind": fields.digits(3, "код квитанции", 2),
        "source": fields.digits(4, "источник платежа", 2),
        "month": fields.date(7, "месяц оплаты").isoformat()[:7],
        "bill": fields.digits(8, "номер счёта в месяце", 4),
        "charged_kopecks": charged.kopecks,
    }
    if clarified:
        details["changes"] = clarified
    if readings:
        details["readings"] = readings
    line = Line(
        fields.number,
        fields.digits(1, "номер справки", 20),
        fields.text(5, "платёжный код"),
        fields.money(10, "оплачено", signed=True),
        fields.date(6, "дата платежа"),
        None,
        details,
    )
    return Row(line, charged, changes, bool(readings), tuple(notes))


def bad(fields: Fields, text: str, fault: FieldFault) -> BadLine:
    """The row as it stands, with the fields that can be read: its money still counts."""
    return BadLine(
        fields.number,
        fault.column,
        fault.message,
        text,
        operation=_readable(fields, 1),
        account=_readable(fields, 5),
        amount=_amount(fields),
        paid_on=date(_readable(fields, 6)),
    )


def _changes(fields: Fields, version: str, declared: Money) -> list[list[str]]:
    """What the payer changed: `line of the bill,days missed,paid` (1.00) or
    `service,supplier,paid` (1.02); counts and sum are checked against their fields."""
    text = fields.texts[15] if len(fields.texts) > 15 else ""
    items = [item.split(",") for item in text.split(";") if item.strip()]
    for item in items:
        if len(item) != 3 or not _INTEGER.fullmatch(item[0]):
            raise fields.fault(15, "изменения: ожидается три части через запятую")
        if item[1] and not _INTEGER.fullmatch(item[1]):
            raise fields.fault(15, "изменения: вторая часть не число")
    missed = [item for item in items if item[1] or version == "!1.02"]
    paid = [item[2] for item in items if item[2]]
    _count(fields, 12, "количество недопоставок или уточнённых оплат", len(missed))
    _count(fields, 13, "количество изменений", len(paid))
    try:
        total = sum((money(text, signed=True) for text in paid), start=ZERO)
    except MoneyError:
        raise fields.fault(15, "изменения: третья часть не сумма") from None
    if total != declared:
        raise fields.fault(14, f"сумма изменений: заявлено {declared}, а по частям {total}")
    return items


def _count(fields: Fields, index: int, what: str, actual: int) -> None:
    declared = int(fields.digits(index, what, 2))
    if declared != actual or actual > _ITEMS_MAX:
        raise fields.fault(index, f"{what}: заявлено {declared}, а частей {actual}")


def _readings(fields: Fields, notes: list[tuple[int, str]]) -> list[list[str]]:
    """`counter in the bill,reading` or `service,serial number,reading`; empty parts are a habit."""
    if len(fields.texts) < 17 or not fields.texts[16].strip():
        return []
    items = [item.split(",") for item in fields.texts[16].split(";")]
    filled = [item for item in items if any(part.strip() for part in item)]
    for item in filled:
        if len(item) not in (2, 3) or not _INTEGER.fullmatch(item[0]):
            raise fields.fault(16, "показания: ожидается две или три части через запятую")
        if not _READING.fullmatch(item[-1]) or not item[1].isprintable():
            raise fields.fault(16, "показания: последняя часть не показание")
    if len(filled) < len(items):
        notes.append((fields.column(16), "пустые показания пропущены"))
    return filled


def _readable(fields: Fields, index: int) -> str:
    try:
        return fields.text(index, "")
    except FieldFault:
        return ""


def _amount(fields: Fields) -> Money | None:
    try:
        return fields.money(10, "", signed=True)
    except FieldFault:
        return None
