"""Small pieces of a snapshot as bytes: texts, service lists, sums of equal width, dates.

Texts are windows-1251 with a few frequent phrases as single control bytes, or UTF-8 where that
cannot hold them. Prefix: length and a bit for UTF-8, as a base-128 number, lowest bits first.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from itertools import pairwise
from struct import Struct
from struct import error as StructError

_MEMO = 1 << 15
_TEXTS_MEMO = 1 << 17  # houses and masked names repeat: most accounts meet only known texts
_PHRASES = (
    ", кв. ***",
    ", ул. ",
    ", пр-т ",
    ", пер. ",
    ", корп. ",
    ", д. ",
    "г. ",
    "*** ",
    ". ",
)
_PHRASE_BYTES = tuple((phrase, chr(1 + place)) for place, phrase in enumerate(_PHRASES))
_CONTROL = frozenset(range(32))
_BITMAP = 0x80  # | number of bytes; below it, the byte is the bitmap
_LIST = 0xC0  # | number of ids
_BITMAP_IDS_MAX = 64
_PLAIN_NAME = re.compile(rb"[!-~]{1,60}")
_LENGTHS = tuple(bytes((length << 1,)) for length in range(61))
_TWO_BYTES = Struct(">H")
_FOUR_BYTES = tuple(Struct(f">{count}I") for count in range(64))
_EIGHT_BYTES = tuple(Struct(f">{count}q") for count in range(64))
_DAYS_EPOCH = dt.date(1970, 1, 1).toordinal()
_DAYS_MAX = 0xFFFF


class SnapshotError(ValueError):
    """The bytes are not a snapshot, or it names a service that the catalogue lacks."""


def pack_number(number: int) -> bytes:
    """A number >= 0, seven bits a byte, lowest first."""
    if number < 128:
        return bytes((number,))
    packed = bytearray()
    while number > 127:
        packed.append(number & 127 | 128)
        number >>= 7
    packed.append(number)
    return bytes(packed)


def unpack_number(packed: bytes, at: int) -> tuple[int, int]:
    """The number and where the next piece begins."""
    number = packed[at]
    at += 1
    if number < 128:
        return number, at
    number &= 127
    shift = 7
    while True:
        byte = packed[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7


@lru_cache(_TEXTS_MEMO)
def pack_text(text: bytes) -> bytes:
    """`text` is UTF-8, as PostgreSQL sends it."""
    short = _shortened(text)
    if short is None:
        return pack_number(len(text) << 1 | 1) + text
    return pack_number(len(short) << 1) + short


def pack_name(text: bytes) -> bytes:
    """The same for a text that hardly ever comes twice, such as a meter's number."""
    if _PLAIN_NAME.fullmatch(text) is None:
        return pack_text(text)
    return _LENGTHS[len(text)] + text


def _shortened(text: bytes) -> bytes | None:
    if not _CONTROL.isdisjoint(text):
        return None
    characters = text.decode()
    for phrase, byte in _PHRASE_BYTES:
        characters = characters.replace(phrase, byte)
    try:
        return characters.encode("cp1251")
    except UnicodeEncodeError:
        return None


def unpack_text(packed: bytes, at: int) -> tuple[str, int]:
    """The text and where the next piece begins."""
    length, at = unpack_number(packed, at)
    end = at + (length >> 1)
    if end > len(packed):
        raise SnapshotError("a text is cut off")
    return _read_text(packed[at:end], bool(length & 1)), end


def unpack_name(packed: bytes, at: int) -> tuple[str, int]:
    """The same for a text that hardly ever comes twice."""
    end = at + 1 + (packed[at] >> 1)
    name = packed[at + 1 : end]
    if packed[at] & 0x81 or _PLAIN_NAME.fullmatch(name) is None or end > len(packed):
        return unpack_text(packed, at)
    return name.decode("ascii"), end


@lru_cache(_MEMO)
def _read_text(packed: bytes, is_utf8: bool) -> str:
    if is_utf8:
        return packed.decode()
    text = packed.decode("cp1251")
    if not _CONTROL.isdisjoint(packed):
        for phrase, byte in _PHRASE_BYTES:
            text = text.replace(byte, phrase)
    return text


