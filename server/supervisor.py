"""Processes: one supervisor binds the sockets, forks the workers and the sync, replaces the dead.

The listening sockets belong to the supervisor and are inherited, so that no connection in a
queue is lost when a worker ends. SIGTERM and SIGINT stop everything, SIGHUP restarts the workers
one by one.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Ready = Callable[[], None]
"""Called by a child when it does its work."""
Body = Callable[[Ready], None]
"""What a child process does; it returns or raises when it is done, and ends on SIGTERM."""

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15  # linux/prctl.h
_RESTART_PAUSE_SECONDS = 0.2
_QUICK_DEATH_SECONDS = 2.0
_QUICK_DEATHS_MAX = 10
_BUSY_SECONDS, _IDLE_SECONDS = 0.02, 1.0
_LATER_GROUPS_SECONDS = 0.7


@dataclass(slots=True)
class _Child:
    name: str
    pid: int
    started: float
    ready_fd: int
    replaces: int = 0
    """The process id of a predecessor that goes when this one is ready."""
    ready: bool = False
    leave_by: float = 0.0
    """Told to end, and ended by force at this moment; 0 = not told."""


class Supervisor:
    """Runs `bodies` as child processes until a signal; `stop_order` names groups, first to last.

    A body's group is its name up to the first "-". Nothing in here waits for a child: one that
    hangs, or cannot begin, must not keep the supervisor from signals and from the other children.
    """

    def __init__(
        self,
        bodies: Mapping[str, Body],
        *,
        on_ready: Callable[[], None],
        drain_timeout_seconds: float,
        stop_order: tuple[str, ...] = ("worker", "janitor", "sync"),
    ) -> None:
        self._bodies = dict(bodies)
        self._on_ready = on_ready
        self._drain_timeout_seconds = drain_timeout_seconds
        self._stop_order = stop_order
        self._children: dict[int, _Child] = {}
        self._due: list[tuple[float, str, int]] = []
        """What is to be started again: when, its name, whom it replaces."""
        self._renewals: list[int] = []
        self._quick_deaths = 0
        self._was_ready = False

    def run(self) -> int:
        """Returns the exit code."""
        signals = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        for name in self._bodies:
            self._start(name)
        while True:
            received = signal.sigtimedwait(signals, self._patience_seconds())
            number = received.si_signo if received else signal.SIGCHLD
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop_all()
                return 0
            if number == signal.SIGHUP:
                self._renewals = [c.pid for c in self._working() if c.name.startswith("worker")]
            self._bury_the_dead()
            if self._quick_deaths > _QUICK_DEATHS_MAX:
                self._stop_all()
                return 1 if self._was_ready else 3
            self._start_what_is_due()
            self._hear_who_is_ready()
            self._end_who_stays()
            self._renew()

    def _patience_seconds(self) -> float:
        is_busy = self._due or any(not c.ready or c.leave_by for c in self._children.values())
        return _BUSY_SECONDS if is_busy else _IDLE_SECONDS

    def _working(self) -> list[_Child]:
        return [child for child in self._children.values() if not child.leave_by]

    def _start(self, name: str, replaces: int = 0) -> None:
        read_fd, write_fd = os.pipe()
        os.set_blocking(read_fd, False)
        sys.stdout.flush()
        sys.stderr.flush()
        supervisor = os.getpid()
        pid = os.fork()
        if pid == 0:
            os.close(read_fd)
            self._be_child(name, write_fd, supervisor)
        os.close(write_fd)
        self._children[pid] = _Child(name, pid, time.monotonic(), read_fd, replaces)

    def _be_child(self, name: str, ready_fd: int, supervisor: int) -> None:
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's ^C reaches the supervisor
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
            die_with_parent(supervisor)
            name_process(f"kvitok-{name}")
            self._bodies[name](lambda: _tell_ready(ready_fd))
            code = 0
        except SystemExit as done:
            code = done.code if isinstance(done.code, int) else 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _bury_the_dead(self) -> None:
        for child in list(self._children.values()):
            if os.waitpid(child.pid, os.WNOHANG)[0]:
                self._bury(child)

    def _bury(self, child: _Child) -> None:
        del self._children[child.pid]
        if not child.ready:
            os.close(child.ready_fd)
        # One that was told to go is not replaced, and neither is one whose successor is here, or
        # about to begin again.
        successors = [each.replaces for each in self._children.values()]
        if child.leave_by or child.pid in (*successors, *(replaced for *_, replaced in self._due)):
            return
        now = time.monotonic()
        is_quick = now - child.started < _QUICK_DEATH_SECONDS
        self._quick_deaths = self._quick_deaths + 1 if is_quick else 0
        self._due.append(
            (now + (_RESTART_PAUSE_SECONDS if is_quick else 0), child.name, child.replaces)
        )

    def _start_what_is_due(self) -> None:
        now = time.monotonic()
        due, self._due = self._due, [item for item in self._due if item[0] > now]
        for at, name, replaces in due:
            if at <= now:
                self._start(name, replaces)

    def _hear_who_is_ready(self) -> None:
        for child in self._children.values():
            if child.ready or not _said_ready(child.ready_fd):
                continue
            child.ready = True
            os.close(child.ready_fd)
            predecessor = self._children.get(child.replaces)
            if predecessor is not None:
                self._ask_to_leave(predecessor)
        if not self._was_ready and all(child.ready for child in self._children.values()):
            self._was_ready = True
            self._on_ready()

    def _renew(self) -> None:
        """A new worker answers before its predecessor stops taking connections; one at a time."""
        if any(child.replaces and not child.ready for child in self._children.values()):
            return
        if any(replaced for *_, replaced in self._due):
            return  # a successor that died quickly is about to begin again
        while self._renewals:
            old = self._children.get(self._renewals.pop(0))
            if old is not None and not old.leave_by:
                self._start(old.name, replaces=old.pid)
                return

    def _ask_to_leave(self, child: _Child) -> None:
        child.leave_by = time.monotonic() + self._drain_timeout_seconds
        os.kill(child.pid, signal.SIGTERM)

    def _end_who_stays(self) -> None:
        now = time.monotonic()
        for child in self._children.values():
            if 0 < child.leave_by < now:
                os.kill(child.pid, signal.SIGKILL)

    def _stop_all(self) -> None:
        """Group by group: the first may take its time, what is left then must be quick."""
        seconds = self._drain_timeout_seconds
        for group in self._stop_order:
            self._stop([c for c in self._children.values() if _group(c) == group], seconds)
            seconds = min(seconds, _LATER_GROUPS_SECONDS)

    def _stop(self, children: list[_Child], seconds: float) -> None:
        for child in children:
            os.kill(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        for child in children:
            while not os.waitpid(child.pid, os.WNOHANG)[0]:
                if time.monotonic() > deadline:
                    os.kill(child.pid, signal.SIGKILL)
                    os.waitpid(child.pid, 0)
                    break
                time.sleep(0.01)
            del self._children[child.pid]


def _group(child: _Child) -> str:
    return child.name.split("-")[0]


def _said_ready(fd: int) -> bool:
    try:
        return os.read(fd, 1) != b""
    except BlockingIOError:
        return False


def _tell_ready(fd: int) -> None:
    os.write(fd, b"r")
    os.close(fd)


def name_process(name: str) -> None:
    """What `ps` and `top` show of this process (Linux; at most 15 bytes)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """A child of a supervisor that was killed must not go on alone (Linux).

    `parent` was taken before the fork: in a container the supervisor itself may be process 1.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was gone before it was asked for
            os._exit(1)


def listen(host: str, port: int) -> socket.socket:
    """The listening socket that all workers inherit."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(4096)
    listener.setblocking(False)
    os.set_inheritable(listener.fileno(), True)
    return listener
