"""Connections to a certain worker, though all workers accept from one socket."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from server.embedded import processes
from tests.faults.wire import Reply

LOST = (OSError, EOFError)
"""Nobody knows what became of the request."""
_ANSWER_SECONDS = 30.0
_REACH_SECONDS = 1.0
_TRIES = 9
_PAUSE_SECONDS = 0.1
_BUSY_WITH = 60
_CHUNK_BYTES = 1 << 18
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


class Line:
    """One connection; blocking, because what comes after an answer must follow at once."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait_at_most(_ANSWER_SECONDS)
        self._buffer = b""
        self.port = port
        self.received = 0.0
        """When the last byte that there is came (perf_counter)."""

    def _wait_at_most(self, seconds: float) -> None:
        # Python's own timeouts take a system call more, before every send too.
        whole = int(seconds)
        period = struct.pack("ll", whole, int((seconds - whole) * 1e6))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, period)

    def send(self, requests: bytes) -> None:
        """Raises one of LOST."""
        self._socket.sendall(requests)

    def await_bytes(self) -> None:
        """Until something comes; mostly it is the whole answer. Raises one of LOST."""
        data = self._socket.recv(_CHUNK_BYTES)
        self.received = time.perf_counter()
        if not data:
            raise EOFError("the server hung up")
        self._buffer += data

    @property
    def is_answered(self) -> bool:
        """Whether a whole answer is there."""
        return self._end() is not None

    def _end(self) -> tuple[int, int] | None:
        """Where the answer's head ends, and the answer."""
        head_end = self._buffer.find(_HEAD_END) + len(_HEAD_END)
        if head_end < len(_HEAD_END):
            return None
        length = _LENGTH.search(self._buffer, 0, head_end)
        end = head_end + (int(length[1]) if length else 0)
        return (head_end, end) if len(self._buffer) >= end else None

    def receive(self) -> Reply:
        """The next answer. Raises one of LOST."""
        while (found := self._end()) is None:
            self.await_bytes()
        head_end, end = found
        reply = Reply(int(self._buffer[9:12]), self._buffer[head_end:end])
        self._buffer = self._buffer[end:]
        return reply

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Wait for answers no longer than that, in this block."""
        self._wait_at_most(seconds)
        try:
            yield
        finally:
            self._wait_at_most(_ANSWER_SECONDS)

    def worker(self, among: list[int]) -> int:
        """Which of the processes has the other end; 0 = none. After an answer has come."""
        theirs = f"0100007F:{self.port:04X} 0100007F:{self._socket.getsockname()[1]:04X}"
        for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines():
            if theirs in row:
                inode = f"socket:[{row.split()[9]}]"
                return next((pid for pid in among if _holds(pid, inode)), 0)
        return 0


def _holds(pid: int, inode: str) -> bool:
    try:
        return any(_is(file, inode) for file in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def _is(file: Path, inode: str) -> bool:
    try:
        return str(file.readlink()) == inode
    except OSError:  # closed meanwhile
        return False


class Worker:
    """One worker process, with lines of its own for payments and for looking."""

    LINES = 3

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.lines: list[Line] = []

    @property
    def is_reached(self) -> bool:
        """Whether all lines stand."""
        return len(self.lines) == self.LINES

    @property
    def paying(self) -> Line:
        """For payments."""
        return self.lines[0]

    def looking(self, which: int) -> Line:
        """One of two for checks: while one waits for its answer, the other is free."""
        return self.lines[1 + which]

    def close(self) -> None:
        """Hang up."""
        for line in self.lines:
            line.close()
        self.lines = []


class Team:
    """All workers of one server, each within reach."""

    def __init__(self, port: int, supervisor: int, count: int, hello: bytes) -> None:
        self._port = port
        self._supervisor = supervisor
        self._count = count
        self._hello = hello
        self._workers: dict[int, Worker] = {}
        self._renew_after = 0.0

    def reached(self) -> list[Worker]:
        """Those that can be asked now; lines that broke are made anew first."""
        if len(self.known()) < self._count and time.monotonic() > self._renew_after:
            self._renew()
            self._renew_after = time.monotonic() + _PAUSE_SECONDS
        return self.known()

    def known(self) -> list[Worker]:
        """The same, without looking for new ones: that takes time."""
        return [worker for worker in self._workers.values() if worker.is_reached]

    def drop(self, worker: Worker) -> None:
        """It died, or hung up."""
        worker.close()
        self._workers.pop(worker.pid, None)

    def close(self) -> None:
        """Hang up on everybody."""
        for worker in list(self._workers.values()):
            self.drop(worker)

    def _renew(self) -> None:
        pids = self._living()
        for pid in self._workers.keys() - set(pids):
            self.drop(self._workers[pid])
        for pid in pids:
            self._workers.setdefault(pid, Worker(pid))
        for _ in range(_TRIES):
            if all(worker.is_reached for worker in self._workers.values()):
                break
            self._connect(pids)

    def _connect(self, pids: list[int]) -> None:
        """One line more, to whoever takes it: who has something else to do is too late."""
        busy = [worker for worker in self.known() if self._keep_busy(worker)]
        try:
            line = Line(self._port)
            with line.patience(_REACH_SECONDS):
                line.send(self._hello)
                line.receive()
        except LOST:
            pass
        else:
            worker = self._workers.get(line.worker(pids))
            if worker is None or worker.is_reached:
                line.close()
            else:
                worker.lines.append(line)
        for each in busy:
            self._hear_out(each)

    def _keep_busy(self, worker: Worker) -> bool:
        try:
            worker.paying.send(self._hello * _BUSY_WITH)
        except LOST:
            self.drop(worker)
            return False
        return True

    def _hear_out(self, worker: Worker) -> None:
        try:
            for _ in range(_BUSY_WITH):
                worker.paying.receive()
        except (*LOST, IndexError):
            self.drop(worker)

    def _living(self) -> list[int]:
        children = processes.descendants(self._supervisor)
        return [pid for pid in children if _name(pid).startswith("kvitok-worker")]


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8")
    return ""
