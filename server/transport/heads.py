"""Heads of requests that are plain enough to be understood without a parser.

What stands here must be narrower than what aiohttp takes, never wider: whatever has any bearing on
where a message ends, or on how it is answered, is not plain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLOCK_BYTES_MAX = 4096
_HEADERS_MAX = 40
_LENGTH_DIGITS_MAX = 9
_LINE = rb"[A-Za-z][A-Za-z0-9-]*: ?[!-~](?:[ -~]*[!-~])?\r\n"
_BLOCK = re.compile(rb" HTTP/1\.1\r\n((?:" + _LINE + rb")*)\r\n")
_HARMLESS = frozenset(
    {
        *("host", "user-agent", "accept", "accept-language", "accept-encoding", "accept-charset"),
        *("cache-control", "pragma", "connection", "content-type", "content-length", "referer"),
        *("soapaction", "date", "from", "origin", "keep-alive", "proxy-connection", "x-real-ip"),
        *("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id", "dnt"),
        *("via", "priority", "traceparent", "tracestate", "x-requested-with", "x-client-ip"),
        *("authorization", "client-cert"),
    }
)
"""Names that change nothing about the answer to a check, though perhaps whether there is one
(server.transport.admission); one that is not here goes the long way."""


@dataclass(frozen=True, slots=True)
class Plain:
    """What a plain head says about its body."""

    length: int
    """-1 = no Content-Length."""
    media_type: str
    """Lower case, without parameters; empty when there is none."""


def read(block: bytes) -> Plain | None:
    """What follows the target of a request line, up to the empty line; None = not plain."""
    match = _BLOCK.fullmatch(block)
    if match is None or len(block) > _BLOCK_BYTES_MAX:
        return None
    lines = match[1].decode("ascii").split("\r\n")[:-1]
    pairs = [line.partition(":") for line in lines]
    headers = {name.lower(): text.strip() for name, _, text in pairs}
    if len(headers) < len(lines) or len(lines) > _HEADERS_MAX or "host" not in headers:
        return None
    if not headers.keys() <= _HARMLESS:
        return None
    if headers.get("connection", "keep-alive").lower() != "keep-alive":
        return None
    length = headers.get("content-length")
    if length is not None and not (length.isdigit() and len(length) <= _LENGTH_DIGITS_MAX):
        return None
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return Plain(-1 if length is None else int(length), media_type)


def fields(block: bytes) -> dict[str, str]:
    """The headers of a block that was plain, by lower-case name."""
    lines = block.decode("ascii").split("\r\n")[1:-2]
    pairs = (line.partition(":") for line in lines)
    return {name.lower(): text.strip() for name, _, text in pairs}
