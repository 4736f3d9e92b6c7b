"""Nothing is away, and something is wrong: slow disks, clocks that jump, floods, slow clients.

Payments and checks of everybody else go on. The numbers of docs/guarantees.md are those that these
tests print with `-s`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from tests.faults.background import Background
from tests.faults.counter import eventually
from tests.faults.crowd import Told
from tests.faults.host import WORKERS
from tests.faults.house import SHARE_MIN, House
from tests.faults.proxy import Place
from tests.faults.shim import SOUND, Control, Machine
from tests.faults.stage import Stage
from tests.faults.town import Town
from tests.faults.wire import Line, NoAnswerError, get
from tests.servers import short_directory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PEER_CONNECTIONS_MAX = 60
ALL_OF_A_PEER = WORKERS * PEER_CONNECTIONS_MAX
LIMITS = {
    "KVITOK_PEER_CONNECTIONS_MAX": str(PEER_CONNECTIONS_MAX),
    "KVITOK_REQUEST_TIMEOUT_SECONDS": "2",
    "KVITOK_IDLE_TIMEOUT_SECONDS": "2",
}
"""Lower than usual, so that they are met soon."""
PEOPLE_MAX = 100
"""Connections of the people who pay and look, at most."""
HARD_SECONDS = 3.0
FLOODER, SLOW_CLIENT = "127.0.0.2", "127.0.0.3"


@pytest.fixture(scope="module")
def narrow_stage(background: Background, town: Town) -> Iterator[Stage]:
    with (
        short_directory() as directory,
        Stage(background, directory, town, is_shimmed=True, environment=LIMITS) as stage,
    ):
        yield stage


@pytest.fixture
def house(narrow_stage: Stage, background: Background) -> House:
    house = House(narrow_stage, background)
    eventually(house.is_whole)
    return house


def assert_that_all_went_on(told: Told) -> None:
    assert set(told.payments) == {"done"}
    assert told.checks["refused"] == 0
    assert told.share >= SHARE_MIN
    assert told.stale == []


@pytest.mark.parametrize("seconds", [0.05, 0.5])
def test_on_a_slow_disk_payments_take_longer(house: House, seconds: float) -> None:
    machine = house.machine()
    with house.people(f"every sync to disk takes {seconds} s more") as told:
        machine.set(Machine(sync_seconds=seconds))
        time.sleep(HARD_SECONDS)
        machine.set(SOUND)
    assert_that_all_went_on(told)
    eventually(house.is_whole)


JUMPS_SECONDS = (0.7, -0.7, 3600.0, -3600.0, 172_800.0, -172_800.0)


def clock_of_the_server(house: House) -> Control:
    house.machine()
    assert house.stage.shim is not None
    return house.stage.shim.server


def clock_of_postgresql(house: House) -> Control:
    return house.machine()


@pytest.mark.parametrize("clock_of", [clock_of_the_server, clock_of_postgresql])
def test_a_clock_that_jumps_stops_nothing(
    house: House, clock_of: Callable[[House], Control]
) -> None:
    clock = clock_of(house)
    with house.people(clock_of.__name__) as told:
        for seconds in JUMPS_SECONDS:
            clock.set(Machine(shift_seconds=seconds))
            time.sleep(HARD_SECONDS / len(JUMPS_SECONDS))
        clock.set(SOUND)
    assert_that_all_went_on(told)
    eventually(house.is_whole)


def connections(house: House) -> int:
    """What the server says it holds."""
    text = house.background.run(_metrics(house.stage.hosts[0].behind))
    found = re.search(rb"^kvitok_connections ([0-9.]+)$", text, re.M)
    assert found, text[-2000:]
    return int(float(found[1]))


async def _metrics(place: Place) -> bytes:
    line = Line(place)
    try:
        return (await line.ask(get("/metrics"), 30)).body
    except NoAnswerError:
        return b"kvitok_connections 1000000\n"
    finally:
        line.close()


@dataclass
class Flood:
    """One peer that opens connections again and again and says nothing."""

    place: Place
    count: int = 300
    pause_seconds: float = 0.2
    opened: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def begin(self) -> None:
        self.tasks = [asyncio.create_task(self._hold()) for _ in range(self.count)]

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _hold(self) -> None:
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection(*self.place, local_addr=(FLOODER, 0))
                self.opened += 1
                try:
                    await reader.read()
                finally:
                    writer.transport.abort()
            await asyncio.sleep(self.pause_seconds)


@contextmanager
def flooded(house: House) -> Iterator[Flood]:
    flood = Flood(house.stage.hosts[0].behind)
    house.background.run(flood.begin())
    try:
        yield flood
    finally:
        house.background.run(flood.end())


def test_a_flood_of_connections_is_held_off_and_others_do_not_notice(house: House) -> None:
    before = connections(house)
    most = 0
    with house.people("a flood of connections") as told, flooded(house) as flood:
        ends = time.monotonic() + HARD_SECONDS
        while time.monotonic() < ends or flood.opened < 3 * ALL_OF_A_PEER:
            most = max(most, connections(house))
            time.sleep(0.1)
    print(f"opened {flood.opened} times, at most {most} held, {before} before")
    assert_that_all_went_on(told)
    assert most <= ALL_OF_A_PEER + PEOPLE_MAX < flood.count
    eventually(lambda: connections(house) <= before + 5, 60)
    eventually(house.is_whole)


HEAD = b"GET /pay/osmp?command=check HTTP/1.1\r\nHost: kvitok\r\nX: " + b"x" * 1000
BODY = b"POST /pay/sber HTTP/1.1\r\nHost: kvitok\r\nContent-Length: 1000\r\n\r\n"


async def send_slowly(place: Place, at_once: bytes, then: bytes) -> float:
    """A byte a second until the other side has had enough; how many seconds that took."""
    started = time.monotonic()
    reader, writer = await asyncio.open_connection(*place, local_addr=(SLOW_CLIENT, 0))
    ended = asyncio.create_task(reader.read())
    try:
        writer.write(at_once)
        for byte in then:
            if (await asyncio.wait([ended], timeout=1.0))[0]:
                break
            writer.write(bytes([byte]))
    finally:
        writer.transport.abort()
        await asyncio.gather(ended, return_exceptions=True)
    return time.monotonic() - started


async def send_all_slowly(place: Place) -> list[float]:
    heads = [send_slowly(place, b"", HEAD) for _ in range(PEER_CONNECTIONS_MAX // 2)]
    bodies = [send_slowly(place, BODY, b"1" * 1000) for _ in range(PEER_CONNECTIONS_MAX // 2)]
    return await asyncio.gather(*heads, *bodies)


def test_a_client_that_sends_a_byte_a_second_is_not_waited_for(house: House) -> None:
    with house.people("clients that send a byte a second") as told:
        place = house.stage.hosts[0].behind
        seconds = house.background.run(send_all_slowly(place), 200)
    print(f"hung up on them after {min(seconds):.1f} to {max(seconds):.1f} s")
    assert max(seconds) < 60, "they would have gone on for 1000 s"
    assert_that_all_went_on(told)
    eventually(house.is_whole)
