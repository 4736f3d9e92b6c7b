"""The machine: which core does what, what a tree of processes has used, what is written down."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server.embedded import processes

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cores:
    """Servers on one core; who asks, and the stores, on another. Both the same on one core."""

    server: int
    load: int

    @classmethod
    def here(cls) -> Cores:
        """The first two that this process may use."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(usable[0], usable[min(1, len(usable) - 1)])

    @property
    def are_apart(self) -> bool:
        return self.server != self.load


def started_on(core: int) -> Callable[[], None]:
    """For `preexec_fn` of a child that shall never run elsewhere, nor its children."""
    return lambda: os.sched_setaffinity(0, {core})


def moved_to(core: int, pid: int) -> None:
    """Pin a tree of processes that is running already, thread by thread."""
    _confine(pid, {core})


def everywhere(pid: int) -> None:
    """Let a tree of processes run on every core that this process may use."""
    _confine(pid, os.sched_getaffinity(0))


def _confine(pid: int, cores: set[int]) -> None:
    for member in (pid, *processes.descendants(pid)):
        with suppress(FileNotFoundError, ProcessLookupError):  # it may just have ended
            for thread in Path(f"/proc/{member}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)


def cpu_seconds(pids: Iterable[int]) -> float:
    """utime + stime of these trees, with those children that have ended and been waited for."""
    members = {member for pid in pids for member in (pid, *processes.descendants(pid))}
    return sum(map(_ticks, members)) / _TICKS_PER_SECOND


def _ticks(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    # The name may hold blanks; behind its parenthesis the fields of proc(5) go on with number 3.
    fields = text[text.rindex(")") + 2 :].split()
    return sum(map(int, fields[11:15]))


def resident_bytes(pid: int) -> int:
    """What one process holds in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def said_by(command: Sequence[str], pattern: str) -> str:
    """The version that a program tells on either output, or nothing."""
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return ""
    found = re.search(pattern, told.stdout + told.stderr)
    return found[1] if found else ""


def described() -> dict[str, str]:
    """What every report begins with."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.M)
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return {
        "date": f"{dt.datetime.now().astimezone():%d.%m.%Y %H:%M %Z}",
        "processor": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{int(memory[1]) >> 20 if memory else 0} GB",
        "system": f"{system}, Linux {platform.release()}",
        "Python": _python(),
    }


def _python() -> str:
    """A distribution's is built with profiles of its use, and a tenth quicker than others are."""
    version = sys.version.split()[0]
    return f"{version} of the distribution" if sys.base_prefix == "/usr" else version


def busy_now() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]
