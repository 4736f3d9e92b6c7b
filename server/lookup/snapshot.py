"""The state of an account as the bytes that Redis holds under `a:<number>`.

epoch, billed version, paid version (u32 each), length of the billed half (u16), all big endian;
then the two halves. A version of 0 means that its half is missing; the halves never refer to each
other, so that each can be replaced alone (server/lookup/merge.py does it inside Redis).

Each half begins with a byte: bits 0..1 the state of the account (billed half only), bits 2..3 the
width of a sum, bits 4..7 the format, so that no version of this module misreads another's.

- Billed half: services, sums charged, holder, address, then meter by meter to the end: number, a
  byte (bits 0..2 the bytes of the last reading: 0 = none, 7 = eight; above them the service, or 31
  and the service behind the byte), date of the reading, the reading.
- Paid half: services, sums paid, the advance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import sub
from struct import Struct
from struct import error as StructError

from server.accounts import (
    ADVANCE,
    ADVANCE_NAME,
    AccountState,
    AccountView,
    Meter,
    ServiceDebt,
    masked,
)
from server.lookup.packing import (
    SnapshotError,
    pack_date,
    pack_name,
    pack_number,
    pack_services,
    pack_signed,
    pack_sums,
    pack_text,
    unpack_date,
    unpack_name,
    unpack_number,
    unpack_services,
    unpack_signed,
    unpack_sums,
    unpack_text,
)
from server.money import Money

Catalogue = Mapping[int, tuple[str, str, str]]
"""Service id to code, name and unit."""

FORMAT = 1
"""Raise it (up to 15) with every change of what the halves hold: Redis is then filled anew."""

HEADER = Struct(">IIIH")
"""Epoch, billed version, paid version, length of the billed half."""

_header = HEADER.unpack_from

STATES = tuple(AccountState)
_STATE_BYTES = {state.value.encode(): place for place, state in enumerate(STATES)}
_READING_BYTES_MAX = 6
_READING_OF_EIGHT = 7
_SERVICE_BEHIND = 31
_HEADS = tuple(bytes((FORMAT << 4 | low,)) for low in range(16))


class UnknownServiceError(SnapshotError):
    """The catalogue is older than the snapshot."""


def join(epoch: int, billed_version: int, billed: bytes, paid_version: int, paid: bytes) -> bytes:
    """A snapshot, or a part of one: version 0 and no bytes for a half that is not at hand."""
    return HEADER.pack(epoch, billed_version, paid_version, len(billed)) + billed + paid


def split(value: bytes) -> tuple[int, int, bytes, int, bytes]:
    """The reverse of `join`."""
    if len(value) < HEADER.size:
        raise SnapshotError("shorter than a header")
    epoch, billed_version, paid_version, length = HEADER.unpack_from(value)
    middle = HEADER.size + length
    if middle > len(value):
        raise SnapshotError("the billed half is cut off")
    return epoch, billed_version, value[HEADER.size : middle], paid_version, value[middle:]


def is_whole(value: bytes, floor: int = 0) -> bool:
    """Whether both halves are there, of no older epoch than `floor`."""
    if len(value) <= HEADER.size:
        return False
    epoch, billed_version, paid_version, _ = _header(value)
    return bool(epoch >= floor and billed_version and paid_version)


def paid_version_of(value: bytes) -> int:
    """Of a whole snapshot."""
    _, _, paid_version, _ = _header(value)
    return int(paid_version)


def billed_half(
    state: bytes,
    holder: bytes,
    address: bytes,
    services: tuple[int, ...],
    charged: tuple[int, ...],
    meters: bytes,
) -> bytes:
    """A row of ledger.account_billed; texts in UTF-8. Raises ValueError."""
    if state not in _STATE_BYTES:
        raise SnapshotError(f"state {state!r}")
    width, sums = pack_sums(charged)
    head = _HEADS[_STATE_BYTES[state] | width << 2]
    pieces = [head, pack_services(services), sums, pack_text(holder), pack_text(address)]
    if meters:
        for line in meters.split(b"\n"):
            number, service, reading, date = line.split(b"\t")
            code, shown = _pack_reading(reading) if reading else (0, b"")
            pieces += (pack_name(number), _pack_meter_head(service, code, date), shown)
    return b"".join(pieces)


def _pack_reading(reading: bytes) -> tuple[int, bytes]:
    value = int(reading)
    if value < 0:
        raise SnapshotError(f"reading {value}")
    length = (value.bit_length() + 7) // 8 or 1
    if length > _READING_BYTES_MAX:
        return _READING_OF_EIGHT, value.to_bytes(8, "big")
    return length, value.to_bytes(length, "big")


@lru_cache(8192)
def _pack_meter_head(service: bytes, code: int, date: bytes) -> bytes:
    id_ = int(service)
    if id_ < _SERVICE_BEHIND:
        return bytes((id_ << 3 | code,)) + pack_date(date)
    return bytes((_SERVICE_BEHIND << 3 | code,)) + pack_number(id_) + pack_date(date)


def paid_half(services: tuple[int, ...], paid: tuple[int, ...], advance: int) -> bytes:
    """A row of ledger.account_paid."""
    width, sums = pack_sums(paid)
    return b"".join((_HEADS[width << 2], pack_services(services), sums, pack_signed(advance)))


def decode(value: bytes, number: str, catalogue: Catalogue) -> AccountView | None:
    """What a check may show; None when a half is missing. Raises SnapshotError."""
    _, billed_version, billed, paid_version, paid = split(value)
    if not billed_version or not paid_version:
        return None
    try:
        return _view(number, billed_version + paid_version, billed, paid, catalogue)
    except KeyError as error:
        raise UnknownServiceError(f"service {error}") from error
    except (IndexError, ValueError, StructError) as error:
        raise SnapshotError(f"account {masked(number)}: {error}") from error


def _view(
    number: str, version: int, billed: bytes, paid: bytes, catalogue: Catalogue
) -> AccountView:
    head = billed[0]
    if head >> 4 != FORMAT or paid[0] >> 4 != FORMAT:
        raise SnapshotError("a snapshot of another version")
    services, at = unpack_services(billed, 1)
    charged, at = unpack_sums(billed, at, len(services), head >> 2 & 3)
    holder, at = unpack_text(billed, at)
    address, at = unpack_text(billed, at)
    paid_services, at_paid = unpack_services(paid, 1)
    received, at_paid = unpack_sums(paid, at_paid, len(paid_services), paid[0] >> 2 & 3)
    advance, _ = unpack_signed(paid, at_paid)
    return AccountView(
        account=number,
        state=STATES[head & 3],
        holder=holder,
        address=address,
        charged=Money(sum(charged)),
        paid=Money(sum(received) + advance),
        version=version,
        services=_debts(_turnovers(services, charged, paid_services, received), advance, catalogue),
        meters=read_meters(billed, at, catalogue) if at < len(billed) else (),
    )


def _turnovers(
    services: tuple[int, ...],
    charged: tuple[int, ...],
    paid_services: tuple[int, ...],
    paid: tuple[int, ...],
) -> Iterable[tuple[int, int]]:
    """Debt by service id, ascending; the advance is not yet spread."""
    if services == paid_services:
        return zip(services, map(sub, charged, paid), strict=True)
    debts = dict(zip(services, charged, strict=True))
    for service, amount in zip(paid_services, paid, strict=True):
        debts[service] = debts.get(service, 0) - amount
    return sorted(debts.items())


def _debts(
    turnovers: Iterable[tuple[int, int]], advance: int, catalogue: Catalogue
) -> tuple[ServiceDebt, ...]:
    """The arithmetic of server.accounts.spread_advance, which a test holds it to."""
    debts: list[ServiceDebt] = []
    for service, debt in turnovers:
        if advance > 0 and debt > 0:
            taken = min(advance, debt)
            advance -= taken
            debt -= taken
        code, name, _ = catalogue[service]
        debts.append(ServiceDebt(code, name, Money(debt)))
    if advance:
        debts.append(ServiceDebt(ADVANCE, ADVANCE_NAME, Money(-advance)))
    return tuple(debts)


def read_meters(billed: bytes, at: int, catalogue: Catalogue) -> tuple[Meter, ...]:
    meters: list[Meter] = []
    while at < len(billed):
        number, at = unpack_name(billed, at)
        service, length = billed[at] >> 3, billed[at] & 7
        at += 1
        if service == _SERVICE_BEHIND:
            service, at = unpack_number(billed, at)
        if length == _READING_OF_EIGHT:
            length = 8
        end = at + 2 + length
        if end > len(billed):
            raise SnapshotError("a meter is cut off")
        value = int.from_bytes(billed[at + 2 : end], "big") if length else None
        code, name, unit = catalogue[service]
        meters.append(Meter(number, code, name, unit, value, unpack_date(billed[at : at + 2])))
        at = end
    return tuple(meters)
