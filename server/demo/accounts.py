"""One account as rows: its holder, its two lanes, its meters and their readings."""

from __future__ import annotations

from dataclasses import dataclass

from server.demo.bills import PLACEHOLDER, Bills
from server.demo.catalogue import COLD_WATER
from server.demo.payments import NOTHING
from server.demo.periods import MONTHS, READING_DAYS, Year
from server.demo.rows import Rows

_ACCOUNT = b"%b\t%b\t%b\t%b\t%b\t%d\t%b\t%b\n"
_BILLED = b"%b\t%b\t%b\t%b\t{%b}\t{%b}\t%b\n"
_PLACEHOLDER = PLACEHOLDER.encode()
_PAID = b"%b\t{%b}\t{%b}\t%d\n"
_METER = b"%b\t%b\t%d\t2021-06-01\n"
# Inside a COPY text, a tab or a line break of the value is written with a backslash.
_METER_LINE = rb"%b\t%d\t%d\t%b"
_METER_LINES_BETWEEN = rb"\n"
NO_UNIFIED_ACCOUNT = rb"\N"


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter; `start` is what it showed before the year, in thousandths of the unit."""

    number: bytes
    service: int
    start: int


class Registrar:
    """Writes accounts, charges and meters of the year."""

    def __init__(self, year: Year) -> None:
        self._opened_at = f"{year.periods[0]} 00:00:00+00".encode()
        self._readings = [
            {
                day: f"%b\t%b\t{first.replace(day=day)}\t%d\tbilling\n".encode()
                for day in READING_DAYS
            }
            for first in year.periods
        ]
        self._last = {day: str(year.periods[-1].replace(day=day)).encode() for day in READING_DAYS}

    def open_account(
        self,
        rows: Rows,
        number: bytes,
        holder: bytes,
        address: bytes,
        house: int,
        *,
        state: bytes = b"active",
        flat: bytes = b"",
        unified_account: bytes = NO_UNIFIED_ACCOUNT,
    ) -> None:
        """The account as billing knows it."""
        rows.accounts.append(
            _ACCOUNT
            % (number, holder, address, state, unified_account, house, flat, self._opened_at)
        )

    def charge(self, rows: Rows, number: bytes, bills: Bills) -> None:
        """Twelve bills."""
        for month, text in zip(rows.charges, bills.charges, strict=True):
            month.append(text.replace(_PLACEHOLDER, number))

    def lanes(
        self,
        rows: Rows,
        number: bytes,
        shown: tuple[bytes, bytes, bytes],
        bills: Bills,
        meters: bytes,
        paid: tuple[int, int],
    ) -> None:
        """`shown`: state, holder and address; `paid`: how many bills, and how much on account."""
        charged = bills.cover(0, MONTHS)
        rows.billed.append(_BILLED % (number, *shown, charged.services, charged.amounts, meters))
        bills_paid, advance = paid
        given = bills.cover(0, bills_paid) if bills_paid else NOTHING
        rows.paid.append(_PAID % (number, given.services, given.amounts, advance))

    def install(
        self, rows: Rows, number: bytes, meters: tuple[Meter, ...], bills: Bills, day: int
    ) -> bytes:
        """Meters with a reading a month, on `day`; returns their lines for the billed lane."""
        lines = []
        for meter in meters:
            rows.meters.append(_METER % (number, meter.number, meter.service))
            value = self._read(rows, number, meter, bills.volumes[meter.service], day)
            lines.append(_METER_LINE % (meter.number, meter.service, value, self._last[day]))
        return _METER_LINES_BETWEEN.join(lines)

    def _read(
        self, rows: Rows, number: bytes, meter: Meter, volumes: tuple[int, ...], day: int
    ) -> int:
        value = meter.start
        for readings, text, used in zip(rows.readings, self._readings, volumes, strict=True):
            value += used
            readings.append(text[day] % (number, meter.number, value))
        return value


def meters_of(number: int, bills: Bills, luck: int) -> tuple[Meter, ...]:
    """The meters of an ordinary account: one for each metered service, by meter number."""
    return tuple(
        Meter(b"18-%06d" % (luck % 1_000_000), service, luck % 640 * 500)
        if service == COLD_WATER
        else Meter(b"E%07d" % (number % 10_000_000), service, luck % 29_000 * 1_000)
        for service in bills.volumes
    )
