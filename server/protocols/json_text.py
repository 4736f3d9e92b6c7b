"""JSON replies as bytes, whatever texts a database holds."""

from __future__ import annotations

import json

import msgspec

CONTENT_TYPE = "application/json; charset=utf-8"


def encode(said: object) -> bytes:
    """UTF-8 without white space; half characters (lone surrogates) become question marks."""
    try:
        return msgspec.json.encode(said)
    except UnicodeEncodeError:
        text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")
