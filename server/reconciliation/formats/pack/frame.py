"""Headers of a pack and of a combined pack: what they declare, compared with what stands below."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

from server.money import ZERO, Money
from server.reconciliation.formats import FileRefused, Header
from server.reconciliation.formats.fields import FieldFault, Fields

VERSIONS = ("!1.00", "!1.02")
FIELDS = 13


@dataclass(slots=True)
class Sums:
    """What a pack declares about its rows, or what they add up to."""

    count: int = 0
    charged: Money = ZERO
    paid: Money = ZERO
    changes: Money = ZERO
    with_readings: int = 0
    bad: int = 0

    def add(self, other: Sums) -> None:
        """A pack's sums into those of the combined pack; it counts packs, not rows."""
        self.count += 1
        self.charged += other.charged
        self.paid += other.paid
        self.changes += other.changes
        self.bad += other.bad


@dataclass(frozen=True, slots=True)
class Head:
    """A header line. `columns` say where each declared value stands."""

    header: Header
    version: str
    supplier: int
    declared: Sums
    line: int
    columns: dict[str, int] = field(default_factory=dict)


def combined(fields: Fields) -> Head:
    """`***|origin|centre|number|date|time|day|packs|charged|paid|supplier|changes|version|`."""
    with _refusing(fields):
        _check_length(fields)
        fields.time(5, "время создания")
        return _head(
            fields,
            day=fields.date(6, "операционный день"),
            declared=Sums(
                int(fields.digits(7, "количество пачек", 9)),
                fields.money(8, "начислено", signed=True),
                fields.money(9, "оплачено", signed=True),
                fields.money(11, "сумма изменений", signed=True),
            ),
            places={"count": 7, "charged": 8, "paid": 9, "changes": 11},
            supplier=10,
        )


def single(fields: Fields) -> Head:
    """`###|origin|centre|number|date|day|rows|charged|paid|supplier|changes|readings|version|`."""
    with _refusing(fields):
        _check_length(fields)
        return _head(
            fields,
            day=fields.date(5, "операционный день"),
            declared=Sums(
                int(fields.digits(6, "количество оплат", 9)),
                fields.money(7, "начислено", signed=True),
                fields.money(8, "оплачено", signed=True),
                fields.money(10, "сумма изменений", signed=True),
                int(fields.digits(11, "количество оплат с показаниями", 9)),
            ),
            places={"count": 6, "charged": 7, "paid": 8, "changes": 10, "with_readings": 11},
            supplier=9,
        )


def differences(head: Head, found: Sums) -> Iterator[tuple[int, str]]:
    """(column, sentence) for each declared value that the rows do not bear out.

    Rows that cannot be read count with their number and their paid sum only, so nothing else is
    compared then. A declared number of readings of 0 is a known habit of writers.
    """
    compared = [("count", "количество"), ("paid", "оплачено")]
    if not found.bad:
        compared += [("charged", "начислено"), ("changes", "сумма изменений")]
        if head.declared.with_readings:
            compared.append(("with_readings", "количество оплат с показаниями"))
    for name, title in compared:
        declared, actual = getattr(head.declared, name), getattr(found, name)
        if declared != actual:
            yield head.columns[name], f"{title}: заявлено {declared}, а по строкам {actual}"


def _head(
    fields: Fields, *, day: dt.date, declared: Sums, places: dict[str, int], supplier: int
) -> Head:
    version = fields.text(12, "версия формата")
    if version not in VERSIONS:
        raise fields.fault(12, f"версия формата: ожидается {VERSIONS[0]} или {VERSIONS[1]}")
    header = Header(
        number=fields.digits(3, "номер пачки", 10),
        made_on=fields.date(4, "дата пачки"),
        origin=fields.text(1, "место формирования"),
        day=day,
    )
    fields.text(2, "код организации", empty=True)
    return Head(
        header,
        version,
        int(fields.digits(supplier, "резерв", 18)),
        declared,
        fields.number,
        {name: fields.column(index) for name, index in places.items()},
    )


def _check_length(fields: Fields) -> None:
    if len(fields.texts) != FIELDS:
        place = min(len(fields.texts), FIELDS)
        raise fields.fault(place, f"в заголовке полей {len(fields.texts)}, а должно быть {FIELDS}")


class _refusing:
    """A header that cannot be read refuses the file: nothing below it could be trusted."""

    def __init__(self, fields: Fields) -> None:
        self._number = fields.number

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FieldFault):
            raise FileRefused(error.message, self._number, error.column) from error
