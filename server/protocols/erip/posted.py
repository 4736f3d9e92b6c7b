"""The form field `XML` of a POST, as bytes: urlencoded or multipart, whatever its header says."""

from __future__ import annotations

import re
from functools import lru_cache

from server.protocols import Request, form
from server.protocols.xml import BODY_BYTES_MAX, WINDOWS_1251
from server.refusals import Refusal, Refused

FIELD = "XML"

_BOUNDARY = re.compile(r'boundary="?([^";,\s]{1,70})', re.IGNORECASE)
_NAME = re.compile(rb'name="?([^";\r\n]{1,40})"?', re.IGNORECASE)
_PARTS_MAX = 20
# A request is read by verify, decode and encode; those between its arrival and answer are few.
_READ_MAX = 64


def field(request: Request) -> bytes:
    """The field as posted, in windows-1251. Raises Refused(MALFORMED)."""
    if request.method != "POST":
        raise Refused(Refusal.MALFORMED, f"the method {request.method[:20]!r}")
    return _field(request.headers.get("content-type", ""), request.body)


@lru_cache(_READ_MAX)
def _field(content_type: str, body: bytes) -> bytes:
    if len(body) > BODY_BYTES_MAX:
        raise Refused(Refusal.MALFORMED, f"{len(body)} bytes")
    if body.startswith(b"--"):
        return _part(content_type, body)
    # Some clients call it multipart and post it urlencoded all the same.
    return form.parse(body.decode("latin-1"), WINDOWS_1251).get(FIELD).encode(WINDOWS_1251)


def _part(content_type: str, body: bytes) -> bytes:
    named = _BOUNDARY.search(content_type)
    first_line = body.partition(b"\r\n")[0]
    boundary = b"--" + named[1].encode("latin-1", "replace") if named else first_line
    if first_line != boundary or len(boundary) < 3:
        raise Refused(Refusal.MALFORMED, "not multipart")
    pieces = (b"\r\n" + body).split(b"\r\n" + boundary)[1:]
    found: list[bytes] = []
    for piece in pieces[:_PARTS_MAX]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is not None and name[1] == FIELD.encode():
            found.append(content)
    if len(found) != 1 or len(pieces) > _PARTS_MAX:
        raise Refused(Refusal.MALFORMED, f"not one field {FIELD}", FIELD)
    return found[0]
