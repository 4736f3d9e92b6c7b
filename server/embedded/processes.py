"""Finds and ends the server processes that live in a directory, whoever started them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_POLL_SECONDS = 0.01


def living_in(directory: Path, programs: Collection[str]) -> list[int]:
    """Processes of these programs whose working directory this is: servers go to their data."""
    try:
        place = directory.stat()
    except FileNotFoundError:
        return []
    return [pid for pid in _every_process() if _lives(pid, place, programs)]


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    return _status(pid)[:1] not in ("", "Z", "X")


def exists(pid: int) -> bool:
    """Whether the number is in use, be it by a process that only waits to be reaped."""
    return _status(pid) != ""


def parent_of(pid: int) -> int:
    """The parent's process id, 0 when there is no such process."""
    fields = _status(pid).split()
    return int(fields[1]) if len(fields) > 1 else 0


def eldest(pids: Collection[int]) -> list[int]:
    """Those whose parent is not among them: of a PostgreSQL, the postmaster."""
    return [pid for pid in pids if parent_of(pid) not in pids]


def descendants(pid: int) -> list[int]:
    """Children of a process and theirs, at this moment."""
    parents = {child: parent_of(child) for child in _every_process()}
    found = [pid]
    for member in found:
        found.extend(child for child, parent in parents.items() if parent == member)
    return found[1:]


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal each that still exists."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def wait_gone(pids: Collection[int], seconds: float) -> bool:
    """Wait until none of them runs; false when time is up."""
    deadline = time.monotonic() + seconds
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def kill_family(pid: int) -> None:
    """SIGKILL a process and everything it started, and wait until they are gone."""
    # Stopped first, or it could start another child between our look and our kill.
    send([pid], signal.SIGSTOP)
    family = [pid, *descendants(pid)]
    send(family, signal.SIGKILL)
    wait_gone(family[1:], 5)


def _every_process() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _lives(pid: int, place: os.stat_result, programs: Collection[str]) -> bool:
    try:
        cwd = os.stat(f"/proc/{pid}/cwd")
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # gone meanwhile, or somebody else's
        return False
    return os.path.samestat(cwd, place) and name in programs


def _status(pid: int) -> str:
    """`state parent …` of /proc/PID/stat; the name before it may hold spaces and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].strip()
