"""Deaths at exact moments, each of which has only one right continuation."""

from __future__ import annotations

import signal
import socket
import time

import asyncpg

from server.embedded import processes
from tests.faults.background import Background
from tests.faults.conftest import OpenStage
from tests.faults.counter import Counter, eventually
from tests.faults.networks import Said
from tests.faults.proxy import FAIR, Place, Weather
from tests.faults.run import is_equal
from tests.faults.stage import Stage
from tests.faults.town import ORDINARY

ACCOUNT = ORDINARY[0]
KOPECKS = 12_345
NOBODY = Weather(refuses=True)


def stop_syncs(stage: Stage) -> None:
    for host in stage.hosts:
        processes.send(host.pids("sync"), signal.SIGSTOP)


def await_whole(background: Background, stage: Stage) -> None:
    """Until every server has its sync, and Redis everything that PostgreSQL has."""
    eventually(lambda: all(len(host.pids("sync")) == 1 for host in stage.hosts))
    eventually(lambda: background.run(is_equal(stage.database.dsn, stage.valkey.url)))


def cut_off_redis(background: Background, stage: Stage, host: int) -> None:
    """No news leaves this server by way of Redis."""
    network = stage.hosts[host].to_redis
    background.run(network.change(NOBODY))
    background.run(network.cut())


def test_a_repeat_tells_everybody_what_its_first_could_not(
    open_stage: OpenStage, background: Background
) -> None:
    """The server that took the payment told nobody and died; the repeat goes to another one."""
    stage = open_stage(hosts=2)
    await_whole(background, stage)
    dying, living = (Counter(background, host.place) for host in stage.hosts)
    before = living.debt(ACCOUNT)
    assert before is not None
    stop_syncs(stage)
    cut_off_redis(background, stage, 0)
    paid = dying.pay("71", ACCOUNT, KOPECKS)
    assert paid is not None
    assert paid.said is Said.DONE
    stage.hosts[0].kill()
    # A worker that has not opened Redis yet asks PostgreSQL, and may show the new debt until then.
    eventually(lambda: living.debts(ACCOUNT) == {before})
    again = living.pay("71", ACCOUNT, KOPECKS)
    assert again is not None
    assert again.body == paid.body
    assert living.debts(ACCOUNT) == {before - KOPECKS}
    processes.send(stage.hosts[1].pids(), signal.SIGCONT)


def test_a_server_that_starts_again_does_not_show_what_redis_has_missed(
    open_stage: OpenStage, background: Background
) -> None:
    """It told its workers by the ring alone, and the ring died with it; the new sync is slow."""
    stage = open_stage()
    await_whole(background, stage)
    host = stage.hosts[0]
    counter = Counter(background, host.place)
    before = counter.debt(ACCOUNT)
    assert before is not None
    stop_syncs(stage)
    cut_off_redis(background, stage, 0)
    paid = counter.pay("72", ACCOUNT, KOPECKS)
    assert paid is not None
    assert paid.said is Said.DONE
    assert counter.debts(ACCOUNT) == {before - KOPECKS}
    host.kill()
    background.run(host.to_redis.change(FAIR))
    host.begin_start()
    eventually(lambda: bool(host.pids("sync")))
    stop_syncs(stage)
    shown: list[int | None] = []

    def is_shown() -> bool:
        shown.append(counter.debt(ACCOUNT))
        return shown[-1] is not None

    eventually(is_shown)
    assert {*shown, *counter.debts(ACCOUNT, 20)} - {None} == {before - KOPECKS}
    processes.send(host.pids(), signal.SIGCONT)
    host.await_start()


def test_a_stopped_sync_does_not_keep_the_port_from_the_next_server(
    open_stage: OpenStage, background: Background
) -> None:
    stage = open_stage()
    host = stage.hosts[0]
    (stopped,) = host.pids("sync")
    stop_syncs(stage)
    host.kill()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        eventually(lambda: is_bound(probe, host.behind))
    assert processes.is_alive(stopped)
    processes.send([stopped], signal.SIGCONT)


def test_workers_that_drain_after_their_supervisors_death_let_the_next_server_begin(
    open_stage: OpenStage, background: Background
) -> None:
    """A request that never ends keeps its worker at work for as long as it may drain."""
    stage = open_stage()
    host = stage.hosts[0]
    lines = [socket.create_connection(host.behind) for _ in range(8)]
    for line in lines:
        line.sendall(b"POST /pay/sber HTTP/1.1\r\nHost: kvitok\r\nContent-Length: 9\r\n\r\n1")
    time.sleep(0.2)
    workers = host.pids("worker")
    host.kill()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        eventually(lambda: is_bound(probe, host.behind))
    assert any(map(processes.is_alive, workers))
    for line in lines:
        line.close()


def test_what_was_answered_is_on_disk(open_stage: OpenStage, background: Background) -> None:
    """PostgreSQL is killed as soon as the answer is there; who would write later what was not
    written before the answer stands still.
    """
    stage = open_stage()
    database, counter = stage.database, Counter(background, stage.hosts[0].place)
    processes.send(database.pids_of("walwriter"), signal.SIGSTOP)
    paid = counter.pay("73", ACCOUNT, KOPECKS)
    database.crash()
    assert paid is not None
    assert paid.said is Said.DONE
    database.start()
    assert background.run(is_recorded(database.dsn, "73"))


def test_an_answer_waits_for_the_standby_and_for_nobody_else(
    open_stage: OpenStage, background: Background
) -> None:
    """The server's sync reads the log as a standby does, and must not be taken for one."""
    stage = open_stage()
    await_whole(background, stage)
    database = stage.database
    database.replicate()
    processes.send(database.standby_pids(), signal.SIGSTOP)
    assert not background.run(is_committed(database.dsn, "create table before ()"))
    database.go_on()
    assert background.run(is_committed(database.dsn, "create table afterwards ()", 60))


async def is_committed(dsn: str, statement: str, seconds: float = 2) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement, timeout=seconds)
    except TimeoutError:
        return False
    finally:
        connection.terminate()
    return True


async def is_recorded(dsn: str, key: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        found = "select exists (select from ledger.payment where agent_payment_id = $1)"
        return bool(await connection.fetchval(found, key))
    finally:
        await connection.close()


def is_bound(probe: socket.socket, place: Place) -> bool:
    """Whether the probe got the place, now or before."""
    try:
        probe.bind(place)
    except OSError:
        return False
    return True
