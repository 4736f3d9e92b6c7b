"""The state of an account as the bytes that Redis holds under `a:<number>`.

epoch, billed version, paid version (u32 each), length of the billed half (u16), all big endian;
then the two halves. A version of 0 means that its half is missing; the halves never refer to each
other, so that each can be replaced alone (server/lookup/merge.py does it inside Redis).

- Billed half: a byte (state, bytes of a sum - 1 in bits 3..5), services, sums charged, holder,
  address, then meter by meter to the end: number, service, date of the last reading, bytes of
  the reading (0 = none), the reading.
- Paid half: a byte (bytes of a sum - 1), services, sums paid, the advance.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from struct import Struct
from struct import error as StructError

from server.accounts import ADVANCE, ADVANCE_NAME, AccountState, AccountView, Meter, ServiceDebt
from server.lookup.packing import (
    SnapshotError,
    pack_date,
    pack_name,
    pack_number,
    pack_services,
    pack_signed,
    pack_text,
    unpack_date,
    unpack_number,
    unpack_services,
    unpack_signed,
    unpack_sums,
    unpack_text,
)
from server.money import Money

Catalogue = Mapping[int, tuple[str, str, str]]
"""Service id to code, name and unit."""

HEADER = Struct(">IIIH")
"""Epoch, billed version, paid version, length of the billed half."""

_STATES = tuple(AccountState)
_STATE_BYTES = {state.value.encode(): place for place, state in enumerate(_STATES)}
_MISSING_HALF = b"\0\0\0\0"
_LENGTHS = tuple(bytes((length,)) for length in range(16))


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


def is_whole(value: bytes) -> bool:
    """Whether both halves are there."""
    return len(value) > HEADER.size and value[4:8] != _MISSING_HALF and value[8:12] != _MISSING_HALF


Sums = tuple[int, bytes]
"""Sums packed by `pack_sums` or `pack_columns`."""


def billed_half(
    state: bytes,
    holder: bytes,
    address: bytes,
    services: tuple[int, ...],
    charged: Sums,
    meters: bytes,
) -> bytes:
    """A row of ledger.account_billed; texts in UTF-8. Raises ValueError."""
    if state not in _STATE_BYTES:
        raise SnapshotError(f"state {state!r}")
    width, sums = charged
    head = bytes((_STATE_BYTES[state] | (width - 1) << 3,))
    pieces = [head, pack_services(services), sums, pack_text(holder), pack_text(address)]
    if meters:
        for line in meters.split(b"\n"):
            number, service, reading, date = line.split(b"\t")
            pieces += (pack_name(number), _pack_service_and_date(service, date))
            if reading:
                value = int(reading)
                length = value.bit_length() // 8 + 1
                pieces += (_LENGTHS[length], value.to_bytes(length, "big", signed=True))
            else:
                pieces.append(b"\0")
    return b"".join(pieces)


@lru_cache(8192)
def _pack_service_and_date(service: bytes, date: bytes) -> bytes:
    return pack_number(int(service)) + pack_date(date)


def paid_half(services: tuple[int, ...], paid: Sums, advance: int) -> bytes:
    """A row of ledger.account_paid."""
    width, sums = paid
    return b"".join((_LENGTHS[width - 1], pack_services(services), sums, pack_signed(advance)))


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
        raise SnapshotError(f"account {number}: {error}") from error


def _view(
    number: str, version: int, billed: bytes, paid: bytes, catalogue: Catalogue
) -> AccountView:
    head = billed[0]
    width = (head >> 3 & 7) + 1
    services, at = unpack_services(billed, 1)
    charged = unpack_sums(billed, at, len(services), width)
    holder, at = unpack_text(billed, at + len(services) * width)
    address, at = unpack_text(billed, at)
    width = (paid[0] & 7) + 1
    paid_services, paid_at = unpack_services(paid, 1)
    received = unpack_sums(paid, paid_at, len(paid_services), width)
    advance, _ = unpack_signed(paid, paid_at + len(paid_services) * width)
    turnovers = _turnovers(services, charged, paid_services, received)
    return AccountView(
        account=number,
        state=_STATES[head & 7],
        holder=holder,
        address=address,
        charged=Money(sum(charged)),
        paid=Money(sum(received) + advance),
        version=version,
        services=_debts(turnovers, advance, catalogue),
        meters=_meters(billed, at, catalogue) if at < len(billed) else (),
    )


def _turnovers(
    services: tuple[int, ...],
    charged: tuple[int, ...],
    paid_services: tuple[int, ...],
    paid: tuple[int, ...],
) -> list[tuple[int, int]]:
    """Debt by service id, ascending; the advance is not yet spread."""
    if services == paid_services:
        return [(s, c - p) for s, c, p in zip(services, charged, paid, strict=True)]
    debts = dict(zip(services, charged, strict=True))
    for service, amount in zip(paid_services, paid, strict=True):
        debts[service] = debts.get(service, 0) - amount
    return sorted(debts.items())


def _debts(
    turnovers: list[tuple[int, int]], advance: int, catalogue: Catalogue
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


def _meters(billed: bytes, at: int, catalogue: Catalogue) -> tuple[Meter, ...]:
    meters: list[Meter] = []
    while at < len(billed):
        number, at = unpack_text(billed, at)
        service, at = unpack_number(billed, at)
        date = unpack_date(billed[at : at + 2])
        end = at + 3 + billed[at + 2]
        reading = billed[at + 3 : end]
        if end > len(billed):
            raise SnapshotError("a reading is cut off")
        value = int.from_bytes(reading, "big", signed=True) if reading else None
        code, name, unit = catalogue[service]
        meters.append(Meter(number, code, name, unit, value, date))
        at = end
    return tuple(meters)
