"""A connection of our own load generator: whole answers out of a non-blocking socket."""

from __future__ import annotations

import re
import socket

_READ_BYTES = 1 << 16
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


class Closed(Exception):
    """The server has ended the connection; it should not have."""


class Connection:
    """One request at a time."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0
        """When what it carries should have been sent; for those who keep a schedule."""
        self._received = b""

    def send(self, request: bytes) -> None:
        """Requests are smaller than any socket buffer, and the one before was answered."""
        if self.socket.send(request) != len(request):
            raise Closed("a request did not fit into the socket's buffer")

    def receive(self) -> bytes | None:
        """A whole answer, if there is one. Raises Closed."""
        try:
            part = self.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return None
        if not part:
            raise Closed("the server closed a connection")
        received = self._received + part if self._received else part
        if len(received) >= whole_length(received):
            self._received = b""
            return received
        self._received = received
        return None

    def close(self) -> None:
        """Without saying goodbye: HTTP has no word for it."""
        self.socket.close()


def whole_length(received: bytes) -> int:
    """How long the answer will be; one more than it is now while its head is not complete."""
    head = received.find(b"\r\n\r\n")
    if head < 0:
        return len(received) + 1
    found = _LENGTH.search(received, 0, head)
    if found is None:
        raise Closed("an answer without Content-Length")
    return head + 4 + int(found[1])


def is_ok(answer: bytes) -> bool:
    """Whether its status is 200."""
    return answer.startswith(b"HTTP/1.1 200")
