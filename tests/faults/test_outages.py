"""One thing is away, by design: what goes on, what is put off, and that nothing is wrong.

The numbers of docs/guarantees.md are those that these tests print with `-s`.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import urlsplit

import pytest
import redis

from server.embedded import EmbeddedValkey, processes
from server.storage.connection import CALL_SECONDS
from tests.faults.counter import eventually
from tests.faults.host import place_of
from tests.faults.house import SHARE_MIN, House
from tests.faults.proxy import FAIR, Weather
from tests.faults.run import is_equal
from tests.faults.shim import SOUND, Machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

AWAY_SECONDS = 3.0
LONGER_THAN_A_CALL = CALL_SECONDS

Away = Callable[[House], AbstractContextManager[None]]
"""Takes something away while the block runs, and gives it back."""


@contextmanager
def redis_dead(house: House) -> Iterator[None]:
    house.stage.valkey.kill()
    yield
    house.stage.valkey.start()


@contextmanager
def redis_hung(house: House) -> Iterator[None]:
    house.signal_valkey(signal.SIGSTOP)
    yield
    house.signal_valkey(signal.SIGCONT)


@contextmanager
def redis_half_open(house: House) -> Iterator[None]:
    network = house.stage.hosts[0].to_redis
    house.background.run(network.forget())
    yield
    house.change(network, FAIR)


@contextmanager
def redis_with_old_data(house: House) -> Iterator[None]:
    """It dies and comes back with what it held some payments ago."""
    with house.stage.redis() as client:
        client.execute_command("SAVE")
    yield
    house.stage.valkey.kill()
    house.stage.valkey.start()
    time.sleep(AWAY_SECONDS / 3)


@contextmanager
def redis_flushed(house: House) -> Iterator[None]:
    for _ in range(3):
        with house.stage.redis() as client:
            client.execute_command("FLUSHALL")
        time.sleep(AWAY_SECONDS / 6)
    yield


@pytest.mark.parametrize(
    "away", [redis_dead, redis_hung, redis_half_open, redis_with_old_data, redis_flushed]
)
def test_without_redis_payments_and_checks_go_on(house: House, away: Away) -> None:
    with house.people(away.__name__) as told, away(house):
        time.sleep(AWAY_SECONDS)
    assert set(told.payments) == {"done"}
    assert told.share >= SHARE_MIN
    assert told.checks["refused"] == 0
    assert told.stale == []
    eventually(house.is_whole)


def test_a_replica_that_takes_over_does_not_show_what_it_has_missed(house: House) -> None:
    """The replica stood still for the last payments, and is what the servers find from now on."""
    stage, network = house.stage, house.stage.hosts[0].to_redis
    replica, was = EmbeddedValkey(stage.directory / "replica"), network.target
    replica.start()
    try:
        with house.people("redis fails over") as told:
            url = follow(replica, stage.valkey)
            replica_pid = replica.pid
            assert replica_pid is not None
            processes.send([replica_pid], signal.SIGSTOP)
            time.sleep(AWAY_SECONDS / 3)
            house.signal_valkey(signal.SIGSTOP)
            processes.send([replica_pid], signal.SIGCONT)
            with redis.Redis.from_url(url, socket_timeout=5) as client:
                client.execute_command("REPLICAOF", "NO", "ONE")
            network.target = place_of(url)
            house.background.run(network.cut())
            time.sleep(AWAY_SECONDS)
        assert set(told.payments) == {"done"}
        assert told.share >= SHARE_MIN
        assert told.checks["refused"] == 0
        assert told.stale == []
        eventually(lambda: house.background.run(is_equal(stage.database.dsn, url)))
    finally:
        house.signal_valkey(signal.SIGCONT)
        network.target = was
        house.background.run(network.cut())
        replica.kill()


def command(valkey: EmbeddedValkey, *words: str) -> None:
    with redis.Redis.from_url(valkey.url, socket_timeout=5) as client:
        client.execute_command(*words)


def follow(replica: EmbeddedValkey, primary: EmbeddedValkey) -> str:
    """Returns when it has everything: where it is, with the primary's password."""
    parts = urlsplit(primary.url)
    url = parts._replace(netloc=f":{parts.password}@127.0.0.1:{urlsplit(replica.url).port}")
    command(replica, "CONFIG", "SET", "masterauth", parts.password or "")
    command(replica, "REPLICAOF", str(parts.hostname), str(parts.port))
    command(replica, "CONFIG", "SET", "requirepass", parts.password or "")
    with redis.Redis.from_url(url.geturl(), socket_timeout=5) as client:
        eventually(lambda: client.info("replication")["master_link_status"] == "up")
    return url.geturl()


@contextmanager
def postgres_dead(house: House) -> Iterator[None]:
    house.stage.database.crash()
    yield
    house.stage.database.start()


@contextmanager
def postgres_refusing(house: House) -> Iterator[None]:
    network = house.stage.hosts[0].to_postgres
    house.change(network, Weather(refuses=True))
    house.background.run(network.cut())
    yield
    house.change(network, FAIR)


@contextmanager
def postgres_hung(house: House) -> Iterator[None]:
    database = house.stage.database
    processes.send(database.pids(), signal.SIGSTOP)
    time.sleep(LONGER_THAN_A_CALL)
    yield
    database.go_on()


@contextmanager
def postgres_half_open(house: House) -> Iterator[None]:
    network = house.stage.hosts[0].to_postgres
    house.background.run(network.forget())
    time.sleep(LONGER_THAN_A_CALL)
    yield
    house.change(network, FAIR)


@contextmanager
def postgres_disk_full(house: House) -> Iterator[None]:
    """It ends itself when it cannot write its log, and cannot start before there is room."""
    house.machine().set(Machine(is_full=True))
    yield
    house.machine().set(SOUND)
    house.stage.database.await_ready()


@contextmanager
def postgres_disk_faulty(house: House) -> Iterator[None]:
    """What was not synced must not be told, so it ends itself here too."""
    house.machine().set(Machine(is_faulty=True))
    yield
    house.machine().set(SOUND)
    house.stage.database.await_ready()


@pytest.mark.parametrize(
    "away",
    [
        postgres_dead,
        postgres_refusing,
        postgres_hung,
        postgres_half_open,
        postgres_disk_full,
        postgres_disk_faulty,
    ],
)
def test_without_postgresql_checks_go_on_and_payments_are_put_off(house: House, away: Away) -> None:
    with house.people(away.__name__) as told:
        with away(house):
            time.sleep(AWAY_SECONDS)
            assert told.payments["later"] > 0
        eventually(lambda: told.payments["repeat done"] >= len(told.later))
    assert set(told.payments) <= {"done", "later", "repeat later", "repeat done"}
    assert told.share >= SHARE_MIN
    assert told.checks["refused"] == 0
    assert told.stale == []
    eventually(house.is_whole)
