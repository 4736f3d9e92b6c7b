"""Bytes that belong to a message are never read as a request, whatever they look like."""

from __future__ import annotations

import pytest

from tests.transport.doors import BODY_BYTES_MAX, HEADER_BYTES_MAX, check
from tests.transport.test_lanes import require_same

INSIDE = check("0000042")
"""What an attacker would like to have answered, inside a body."""
SIZE = str(len(INSIDE)).encode()
POST = b"POST /pay/osmp HTTP/1.1\r\nHost: a\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(INSIDE), INSIDE)

SLOW: dict[str, list[bytes]] = {
    "a chunked body": [POST + b"Transfer-Encoding: chunked\r\n\r\n", CHUNK, b"0\r\n\r\n"],
    "a chunked body, its chunk cut": [
        POST + b"Transfer-Encoding: chunked\r\n\r\n",
        b"%x\r\n" % len(INSIDE),
        INSIDE,
        b"\r\n0\r\n\r\n",
    ],
    "a body after its head": [POST + b"Content-Length: " + SIZE + b"\r\n\r\n", INSIDE],
    "a body after the half of it": [
        POST + b"Content-Length: %d\r\n\r\nab" % (len(INSIDE) + 2),
        INSIDE,
    ],
    "a body that is awaited": [
        POST + b"Expect: 100-continue\r\nContent-Length: " + SIZE + b"\r\n\r\n",
        INSIDE,
    ],
    "two lengths": [POST + b"Content-Length: 0\r\nContent-Length: " + SIZE + b"\r\n\r\n", INSIDE],
    "length and chunks": [
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        CHUNK + b"0\r\n\r\n",
    ],
    "a length with a sign": [POST + b"Content-Length: +" + SIZE + b"\r\n\r\n", INSIDE],
    "a GET with a body": [
        b"GET /pay/osmp?command=status HTTP/1.1\r\nHost: a\r\nContent-Length: "
        + SIZE
        + b"\r\n\r\n",
        INSIDE,
    ],
    "a HEAD": [b"HEAD /pay/osmp?command=check HTTP/1.1\r\nHost: a\r\n\r\n", INSIDE],
    "an upgrade": [
        b"GET /pay/osmp HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        INSIDE,
    ],
    "an upgrade to h2c": [
        b"GET /pay/osmp HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        INSIDE,
    ],
    "a CONNECT": [b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", INSIDE],
    "a head that is cut": [INSIDE[:40], INSIDE[40:]],
    "a head that is cut, a whole one in it": [
        b"GET /pay/osmp?command=status HTTP/1.1\r\nHost: a\r\nX: ",
        INSIDE,
    ],
    "a folded header": [
        b"GET /pay/osmp HTTP/1.1\r\nHost: a\r\nX: 1\r\n ",
        INSIDE,
    ],
    "a malformed head": [b"GET /pay/osmp HTTP/1.1\r\nHost\r\n\r\n", INSIDE],
    "no HTTP at all": [b"\x16\x03\x01\x02\x00\x01\x00", INSIDE],
    "bare line feeds": [b"GET /pay/osmp?command=pay HTTP/1.1\nHost: a\n\n", INSIDE],
    "an empty line before": [b"\r\n", INSIDE],
    "the old protocol": [b"GET /pay/osmp HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", INSIDE],
    "a last request": [b"GET /pay/osmp HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", INSIDE],
    "a body that is too large": [
        POST + b"Content-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + len(INSIDE) + 1),
        b"x" * (BODY_BYTES_MAX + 1),
        INSIDE,
    ],
    "headers that are too long": [
        b"GET /pay/osmp HTTP/1.1\r\nX: " + b"x" * (HEADER_BYTES_MAX + 100),
        b"\r\n\r\n" + INSIDE,
    ],
    "too many headers": [
        b"GET /pay/osmp HTTP/1.1\r\n" + b"X: 1\r\n" * 200,
        b"\r\n" + INSIDE,
    ],
    "a line that is too long": [
        b"GET /pay/osmp?" + b"x" * (HEADER_BYTES_MAX + 100),
        b" HTTP/1.1\r\n\r\n" + INSIDE,
    ],
    "another page": [b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", INSIDE],
    "another method": [b"PUT /pay/osmp HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", INSIDE],
}


@pytest.mark.parametrize("kind", SLOW)
@pytest.mark.parametrize("turns", [0, 1, 30])
def test_what_follows_a_slow_request_is_read_as_aiohttp_reads_it(kind: str, turns: int) -> None:
    pieces = [check(), *SLOW[kind], check("9000004")]
    require_same(pieces, [turns], is_well_formed=False)
    require_same(pieces, [turns], is_well_formed=False, cold=["1004217", "0000042"], delay=3)
    require_same([b"".join(pieces)], is_well_formed=False)


@pytest.mark.parametrize("kind", SLOW)
def test_a_slow_request_that_begins_a_connection_is_read_as_aiohttp_reads_it(kind: str) -> None:
    require_same([*SLOW[kind], check()], [30], is_well_formed=False)


@pytest.mark.parametrize("kind", SLOW)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_slow_and_small_pieces_change_nothing(kind: str, size: int) -> None:
    stream = b"".join([check(), *SLOW[kind], check("9000004")])
    if len(stream) // size < 1500:
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        require_same(pieces, [0, 1, 2], is_well_formed=False)
