"""Both lanes say the same bytes, whatever is sent, however it is cut.

Where a request is malformed, aiohttp forgets whatever came before it in the same read, so that its
answers depend on how the bytes were cut. There the slow lane gets them as the fast lane has cut
them: what it answered itself, and each piece that it left to aiohttp.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocols.junk import junk_requests, mutated
from tests.protocols.vectors import Vector, load_vectors
from tests.transport.doors import AGENTS, Exchange, check, http, opened
from tests.transport.town import ACCOUNTS, BUSY, Town

VECTORS = [v for v in load_vectors() if v.protocol in ("osmp", "sber", "paynet")]
NUMBERS = (*ACCOUNTS, BUSY, "5000001")


async def _exchange(
    is_fast: bool, chunks: Sequence[bytes], turns: Sequence[int], town: dict[str, Any]
) -> Exchange:
    async with opened(is_fast=is_fast, town=Town(**town)) as door:
        return await door.exchange(chunks, turns)


def require_same(
    chunks: Sequence[bytes],
    turns: Sequence[int] = (),
    *,
    is_well_formed: bool = True,
    **town: Any,
) -> Exchange:
    """What both say."""

    async def run() -> tuple[Exchange, Exchange]:
        fast = await _exchange(True, chunks, turns, town)
        pieces = chunks if is_well_formed else as_cut(b"".join(chunks), fast)
        return fast, await _exchange(False, pieces, turns, town)

    fast, slow = asyncio.run(run())
    assert fast == slow
    return fast


def as_cut(stream: bytes, fast: Exchange) -> list[bytes]:
    """The stream in the pieces that the fast lane made of it."""
    edges = {0, len(stream)}
    for start, end in fast.passed_on:
        edges |= {start, end}
    return [stream[a:b] for a, b in pairwise(sorted(edges))]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """The bytes in pieces."""
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_vector_is_answered_alike(vector: Vector) -> None:
    data = http(vector.request)
    assert require_same([data]).sent
    require_same([data, check(), data])
    require_same([check() + data + check()])


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("delay", [0, 1, 5])
def test_any_account_is_answered_alike_from_memory_and_when_asked_for(
    number: str, delay: int
) -> None:
    for amount in ("10.45", "0", "0.00", "0.99", "15000.00", "15000.01", "5"):
        data = check(number, amount=amount)
        require_same([data])
        require_same([data + data], cold=NUMBERS, delay=delay)


@pytest.mark.parametrize("name", [*AGENTS, "nobody", "..", "osmp%2D1251", "OSMP"])
def test_any_agent_is_answered_alike(name: str) -> None:
    require_same([check(agent_name=name), check(), check(agent_name=name)])


def varied(old: bytes, new: bytes, agent: str = "osmp") -> bytes:
    """A plain check with something else about it."""
    data = check(agent_name=agent)
    assert old in data
    return data.replace(old, new, 1)


BODY = b"command=check&txn_id=7&account=1004217&sum=1.00"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


def posted(headers: bytes = FORM, body: bytes = BODY, target: bytes = b"/pay/osmp") -> bytes:
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return b"POST " + target + b" HTTP/1.1\r\nHost: a\r\n" + headers + length + body


UNUSUAL = {
    "to be closed": varied(b"Accept: */*", b"Connection: close"),
    "to be kept": varied(b"Accept: */*", b"Connection: keep-alive"),
    "of the old protocol": varied(b"HTTP/1.1", b"HTTP/1.0"),
    "of the old protocol, to be kept": varied(
        b"HTTP/1.1\r\n", b"HTTP/1.0\r\nConnection: keep-alive\r\n"
    ),
    "of no protocol": varied(b" HTTP/1.1", b""),
    "with a blank more": varied(b"GET ", b"GET  "),
    "a HEAD": varied(b"GET", b"HEAD"),
    "an OPTIONS": varied(b"GET", b"OPTIONS"),
    "a DELETE": varied(b"GET", b"DELETE"),
    "with a fragment": varied(b"&sum", b"#&sum"),
    "with an encoded letter": varied(b"1004217", b"%31004217"),
    "with a slash more": varied(b"/pay/osmp", b"/pay//osmp"),
    "with a slash at the end": varied(b"/pay/osmp", b"/pay/osmp/"),
    "with an absolute target": varied(b"/pay/osmp", b"http://a/pay/osmp"),
    "with a name in capitals": varied(b"txn_id", b"TXN_ID"),
    "with one more parameter": varied(b"&sum", b"&trm_id=5&sum"),
    "in another order": varied(b"command=check&txn_id=90000000000001", b"txn_id=1&command=check"),
    "with a name twice": varied(b"&sum", b"&account=1004217&sum"),
    "with the currency": varied(b"&sum", b"&ccy=RUB&sum"),
    "with another currency": varied(b"&sum", b"&ccy=USD&sum"),
    "with the largest number": varied(b"90000000000001", b"9" * 20),
    "with too large a number": varied(b"90000000000001", b"9" * 21),
    "with a long account": varied(b"1004217", b"1" * 30),
    "with too long an account": varied(b"1004217", b"1" * 31),
    "with a large sum": varied(b"10.45", b"999999999999.99"),
    "with too large a sum": varied(b"10.45", b"99999999999999.99"),
    "with too many headers to be plain": varied(
        b"Accept: */*", b"\r\n".join(b"X-%d: 1" % number for number in range(100))
    ),
    "with a long header": varied(b"*/*", b"x" * 7000),
    "with an empty header": varied(b"Accept: */*", b"Accept:"),
    "with a cookie": varied(b"Accept: */*", b"Cookie: a=b"),
    "with an encoding": varied(b"Accept: */*", b"Content-Encoding: gzip"),
    "with a length of nothing": varied(b"Accept: */*", b"Content-Length: 0"),
    "with no agent": varied(b"/pay/osmp?", b"/pay/?"),
    "with no question": varied(b"command=check&txn_id=90000000000001&", b""),
    "with a long question": varied(b"&sum", b"&more=" + b"1" * 4000 + b"&sum"),
    "posted": posted(),
    "posted without a type": posted(b""),
    "posted as something else": posted(b"Content-Type: text/plain\r\n"),
    "posted with a charset": posted(FORM.replace(b"\r\n", b"; charset=utf-8\r\n")),
    "posted with a question": posted(target=b"/pay/osmp?trm_id=5"),
    "posted with nothing": posted(body=b""),
    "posted with much": posted(body=BODY + b"&a=" + b"1" * 3000),
    "posted with too much": posted(body=BODY + b"&a=" + b"1" * 30_000),
    "posted to soap": posted(target=b"/pay/paynet"),
    "for the description": b"GET /pay/paynet?wsdl HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_an_unusual_request_is_answered_alike(kind: str) -> None:
    data = UNUSUAL[kind]
    require_same([data])
    require_same([check(), data, check()], [30])
    require_same([check() + data + check() + posted()], is_well_formed=False)


@pytest.mark.parametrize(
    "data",
    [
        varied(b"Host: 127.0.0.1:8080\r\n", b""),
        varied(b"Accept: */*", b"Host: b"),
        varied(b"Accept: */*", b"Content-Length: -1"),
        varied(b"Accept: */*", b"Content-Length: 1\r\nContent-Length: 1"),
        varied(b"Accept: */*", b"Accept"),
        varied(b"\r\nAccept", b"\nAccept"),
        varied(b"HTTP/1.1", b"HTTP/1.2"),
        varied(b"*/*", b"x" * 9000),
        varied(b"command", b"x" * 9000 + b"&command"),
        b"\0" + check(),
        posted(b"Content-Length: 3\r\n"),
        posted(FORM + b"Transfer-Encoding: chunked\r\n"),
    ],
)
def test_a_malformed_request_is_refused_alike(data: bytes) -> None:
    assert require_same([data]).sent.startswith(b"HTTP/1.0 400 ")
    require_same([check(), data, check()], [30], is_well_formed=False)
    require_same([check() + data + check()], is_well_formed=False)


@pytest.mark.parametrize("data", [check(), posted(), http(VECTORS[0].request)])
def test_half_a_request_is_not_answered_by_either(data: bytes) -> None:
    for size in range(1, len(data), 9):
        assert require_same([data[:size]]).sent == b""
        require_same([check() + data[:size]])
        require_same([data[:size], data[size:], data], [1])


settings_of = st.fixed_dictionaries(
    {
        "cold": st.lists(st.sampled_from(NUMBERS), max_size=4),
        "delay": st.integers(0, 4),
    }
)
turns_of = st.lists(st.integers(0, 12), min_size=1, max_size=5)
checks = st.builds(
    check,
    st.sampled_from(NUMBERS),
    st.sampled_from(["osmp", "osmp-1251", "osmp-far"]),
    st.sampled_from(["10.45", "0", "99999.99"]),
)
plain = st.one_of(checks, st.sampled_from([http(v.request) for v in VECTORS] + [posted()]))


@settings(max_examples=400)
@given(st.lists(plain, min_size=1, max_size=7), st.lists(st.integers(0, 3000), max_size=6),
       turns_of, settings_of)  # fmt: skip
def test_pipelines_cut_anywhere_are_answered_alike(
    requests: list[bytes], places: list[int], turns: list[int], town: dict[str, Any]
) -> None:
    require_same(cut(b"".join(requests), places), turns, **town)


@settings(max_examples=400)
@given(st.data(), turns_of, settings_of)
def test_fuzzed_requests_are_answered_alike(
    data: st.DataObject, turns: list[int], town: dict[str, Any]
) -> None:
    pieces = []
    for _ in range(data.draw(st.integers(1, 4))):
        vector = data.draw(st.sampled_from(VECTORS))
        request = data.draw(st.one_of(mutated(vector.request), junk_requests(vector.request.agent)))
        pieces.append(data.draw(st.one_of(checks, st.just(http(request)))))
    places = data.draw(st.lists(st.integers(0, 3000), max_size=4))
    chunks = cut(b"".join(pieces), places)
    require_same(chunks, turns, is_well_formed=False, **town)


@settings(max_examples=400)
@given(st.data(), turns_of)
def test_damaged_bytes_are_answered_alike(data: st.DataObject, turns: list[int]) -> None:
    stream = bytearray(b"".join(data.draw(st.lists(plain, min_size=1, max_size=4))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(stream) - 1))
        instead = data.draw(
            st.sampled_from([b"", b"\r", b"\n", b"\r\n", b" ", b"\0", b":", b"\xff", b"GET ", b"%"])
        )
        stream[place : place + data.draw(st.integers(0, 2))] = instead
    places = data.draw(st.lists(st.integers(0, 3000), max_size=4))
    require_same(cut(bytes(stream), places), turns, is_well_formed=False)
