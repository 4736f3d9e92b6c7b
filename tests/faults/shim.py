"""What a process sees of the clock and the disk, changed from outside, without privileges.

A small library, preloaded: it shifts the wall clock (not the monotonic ones, which the kernel never
lets jump either), and it makes the disk slow, full or faulty. It needs a C compiler. What it cannot
do: Valkey is linked so that it sees the real clock, and PostgreSQL's shared memory is not aged.
"""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from server.embedded.binaries import find_postgres

_SOURCE = Path(__file__).with_name("shim.c")
_NANO = 1_000_000_000
_NUMBERS = struct.Struct("=qqqq")
_PROGRAMS = ("postgres", "initdb")


def compiler() -> str | None:
    """What can make the library, or nothing."""
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


@dataclass(frozen=True, slots=True)
class Machine:
    """What processes see of the machine on which they run."""

    shift_seconds: float = 0.0
    """What the clock is ahead."""
    sync_seconds: float = 0.0
    """What every sync to disk takes more."""
    is_full: bool = False
    """The disk has no room left."""
    is_faulty: bool = False
    """Every sync to disk fails."""


SOUND = Machine()


class Control:
    """The clock and the disk of some processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(_NUMBERS.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _NUMBERS.size)
        self.machine = SOUND

    def set(self, machine: Machine) -> None:
        """From now on it is so."""
        self.machine = machine
        shift, sync = int(machine.shift_seconds * _NANO), int(machine.sync_seconds * _NANO)
        self._memory[:] = _NUMBERS.pack(shift, sync, machine.is_full, machine.is_faulty)


class Shim:
    """The library, and who is under it: the server, and PostgreSQL."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._library = directory / "shim.so"
        made_by = compiler()
        assert made_by is not None
        subprocess.run(
            [made_by, "-O2", "-shared", "-fPIC", "-o", self._library, _SOURCE, "-ldl"], check=True
        )
        self.server = Control(directory / "server")
        self.postgres = Control(directory / "postgres")
        self.binaries = directory / "bin"
        self.binaries.mkdir()
        for name in _PROGRAMS:
            self._wrap(name)

    @property
    def environment(self) -> Mapping[str, str]:
        """For the server's processes."""
        return {"LD_PRELOAD": str(self._library), "KVITOK_TEST_SHIM": str(self.server.path)}

    def _wrap(self, name: str) -> None:
        """PostgreSQL is started with an environment of its own, so a script stands in between."""
        real = find_postgres()[name]
        script = self.binaries / name
        script.write_text(
            f"#!/bin/sh\nLD_PRELOAD='{self._library}' KVITOK_TEST_SHIM='{self.postgres.path}'"
            f" exec '{real}' \"$@\"\n"
        )
        script.chmod(0o755)


def made(directory: Path) -> Shim | None:
    """A shim where there is a compiler."""
    if sys.platform != "linux" or compiler() is None:
        return None
    return Shim(directory)
