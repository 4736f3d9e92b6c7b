"""One PostgreSQL of our own under a directory."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from server.embedded import processes
from server.embedded.binaries import PostgresBinaries, find_postgres
from server.embedded.cluster import NAME, make_cluster, reachable, sync_command
from server.embedded.directory import ServerDirectory
from server.embedded.errors import EmbeddedError
from server.embedded.launch import (
    Identity,
    demand_main_thread,
    identity_for_new,
    identity_of,
    kill_child,
    spawn,
)
from server.embedded.ports import choose_port
from server.embedded.postgres_settings import ACCESS, configuration, fits_socket

_PROGRAMS = ("postgres",)
_READY_SECONDS = 180  # recovery after a crash replays up to max_wal_size first
_FAST_STOP_SECONDS = 5
_IMMEDIATE_STOP_SECONDS = 1
_POLL_SECONDS = 0.005
_PORT_TRIES = 5


class EmbeddedPostgres:
    """A PostgreSQL cluster that starts and stops with us and keeps its data under a directory.

    The directory belongs to one process at a time. When that process dies without `stop`, the
    kernel has PostgreSQL shut down; should it not, the next `start` does.
    """

    def __init__(
        self, directory: Path, *, settings: Mapping[str, str] = {}, binaries: Path | None = None
    ) -> None:
        self._home = ServerDirectory(directory)
        self._data = self._home.path / "data"
        self._settings = settings
        self._wanted_binaries = binaries
        self._server: subprocess.Popen[bytes] | None = None
        self._sync: subprocess.Popen[bytes] | None = None
        self._identity: Identity | None = None

    def start(self) -> None:
        """Make the cluster if there is none, start it, return when it takes connections."""
        if self._server is not None:
            raise EmbeddedError(f"PostgreSQL in {self._home.path} has been started already")
        demand_main_thread()
        self._home.open()
        try:
            self._start()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Shut down: sessions end, the data are written out. Within seconds, or by force."""
        if not self._home.is_open:
            return
        if self._server is not None:
            self._end_sync()
            pids = [self._server.pid, *processes.descendants(self._server.pid)]
            self._end([self._server.pid], pids)
            self._server.wait()
        self._server = None
        self._home.close()

    def kill(self) -> None:
        """SIGKILL everything at once, as a crash would; `start` then recovers."""
        if not self._home.is_open:
            return
        for process in (self._sync, self._server):
            if process is not None:
                kill_child(process)
        self._sync = self._server = None
        self._home.close()

    @property
    def dsn(self) -> str:
        """Where the running server listens; also for one that another process has started."""
        return f"postgresql://{NAME}:{self._home.password()}@127.0.0.1:{self._port}/{NAME}"

    @property
    def unix_dsn(self) -> str | None:
        """The same over a unix socket, where the directory's path is short enough for one."""
        if self._sockets is None:
            return None
        host = quote(str(self._sockets), safe="")
        password = self._home.password()
        return f"postgresql://{NAME}:{password}@/{NAME}?host={host}&port={self._port}"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs, whoever started it."""
        if self._server is not None:
            return self._server.pid if processes.is_alive(self._server.pid) else None
        eldest = processes.eldest(processes.living_in(self._data, _PROGRAMS))
        return eldest[0] if eldest else None

    @property
    def log_path(self) -> Path:
        return self._home.log_path

    @property
    def _port(self) -> int:
        port = self._home.remembered().port
        if not port:
            raise EmbeddedError(f"PostgreSQL in {self._home.path} has never been started")
        return port

    @property
    def _sockets(self) -> Path | None:
        folder = self._home.path / "socket"
        return folder if fits_socket(folder / ".s.PGSQL.65535") else None

    def _start(self) -> None:
        made = (self._data / "PG_VERSION").exists()
        home = self._home
        identity = identity_of(home.path) if made else identity_for_new(home.path)
        major = int((self._data / "PG_VERSION").read_text(encoding="ascii")) if made else None
        binaries = reachable(find_postgres(self._wanted_binaries, major), identity, home.path)
        if made:
            self._clear_away()
        else:
            make_cluster(home, self._data, binaries, identity)
        self._identity = identity
        home.write(self._data / "pg_hba.conf", ACCESS, identity)
        for _ in range(_PORT_TRIES):
            if self._started_on(choose_port(home.remembered().port), binaries, identity):
                self._begin_sync(binaries, identity)
                return
        raise EmbeddedError(f"PostgreSQL found no free port; see {home.log_path}")

    def _clear_away(self) -> None:
        """End what a killed parent left running here, and forget what it left lying."""
        orphans = processes.living_in(self._data, _PROGRAMS)
        if orphans:
            self._end(processes.eldest(orphans), orphans)
        # PostgreSQL refuses to start when this file names a process that exists. We know better:
        # none lives here, so the number is somebody else's by now, or its owner was not reaped.
        lock = self._data / "postmaster.pid"
        if lock.exists() and processes.exists(_first_number(lock)):
            lock.unlink()
        shutil.rmtree(self._home.path / "socket", ignore_errors=True)

    def _started_on(self, port: int, binaries: PostgresBinaries, identity: Identity) -> bool:
        home = self._home
        if self._sockets:
            self._sockets.mkdir(mode=0o700, exist_ok=True)
            identity.give(self._sockets)
        text = configuration(binaries.major, port, self._sockets, self._settings)
        home.write(self._data / "postgresql.conf", text, identity)
        with home.open_log() as log:
            since = home.log_path.stat().st_size
            # SIGINT is a fast shutdown: a clean end, so that the next start has nothing to redo.
            self._server = spawn(
                [binaries["postgres"], "-D", self._data], identity, signal.SIGINT, log
            )
        if self._is_ready(since):
            home.remember(identity, port=port)
            return True
        return False

    def _is_ready(self, since: int) -> bool:
        """Wait for it; false when somebody took the port meanwhile."""
        assert self._server is not None
        deadline = time.monotonic() + _READY_SECONDS
        while not _says_ready(self._data / "postmaster.pid", self._server.pid):
            if self._server.poll() is not None:
                said = self._home.log_tail(since)
                if "Address already in use" in said:
                    return False
                raise EmbeddedError(f"PostgreSQL did not start, {self._home.log_path} says: {said}")
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"PostgreSQL is not ready after {_READY_SECONDS} s: see {self._home.log_path}"
                )
            time.sleep(_POLL_SECONDS)
        return True

    def _begin_sync(self, binaries: PostgresBinaries, identity: Identity) -> None:
        """A new cluster reaches the disk while it already works; a power cut before that is lost.

        Without this, files that only initdb wrote would stay in the kernel's memory for long.
        """
        if self._home.remembered().synced or self._settings.get("fsync") == "off":
            return
        with self._home.open_log() as log:
            command = sync_command(binaries, self._data)
            self._sync = spawn(command, identity, signal.SIGKILL, log)

    def _end_sync(self) -> None:
        if self._sync is None:
            return
        assert self._identity is not None
        if self._sync.poll() == 0:
            self._home.remember(self._identity, synced=True)
        kill_child(self._sync)
        self._sync = None

    def _end(self, eldest: list[int], everyone: list[int]) -> None:
        """Ask, then insist, then kill."""
        processes.send(eldest, signal.SIGINT)
        if processes.wait_gone(everyone, _FAST_STOP_SECONDS):
            return
        processes.send(eldest, signal.SIGQUIT)
        if processes.wait_gone(everyone, _IMMEDIATE_STOP_SECONDS):
            return
        processes.send(everyone, signal.SIGKILL)
        if not processes.wait_gone(everyone, _IMMEDIATE_STOP_SECONDS):
            raise EmbeddedError(
                f"a PostgreSQL in {self._home.path} cannot be ended: processes {everyone}"
            )


def _says_ready(lock: Path, pid: int) -> bool:
    """Whether postmaster.pid is this postmaster's and its last line, the state, is `ready`."""
    try:
        lines = lock.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _first_number(file: Path) -> int:
    first = file.read_text(encoding="utf-8", errors="replace").splitlines()[:1]
    return abs(int(first[0])) if first and first[0].strip("-").isdigit() else 0
