"""The supervisor with real processes: replaces the dead, restarts without a refused connection."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.embedded import processes
from server.supervisor import Supervisor, _Child

SCRIPT = Path(__file__).with_name("echo_server.py")


class Running:
    """The script and its port."""

    def __init__(self, *under: str) -> None:
        root = str(Path(__file__).parents[2])
        self.process = subprocess.Popen(
            [*under, sys.executable, str(SCRIPT)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": root},
        )
        assert self.process.stdout is not None
        word, port = self.process.stdout.readline().split()
        assert word == "ready"
        self.port = int(port)

    def ask(self, said: bytes = b"who") -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(said)
            return connection.recv(100)

    def pids(self) -> set[bytes]:
        """The workers that answer; both take from one queue, so ask often."""
        return {self.ask() for _ in range(60)}


@pytest.fixture
def running() -> Iterator[Running]:
    running = Running()
    yield running
    running.process.kill()
    running.process.wait()


def until(condition: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def alive(pid: bytes) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return True


def test_a_dead_worker_is_replaced(running: Running) -> None:
    before = running.pids()
    assert running.ask(b"die") == b""
    until(lambda: len(running.pids() - before) >= 1)


def test_sigterm_stops_everything_and_exits_with_zero(running: Running) -> None:
    workers = running.pids()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=10) == 0
    assert not any(alive(pid) for pid in workers)


def test_a_killed_supervisor_leaves_no_worker_behind(running: Running) -> None:
    workers = running.pids()
    running.process.kill()
    running.process.wait()
    until(lambda: not any(alive(pid) for pid in workers))


def test_sighup_replaces_the_workers_without_a_refused_or_reset_connection(
    running: Running,
) -> None:
    before = running.pids()
    stopping = threading.Event()
    answers: list[bytes] = []
    failures: list[OSError] = []

    def load() -> None:
        while not stopping.is_set():
            try:
                answers.append(running.ask())
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    running.process.send_signal(signal.SIGHUP)
    try:
        until(lambda: not any(alive(pid) for pid in before))
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert b"" not in answers
    assert not running.pids() & before


def test_a_worker_that_cannot_begin_keeps_nobody_from_stopping(running: Running) -> None:
    before = running.pids()
    running.ask(b"hang")
    assert running.ask(b"die") == b""
    until(lambda: sum(alive(pid) for pid in before) == 1)
    time.sleep(0.5)  # its successor has been started and hangs
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=8) == 0


def test_a_worker_that_cannot_begin_does_not_keep_another_from_being_replaced(
    running: Running,
) -> None:
    running.pids()
    running.ask(b"hang")
    for _ in range(2):
        assert running.ask(b"die") == b""
    until(lambda: len(children(running.process.pid)) == 2)


def test_a_renewal_whose_successor_hangs_leaves_the_old_one_at_work(running: Running) -> None:
    before = running.pids()
    running.ask(b"hang")
    running.process.send_signal(signal.SIGHUP)
    until(lambda: len(children(running.process.pid)) == 3)
    assert running.pids() == before


def test_a_server_that_is_process_1_of_a_container_has_workers_too() -> None:
    contained = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")
    if subprocess.run([*contained, "true"], capture_output=True).returncode:
        pytest.skip("containers cannot be made here")
    running = Running(*contained)
    try:
        assert running.ask() != b""
        (supervisor,) = children(running.process.pid)
        os.kill(supervisor, signal.SIGTERM)
        assert running.process.wait(timeout=10) == 0
    finally:
        running.process.kill()
        running.process.wait()


def a_supervisor(*children: _Child) -> Supervisor:
    supervisor = Supervisor({}, on_ready=lambda: None, drain_timeout_seconds=2)
    supervisor._children = {child.pid: child for child in children}
    return supervisor


def a_child(pid: int, replaces: int = 0) -> _Child:
    fd, other = os.pipe()
    os.close(other)
    return _Child("worker-0", pid, time.monotonic(), fd, replaces)


def test_a_successor_and_its_predecessor_that_both_die_have_one_successor() -> None:
    old, new = a_child(1_000_001), a_child(1_000_002, replaces=1_000_001)
    supervisor = a_supervisor(old, new)
    supervisor._bury(new)
    supervisor._bury(old)
    assert [(name, replaces) for _, name, replaces in supervisor._due] == [("worker-0", old.pid)]


def test_a_second_renewal_waits_for_a_successor_that_is_about_to_begin_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = a_child(1_000_001), a_child(1_000_002, replaces=1_000_001)
    supervisor = a_supervisor(old, new)
    started: list[str] = []
    monkeypatch.setattr(supervisor, "_start", lambda name, replaces: started.append(name))
    supervisor._bury(new)
    supervisor._renewals = [old.pid]
    supervisor._renew()
    assert started == []


def children(pid: int) -> list[int]:
    """Those that live."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [child for child in map(int, found) if processes.is_alive(child)]