@lru_cache(_MEMO)
def pack_services(services: tuple[int, ...]) -> bytes:
    """Ids in a bitmap of one byte or a few when they ascend and are small, else one by one."""
    ascending = all(a < b for a, b in pairwise(services))
    if not ascending or (services and not 0 < services[0] <= services[-1] <= _BITMAP_IDS_MAX):
        return bytes((_LIST | len(services),)) + b"".join(map(_TWO_BYTES.pack, services))
    bits = sum(1 << (service - 1) for service in services)
    if bits < _BITMAP:
        return bytes((bits,))
    length = (services[-1] + 7) // 8
    return bytes((_BITMAP | length,)) + bits.to_bytes(length, "little")


def unpack_services(packed: bytes, at: int) -> tuple[tuple[int, ...], int]:
    """The ids and where the next piece begins."""
    head = packed[at]
    end = at + 1
    if head >= _LIST:
        end += 2 * (head - _LIST)
    elif head >= _BITMAP:
        end += head - _BITMAP
    return _read_services(packed[at:end]), end


@lru_cache(_MEMO)
def _read_services(packed: bytes) -> tuple[int, ...]:
    head = packed[0]
    if head >= _LIST:
        return tuple(id_ for (id_,) in _TWO_BYTES.iter_unpack(packed[1:]))
    bits = int.from_bytes(packed[1:], "little") if head >= _BITMAP else head
    return tuple(place + 1 for place in range(bits.bit_length()) if bits >> place & 1)


def pack_sums(sums: tuple[int, ...]) -> tuple[int, bytes | bytearray]:
    """The sums, and how many bytes each takes: 0 = three (below 167 772.16 roubles), 1 = four,
    2 = eight (signed)."""
    count = len(sums)
    try:
        flat = bytearray(_structs(_FOUR_BYTES, count).pack(*sums))
    except StructError:
        return 2, _structs(_EIGHT_BYTES, count).pack(*sums)
    if flat[::4] != bytes(count):
        return 1, flat
    del flat[::4]
    return 0, flat


def unpack_sums(packed: bytes, at: int, count: int, width: int) -> tuple[tuple[int, ...], int]:
    """`count` sums and where the next piece begins. Raises ValueError, struct.error."""
    if width:
        layout = _structs(_FOUR_BYTES if width == 1 else _EIGHT_BYTES, count)
        return layout.unpack_from(packed, at), at + layout.size
    end = at + 3 * count
    flat = bytearray(4 * count)
    flat[1::4] = packed[at:end:3]
    flat[2::4] = packed[at + 1 : end : 3]
    flat[3::4] = packed[at + 2 : end : 3]
    return _structs(_FOUR_BYTES, count).unpack(flat), end


def _structs(known: tuple[Struct, ...], count: int) -> Struct:
    return known[count] if count < len(known) else Struct(f">{count}{known[1].format[-1]}")


def pack_signed(number: int) -> bytes:
    """Any number; small ones take a byte."""
    return pack_number(number << 1 if number >= 0 else ~number << 1 | 1)


def unpack_signed(packed: bytes, at: int) -> tuple[int, int]:
    """The number and where the next piece begins."""
    number, at = unpack_number(packed, at)
    return (~(number >> 1) if number & 1 else number >> 1), at


@lru_cache(_MEMO)
def pack_date(text: bytes) -> bytes:
    """ISO date to days since 1970; a date that does not fit into two bytes is not shown."""
    try:
        days = dt.date.fromisoformat(text.decode()).toordinal() - _DAYS_EPOCH
    except ValueError:
        days = 0
    return _TWO_BYTES.pack(days if 0 < days <= _DAYS_MAX else 0)


@lru_cache(_MEMO)
def unpack_date(packed: bytes) -> dt.date | None:
    """The reverse."""
    (days,) = _TWO_BYTES.unpack(packed)
    return dt.date.fromordinal(days + _DAYS_EPOCH) if days else None
