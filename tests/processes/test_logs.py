"""Log lines that cannot be written are counted and left out; nobody fails or waits for them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from server.logs import LogStream

LINE = b"x" * 999 + b"\n"
MANY = 2000
Pair = tuple[int, int]
"""Whoever reads, whoever writes."""


def a_pipe() -> Pair:
    return os.pipe()


def a_socket() -> Pair:
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


@pytest.fixture(params=[a_pipe, a_socket])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    make: Callable[[], Pair] = request.param
    found = make()
    os.set_blocking(found[0], False)
    with ExitStack() as stack:
        for descriptor in found:
            stack.callback(os.close, descriptor)
        yield found


def read_all(descriptor: int) -> bytes:
    """What waits there."""
    found = b""
    while True:
        try:
            found += os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return found


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_lines_are_written(pair: Pair) -> None:
    reader, writer = pair
    stream = LogStream(writer)
    assert stream.write(b"one\n") == 4
    assert stream.write(b"two\n") == 4
    assert read_all(reader) == b"one\ntwo\n"


def test_whole_lines_are_lost_when_nobody_reads_and_then_said_to_be(pair: Pair) -> None:
    reader, writer = pair
    stream = LogStream(writer, patience_seconds=0.0)
    for _ in range(MANY):
        assert stream.write(LINE) == len(LINE)
    early = read_all(reader)
    stream.write(b"again\n")
    stream.write(b"and again\n")
    lines = (early + read_all(reader)).split(b"\n")
    kept = lines.count(LINE[:-1])
    torn = [line for line in lines if line.startswith(b"x") and len(line) < len(LINE) - 1]
    assert 0 < kept < MANY
    assert len(torn) <= 1
    said = [json.loads(line) for line in lines if line.startswith(b"{")]
    assert {each["event"] for each in said} == {"log lines lost"}
    assert kept + sum(each["count"] for each in said) == MANY
    assert lines[-3:] == [b"again", b"and again", b""]


def test_a_full_disk_is_no_error() -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        stream = LogStream(full.fileno())
        assert stream.write(LINE) == len(LINE)
        assert stream.write(LINE) == len(LINE)


def test_a_reader_that_is_gone_is_no_error(pair: Pair) -> None:
    reader, writer = pair
    os.dup2(os.open(os.devnull, os.O_RDONLY), reader)
    stream = LogStream(writer)
    assert stream.write(LINE) == len(LINE)


def test_one_that_does_not_read_is_waited_for_once_in_a_while() -> None:
    reader, writer = os.pipe()
    clock = Clock()
    stream = LogStream(writer, patience_seconds=0.01, clock=clock)
    waited: list[float] = []
    has_room = stream._has_room

    def watched(deadline: float) -> bool:
        found = has_room(deadline)
        waited.append(stream._patient_after)
        return found

    stream._has_room = watched  # type: ignore[method-assign]
    for clock.seconds in (0.0, 5.0, 9.0, 11.0, 12.0):
        stream.write(LINE * 100)
    assert waited == [10.0, 10.0, 10.0, 21.0, 21.0]
    os.close(reader)
    os.close(writer)


def test_other_writers_to_a_pipe_are_not_changed() -> None:
    reader, writer = os.pipe()
    LogStream(writer)
    assert os.get_blocking(writer)
    os.close(reader)
    os.close(writer)
