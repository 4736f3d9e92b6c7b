"""Brings memories to where a day's checks would have brought them, before anything is measured.

A server that has answered ten times as many checks as there are accounts knows all but the rarest.
Drawing so many would take longer than the whole run; asking for the popular accounts one block
after the other leaves the same of them in memory.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator, Sequence

from loadtests.bench import shapes
from loadtests.bench.connection import is_ok, whole_length
from loadtests.bench.keys import number_of
from loadtests.bench.load import Target

SHARE = 0.7
"""Of the accounts, the most popular: those that ten checks for each account would have met."""
_BLOCK = 20_000  # well below what any memory holds of accounts asked for once
_AT_ONCE = 64  # requests on their way


def popular(count: int) -> list[str]:
    """Accounts to be known, the rarest first: what memory has no room for should be these."""
    return [number_of(rank, count) for rank in range(int(count * SHARE) - 1, -1, -1)]


def warm(target: Target, accounts: Sequence[str], times: int) -> None:
    """Ask for every account so often, block by block. Raises RuntimeError."""
    with socket.create_connection((target.host, target.port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        turns = itertools.count()
        for some in _batches(accounts, times):
            requests = (shapes.filled(target.template, next(turns), each) for each in some)
            connection.sendall(b"".join(requests))
            _receive(connection, len(some))


def _batches(accounts: Sequence[str], times: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(accounts), _BLOCK):
        block = accounts[start : start + _BLOCK]
        for _ in range(times):
            for at in range(0, len(block), _AT_ONCE):
                yield block[at : at + _AT_ONCE]


def _receive(connection: socket.socket, count: int) -> None:
    received = b""
    at = 0
    while count:
        size = whole_length(received[at : at + 2048]) if at < len(received) else 1
        if len(received) - at >= size:
            if not is_ok(received[at : at + 12]):
                raise RuntimeError(f"no warm-up with such an answer: {received[at : at + size]!r}")
            at += size
            count -= 1
            continue
        part = connection.recv(1 << 18)
        if not part:
            raise RuntimeError("the server closed the connection")
        received, at = received[at:] + part, 0
