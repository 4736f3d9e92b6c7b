"""Parameters of the plainest kind, for the fast lane: nothing encoded, no name twice."""

from __future__ import annotations

import re

_BYTES_MAX = 2000
_PLAIN = re.compile(rb"[A-Za-z0-9_]+=[A-Za-z0-9_.-]*(?:&[A-Za-z0-9_]+=[A-Za-z0-9_.-]*)*")
_PARAMETERS_MAX = 30


def read(text: bytes, *, fold_case: bool = False) -> dict[bytes, bytes] | None:
    """What server.protocols.form would read; None for whatever may need more care."""
    if len(text) > _BYTES_MAX or _PLAIN.fullmatch(text) is None:
        return None
    pieces = text.split(b"&")
    values = {}
    for piece in pieces:
        name, _, value = piece.partition(b"=")
        values[name.lower() if fold_case else name] = value
    if len(values) < len(pieces) or len(pieces) > _PARAMETERS_MAX:
        return None
    return values
