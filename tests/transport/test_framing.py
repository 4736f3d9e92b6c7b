"""Where messages end: known for plain ones, unknown for good after anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.transport import heads
from server.transport.framing import Framing, body_length

GET = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /"
OLD = b"GET / HTTP/1.0\r\n\r\n"
EMPTY_POST = b"POST /a HTTP/1.1\r\ncontent-length: 0\r\nConnection: close\r\n\r\n"
MESSAGES = (GET, POST, OLD, EMPTY_POST)

messages = st.lists(st.sampled_from(MESSAGES), min_size=1, max_size=5)


@given(messages, st.data())
def test_after_every_byte_it_is_known_whether_a_message_ends(
    sent: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(sent)
    ends = {len(b"".join(sent[:count])) for count in range(len(sent) + 1)}
    framing, at = Framing(), 0
    while at < len(stream):
        step = data.draw(st.integers(1, 30))
        framing.feed(stream[at : at + step])
        at = min(at + step, len(stream))
        assert framing.is_between == (at in ends)
    assert framing.count == len(sent)


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length : 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nA\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \0\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"get / HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
    ],
)
def test_after_anything_else_it_is_never_known_again(head: bytes) -> None:
    framing = Framing()
    known = []
    for data in (GET, head, b"x", GET, GET):
        framing.feed(data)
        known.append(framing.is_between)
    assert known == [True, False, False, False, False]


def test_a_head_without_an_end_is_not_followed_for_ever() -> None:
    framing = Framing()
    for _ in range(80):
        framing.feed(b"A: " + b"b" * 1000)
    framing.feed(b"\r\n\r\n" + GET)
    assert not framing.is_between


def test_the_length_of_a_body_is_that_of_its_header() -> None:
    assert body_length(GET) == 0
    assert body_length(POST[:-5]) == 5
    assert body_length(b"GET / HTTP/1.1\r\nCONTENT-LENGTH: \t12\t \r\n\r\n") == 12


BLOCK = b" HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: Dispatcher/1.0 (x)\r\n\r\n"


def block(*lines: bytes) -> bytes:
    return b" HTTP/1.1\r\nHost: a\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def test_plain_headers_are_plain() -> None:
    assert heads.read(BLOCK) == heads.Plain(-1, "")
    assert heads.read(block()) == heads.Plain(-1, "")
    assert heads.read(block(b"Connection: Keep-Alive")) == heads.Plain(-1, "")
    form = block(
        b"Content-Type: Application/x-www-form-urlencoded; charset=UTF-8", b"content-length: 7"
    )
    assert heads.read(form) == heads.Plain(7, "application/x-www-form-urlencoded")
    assert heads.fields(BLOCK) == {
        "host": "127.0.0.1:8080",
        "user-agent": "Dispatcher/1.0 (x)",
    }


@pytest.mark.parametrize(
    "head",
    [
        block(b"Connection: close"),
        block(b"Connection: upgrade"),
        block(b"Upgrade: h2c"),
        block(b"Expect: 100-continue"),
        block(b"Transfer-Encoding: chunked"),
        block(b"Content-Encoding: gzip"),
        block(b"Content-Length: 1", b"Content-Length: 1"),
        block(b"Content-Length: -1"),
        block(b"Content-Length: 1e3"),
        block(b"Content-Length: 10000000000"),
        block(b"host: b"),
        b" HTTP/1.1\r\nAccept: */*\r\n\r\n",
        block(b"X-Unheard-Of: 1"),
        block(b"Accept:"),
        block(b"Accept : */*"),
        block(b"Accept: \xff"),
        block(b"Accept: a\tb"),
        block(b" folded: 1"),
        block(b"Accept: a\n b"),
        block(b"User-Agent: " + b"x" * 5000),
        b" HTTP/1.0\r\nHost: a\r\n\r\n",
        b" HTTP/1.1\r\nHost: a\r\n",
        b" HTTP/1.1\r\nHost: a\r\n\r\nx",
        b"HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_headers_with_any_bearing_on_the_answer_are_not_plain(head: bytes) -> None:
    assert heads.read(head) is None
