"""Elecsnet's line: `name=value` pairs in raw windows-1251, the signature last.

Nothing is percent-encoded, so a value may hold `=` but neither `&` nor the end of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from server.protocols.xml import WINDOWS_1251
from server.refusals import Refusal, Refused

BYTES_MAX = 16_384

_SIGNATURE = b"&signature="
_SIGNATURE_NAME = re.compile(re.escape(_SIGNATURE), re.IGNORECASE)
_BREAKING = re.compile(r"[&\x00-\x1f\x7f]+")
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line taken apart: what is signed, the signature as written, the pairs."""

    signed: bytes
    signature: str


def split(body: bytes) -> Line:
    """The two halves of a line; the signature is empty when there is none."""
    line = body.rstrip(b"\r\n")
    found = _SIGNATURE_NAME.search(line)
    if found is None:
        return Line(line, "")
    return Line(line[: found.start()], line[found.end() :].decode("latin-1"))


def pairs(signed: bytes) -> Mapping[str, str]:
    """The values by their names in small letters. Raises Refused(MALFORMED)."""
    if len(signed) > BYTES_MAX:
        raise Refused(Refusal.MALFORMED, f"a line of {len(signed)} bytes")
    try:
        text = signed.decode(WINDOWS_1251)
    except UnicodeDecodeError:
        raise Refused(Refusal.MALFORMED, f"not {WINDOWS_1251}") from None
    if _UNREADABLE.search(text) is not None:
        raise Refused(Refusal.MALFORMED, "a control character")
    found: dict[str, str] = {}
    for piece in text.split("&"):
        name, _, value = piece.partition("=")
        if name.lower() in found:
            raise Refused(Refusal.MALFORMED, f"{name[:40]} is given twice", name.lower())
        found[name.lower()] = value
    return found


def write(said: Iterable[tuple[str, str]]) -> bytes:
    """A line without its signature; what would break it becomes a space, what it lacks a `?`."""
    text = "&".join(f"{name}={_BREAKING.sub(' ', value)}" for name, value in said)
    return text.encode(WINDOWS_1251, "replace")


def with_signature(signed: bytes, signature: str) -> bytes:
    """The whole line; signatures are written in capitals."""
    return signed + _SIGNATURE + signature.upper().encode()


def part(text: str) -> str:
    """A part of `ansid`, as the terminal reads it: `-` divides parts and `_` is a space."""
    return text.replace("-", "=").replace(" ", "_")


def text_of(part: str) -> str:
    """What the terminal shows for a part."""
    return part.replace("_", " ").replace("=", "-")
