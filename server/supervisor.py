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


@dataclass(slots=True)
class _Child:
    name: str
    pid: int
    started: float
    ready_fd: int
    ready: bool = False


class Supervisor:
    """Runs `bodies` as child processes until a signal; `stop_order` names groups, first to last.

    A body's group is its name up to the first "-".
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
        self._quick_deaths = 0

    def run(self) -> int:
        """Returns the exit code."""
        signals = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        for name in self._bodies:
            self._start(name)
        self._await_ready(set(self._bodies))
        self._on_ready()
        while True:
            received = signal.sigtimedwait(signals, 1.0)
            number = received.si_signo if received else signal.SIGCHLD
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop_all()
                return 0
            if number == signal.SIGHUP:
                self._restart_workers()
            self._replace_dead()
            if self._quick_deaths > _QUICK_DEATHS_MAX:
                self._stop_all()
                return 1

    def _start(self, name: str) -> _Child:
        read_fd, write_fd = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os.close(read_fd)
            self._be_child(name, write_fd)
        os.close(write_fd)
        child = _Child(name, pid, time.monotonic(), read_fd)
        self._children[pid] = child
        return child

    def _be_child(self, name: str, ready_fd: int) -> None:
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's ^C reaches the supervisor
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
            die_with_parent()
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

    def _await_ready(self, names: set[str]) -> None:
        """Until each named child has said so; a child that dies first is replaced."""
        while True:
            waiting = [c for c in self._children.values() if c.name in names and not c.ready]
            if not waiting:
                return
            if os.read(waiting[0].ready_fd, 1):
                waiting[0].ready = True
                os.close(waiting[0].ready_fd)
                continue
            os.waitpid(waiting[0].pid, 0)
            self._buried(waiting[0])
            if self._quick_deaths > _QUICK_DEATHS_MAX:
                self._stop_all()
                raise SystemExit(3)
            self._start(waiting[0].name)

    def _buried(self, child: _Child) -> None:
        del self._children[child.pid]
        if not child.ready:
            os.close(child.ready_fd)
        if time.monotonic() - child.started < _QUICK_DEATH_SECONDS:
            self._quick_deaths += 1
            time.sleep(_RESTART_PAUSE_SECONDS)
        else:
            self._quick_deaths = 0

    def _replace_dead(self) -> None:
        for child in list(self._children.values()):
            if os.waitpid(child.pid, os.WNOHANG)[0]:
                self._buried(child)
                self._await_ready({self._start(child.name).name})

    def _restart_workers(self) -> None:
        """A new worker answers before its predecessor stops taking connections."""
        for old in [c for c in self._children.values() if c.name.startswith("worker")]:
            new = self._start(old.name)
            self._await_ready({new.name})
            self._stop([old])

    def _stop_all(self) -> None:
        for group in self._stop_order:
            self._stop([c for c in self._children.values() if c.name.split("-")[0] == group])

    def _stop(self, children: list[_Child]) -> None:
        for child in children:
            os.kill(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + self._drain_timeout_seconds
        for child in children:
            while not os.waitpid(child.pid, os.WNOHANG)[0]:
                if time.monotonic() > deadline:
                    os.kill(child.pid, signal.SIGKILL)
                    os.waitpid(child.pid, 0)
                    break
                time.sleep(0.01)
            del self._children[child.pid]


def _tell_ready(fd: int) -> None:
    os.write(fd, b"r")
    os.close(fd)


def name_process(name: str) -> None:
    """What `ps` and `top` show of this process (Linux; at most 15 bytes)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def die_with_parent() -> None:
    """A child of a supervisor that was killed must not go on alone (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
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
