"""A request's parameters, from the query string or a form body, decoded strictly."""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from server.protocols import Request
from server.refusals import Refusal, Refused

BYTES_MAX = 16_384
PARAMETERS_MAX = 100
CONTENT_TYPE = "application/x-www-form-urlencoded"

# RFC 3986 wants everything but printable ASCII encoded; a percent sign starts two hex digits.
_WELL_FORMED = re.compile(r"(?:[!-$&-~]++|%[0-9A-Fa-f]{2})*+")
# A request is read by verify, decode and encode; those between its arrival and answer are few.
_READ_MAX = 64


@dataclass(frozen=True, slots=True)
class Form:
    """Parameters by name, still encoded: one that nobody asks for cannot spoil a request."""

    values: Mapping[str, str]
    encoding: str
    repeated: frozenset[str] = field(default_factory=frozenset)

    def get(self, name: str) -> str:
        """The parameter's text, empty when it is absent.

        Raises Refused(MALFORMED) when it is given twice or is not text in the encoding.
        """
        if name in self.repeated:
            raise Refused(Refusal.MALFORMED, f"{name} is given twice", name)
        try:
            return _decoded(self.values.get(name, ""), self.encoding)
        except UnicodeDecodeError:
            raise Refused(Refusal.MALFORMED, f"{name} is not {self.encoding}", name) from None

    def __contains__(self, name: str) -> bool:
        return name in self.values


def read(request: Request, encoding: str = "utf-8", *, fold_case: bool = False) -> Form:
    """The parameters of a GET's query, or of a POST's query and form body together.

    `fold_case` makes names that differ only in case one name. Raises Refused(MALFORMED).
    """
    return parse(_source(request), encoding, fold_case)


@lru_cache(_READ_MAX)
def parse(text: str, encoding: str, fold_case: bool = False) -> Form:
    """The parameters in a text, wherever it stood. Raises Refused(MALFORMED)."""
    if len(text) > BYTES_MAX or _WELL_FORMED.fullmatch(text) is None:
        raise Refused(Refusal.MALFORMED, f"not a form, or too long: {len(text)} characters")
    pieces = [piece for piece in text.split("&") if piece]
    if len(pieces) > PARAMETERS_MAX:
        raise Refused(Refusal.MALFORMED, f"{len(pieces)} parameters")
    values: dict[str, str] = {}
    repeated: set[str] = set()
    for piece in pieces:
        encoded_name, _, value = piece.partition("=")
        # A name outside ASCII is no protocol's and only has to stay different from all others.
        name = _decoded(encoded_name, "latin-1")
        if fold_case:
            name = name.lower()
        if name in values:
            repeated.add(name)
        values[name] = value
    return Form(values, encoding, frozenset(repeated))


def _source(request: Request) -> str:
    if request.method == "GET":
        return request.query
    if request.method != "POST":
        raise Refused(Refusal.MALFORMED, f"the method {request.method[:20]!r}")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in ("", CONTENT_TYPE):
        raise Refused(Refusal.MALFORMED, f"the content type {media_type[:80]!r}")
    return f"{request.query}&{request.body.decode('latin-1')}"


def _decoded(text: str, encoding: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    # Quoted-printable is the same but for its sign, and decoded by C. What is no escape cannot
    # come here.
    quoted = text.replace("+", " ").replace("=", "=3D").replace("%", "=")
    return a2b_qp(quoted).decode(encoding)
