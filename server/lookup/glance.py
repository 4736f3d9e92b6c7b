"""The quick look at a snapshot: only what a reply shows, handed to a renderer, no objects made.

Accounts have few shapes: which services are billed and paid, and how wide the sums are. What can
be known from the shape is worked out once. Whatever is unusual (an account that takes no payments,
a list of services that is no bitmap, a damaged value) is None and goes the long way, by
server.lookup.snapshot; a test holds both to the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError

from server.accounts import ADVANCE, ADVANCE_NAME, AccountState, Meter, ServiceNames
from server.lookup.packing import unpack_services, unpack_signed, unpack_sums, unpack_text
from server.lookup.snapshot import FORMAT, STATES, Catalogue, read_meters

Render = Callable[[str, str, int, ServiceNames, list[int], tuple[Meter, ...]], bytes]
Unpack = Callable[[bytes, int], tuple[bytes, ...]]

_SHAPES_MAX = 4096
_TEXTS_MAX = 1 << 16
_HEADER_BYTES = 14
_SERVICES_AT = _HEADER_BYTES + 1
_BITMAP = 0x80  # below it one byte is the bitmap; above it, it says how many bytes follow
_LIST = 0xC0
_SUM = "3s"
_ACTIVE = AccountState.ACTIVE
_ERRORS = (IndexError, KeyError, ValueError, StructError)
_whole = int.from_bytes


@dataclass(frozen=True, slots=True)
class _Shape:
    """How to read the sums, and whose they are."""

    names: ServiceNames
    names_and_advance: ServiceNames
    zeros: list[int]
    width: int
    paid_width: int
    paid_count: int
    places: tuple[int, ...]
    """Of the services paid among those billed."""


_Places = tuple[int, int, int]
"""Where a snapshot's charged sums begin, where its billed half ends, where the paid sums begin."""


class Glances:
    """Shows snapshots in the names of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._shapes: dict[bytes, _Shape] = {}
        self._plain: dict[bytes, tuple[Unpack, int, _Shape]] = {}
        """Those with the same services, and sums of three bytes, in both halves."""
        self._texts: dict[bytes, str] = {}

    def show(self, value: bytes, render: Render, with_meters: bool = False) -> bytes | None:
        """What `render` makes of the account; None = not for this way. The hot path."""
        try:
            middle = _HEADER_BYTES + (value[12] << 8 | value[13])
            length = value[15]
            at = 16 if length < 0x80 else length - 112
            length = value[middle + 1]
            paid_at = middle + 2 if length < 0x80 else middle + length - 126
            key = value[14:at] + value[middle:paid_at]
            plain = self._plain.get(key)
            if plain is None:
                return self._show(value, key, (at, middle, paid_at), render, with_meters)
            unpack, size, shape = plain
            debts = shape.zeros.copy()
            sums, paid_sums = unpack(value, at), unpack(value, paid_at)
            for place, charged in enumerate(sums):
                if charged != paid_sums[place]:  # many services are paid in full
                    debts[place] = _whole(charged) - _whole(paid_sums[place])
            text_at = at + size
            end = text_at + 1 + (value[text_at] >> 1)
            holder = self._texts.get(value[text_at:end])
            text_at = end
            end += 1 + (value[text_at] >> 1)
            address = self._texts.get(value[text_at:end])
            if holder is None or address is None or end > middle:
                return self._show(value, key, (at, middle, paid_at), render, with_meters)
            meters = read_meters(value[:middle], end, self._catalogue) if with_meters else ()
            advance = value[paid_at + size]
            if not advance:
                return render(holder, address, sum(debts), shape.names, debts, meters)
            advance, _ = unpack_signed(value, paid_at + size)
            debt = sum(debts) - advance
            return render(holder, address, debt, _spread(debts, advance, shape), debts, meters)
        except _ERRORS:
            return None

    def _show(
        self, value: bytes, key: bytes, places: _Places, render: Render, with_meters: bool
    ) -> bytes | None:
        sums_at, middle, paid_at = places
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._learn(value, key, middle)
        if shape is None:
            return None
        count = len(shape.names.codes)
        charged, at = unpack_sums(value, sums_at, count, shape.width)
        paid, paid_at = unpack_sums(value, paid_at, shape.paid_count, shape.paid_width)
        debts = list(charged)
        for where, amount in zip(shape.places, paid, strict=True):
            debts[where] -= amount
        advance, _ = unpack_signed(value, paid_at)
        debt = sum(debts) - advance
        names = _spread(debts, advance, shape)
        billed = value[:middle]
        holder, at = self._text(billed, at)
        address, at = self._text(billed, at)
        meters = read_meters(billed, at, self._catalogue) if with_meters else ()
        return render(holder, address, debt, names, debts, meters)

    def _text(self, billed: bytes, at: int) -> tuple[str, int]:
        text, end = unpack_text(billed, at)
        if billed[at] < _BITMAP:
            if len(self._texts) >= _TEXTS_MAX:
                self._texts.clear()
            self._texts[billed[at:end]] = text
        return text, end

    def _learn(self, value: bytes, key: bytes, middle: int) -> _Shape | None:
        head, paid_head = value[_HEADER_BYTES], value[middle]
        billed, paid = value[_SERVICES_AT], value[middle + 1]
        if middle == _HEADER_BYTES or billed >= _LIST or paid >= _LIST:
            return None
        if head >> 4 != FORMAT or paid_head >> 4 != FORMAT or STATES[head & 3] is not _ACTIVE:
            return None
        services, _ = unpack_services(value, _SERVICES_AT)
        paid_services, _ = unpack_services(value, middle + 1)
        if not set(paid_services) <= set(services):
            return None
        shape = self._shape(services, paid_services, head >> 2 & 3, paid_head >> 2 & 3)
        if len(self._shapes) >= _SHAPES_MAX:
            self._shapes.clear()
            self._plain.clear()
        self._shapes[key] = shape
        if services == paid_services and not shape.width and not shape.paid_width:
            layout = Struct(_SUM * len(services))
            self._plain[key] = layout.unpack_from, layout.size, shape
        return shape

    def _shape(
        self, services: tuple[int, ...], paid: tuple[int, ...], width: int, paid_width: int
    ) -> _Shape:
        rows = [self._catalogue[service] for service in services]
        codes, names = tuple(row[0] for row in rows), tuple(row[1] for row in rows)
        return _Shape(
            names=ServiceNames(codes, names),
            names_and_advance=ServiceNames((*codes, ADVANCE), (*names, ADVANCE_NAME)),
            zeros=[0] * len(services),
            width=width,
            paid_width=paid_width,
            paid_count=len(paid),
            places=tuple(services.index(service) for service in paid),
        )


def _spread(debts: list[int], advance: int, shape: _Shape) -> ServiceNames:
    """Take the advance off the debts, in their order; what is left of it is a debt of its own."""
    for place, debt in enumerate(debts):
        if advance <= 0:
            break
        if debt > 0:
            taken = debt if debt < advance else advance
            debts[place] = debt - taken
            advance -= taken
    if not advance:
        return shape.names
    debts.append(-advance)
    return shape.names_and_advance
