"""Where messages end in the bytes that were given to aiohttp.

The fast lane may look at new bytes only if they begin a message. aiohttp does not tell whether its
parser holds half a message, so this follows along, with a narrower grammar than any parser's
(RFC 9112, 2-6): one Content-Length in digits or none, no Transfer-Encoding, no Upgrade, no Expect.
After anything else the end is unknown, for the rest of the connection; believing a wrong end would
let one peer's bytes be read as another's request.
"""

from __future__ import annotations

import re

_HEAD_BYTES_MAX = 65_536
_LENGTH_DIGITS_MAX = 12
_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) [!-~]{1,16384} HTTP/1\.[01]\r\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)\r\n")
_END = b"\r\n\r\n"
_UNKNOWN_END = frozenset({b"transfer-encoding", b"upgrade", b"expect", b"te", b"trailer"})
_CONNECTION = frozenset({b"keep-alive", b"close"})


class Framing:
    """Fed with everything that aiohttp is fed with, from the connection's first byte."""

    __slots__ = ("_body_left", "_head", "_is_lost", "count")

    def __init__(self) -> None:
        self._head = b""
        self._body_left = 0
        self._is_lost = False
        self.count = 0
        """Heads that were complete."""

    @property
    def is_between(self) -> bool:
        """Whether the bytes so far end exactly where a message ends."""
        return not (self._is_lost or self._head or self._body_left)

    def feed(self, data: bytes) -> None:
        """Follow along."""
        while data and not self._is_lost:
            if self._body_left:
                taken = min(self._body_left, len(data))
                self._body_left -= taken
                data = data[taken:]
            else:
                data = self._feed_head(data)

    def _feed_head(self, data: bytes) -> bytes:
        head = self._head + data
        end = head.find(_END, max(0, len(self._head) - len(_END)))
        if end < 0:
            self._head = head
            self._is_lost = len(head) > _HEAD_BYTES_MAX
            return b""
        end += len(_END)
        self._head = b""
        self.count += 1
        length = body_length(head[:end])
        self._is_lost = length is None
        self._body_left = length or 0
        return head[end:]


def body_length(head: bytes) -> int | None:
    """How many bytes follow a whole head; None = not to be told with certainty."""
    match = _REQUEST_LINE.match(head)
    if match is None or match[1] == b"CONNECT":
        return None
    at, length = match.end(), 0
    seen: set[bytes] = set()
    while head[at : at + 2] != b"\r\n":
        header = _HEADER.match(head, at)
        if header is None:
            return None
        at = header.end()
        name, text = header[1].lower(), header[2].strip(b" \t")
        if name in _UNKNOWN_END or (name == b"connection" and text.lower() not in _CONNECTION):
            return None
        if name == b"content-length":
            if name in seen or not text.isdigit() or len(text) > _LENGTH_DIGITS_MAX:
                return None
            length = int(text)
        seen.add(name)
    return length if at + 2 == len(head) else None
