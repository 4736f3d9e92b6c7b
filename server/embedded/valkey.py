"""One Valkey (or Redis) of our own under a directory; it keeps nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from server.embedded import processes
from server.embedded.binaries import find_valkey
from server.embedded.directory import ServerDirectory
from server.embedded.errors import EmbeddedError
from server.embedded.launch import demand_main_thread, kill_child, ourselves, spawn
from server.embedded.ports import choose_port

_PROGRAMS = ("valkey-server", "redis-server")
_READY_SECONDS = 15
_STOP_SECONDS = 3
_POLL_SECONDS = 0.005
_PORT_TRIES = 5
_SOCKET_PATH_BYTES_MAX = 107  # sun_path of unix(7), less the closing zero
_SETTINGS = {
    # A balance pushed out for want of room would be a wrong "unknown account".
    "maxmemory-policy": "noeviction",
    # PostgreSQL is the truth and the sync builds the rest anew: nothing goes to disk.
    "save": '""',
    "appendonly": "no",
    "shutdown-on-sigterm": "nosave now force",
    "protected-mode": "yes",
    "tcp-keepalive": "60",
    "timeout": "0",
    "loglevel": "notice",
    "daemonize": "no",
}


class EmbeddedValkey:
    """A Valkey that starts and stops with us; the kernel kills it when we are killed."""

    def __init__(
        self, directory: Path, *, settings: Mapping[str, str] = {}, binary: Path | None = None
    ) -> None:
        self._home = ServerDirectory(directory)
        self._settings = settings
        self._wanted_binary = binary
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it empty and return when it answers."""
        if self._server is not None:
            raise EmbeddedError(f"Valkey in {self._home.path} has been started already")
        demand_main_thread()
        self._home.open()
        try:
            self._start()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Shut down, by force when it does not within seconds."""
        if self._server is not None and self._home.is_open:
            self._server.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._server.wait(_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """SIGKILL it."""
        if not self._home.is_open:
            return
        if self._server is not None:
            kill_child(self._server)
        self._server = None
        self._home.close()

    @property
    def url(self) -> str:
        """Where the running server listens; also for one that another process has started."""
        port = self._home.remembered().port
        if not port:
            raise EmbeddedError(f"Valkey in {self._home.path} has never been started")
        return f"redis://:{self._home.password()}@127.0.0.1:{port}/0"

    @property
    def unix_url(self) -> str | None:
        """The same over a unix socket, where the directory's path is short enough for one."""
        if self._socket is None:
            return None
        return f"unix://:{self._home.password()}@{self._socket}?db=0"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs, whoever started it."""
        if self._server is not None:
            return self._server.pid if processes.is_alive(self._server.pid) else None
        found = processes.eldest(processes.living_in(self._home.path, _PROGRAMS))
        return found[0] if found else None

    @property
    def log_path(self) -> Path:
        return self._home.log_path

    @property
    def _socket(self) -> Path | None:
        path = self._home.path / "valkey.sock"
        fits = len(os.fsencode(path)) <= _SOCKET_PATH_BYTES_MAX
        return path if fits and not set(str(path)) & set(" ?#%\"'\\") else None

    def _start(self) -> None:
        program = find_valkey(self._wanted_binary)
        orphans = processes.living_in(self._home.path, _PROGRAMS)
        processes.send(orphans, signal.SIGKILL)
        if not processes.wait_gone(orphans, _STOP_SECONDS):
            raise EmbeddedError(f"a Valkey in {self._home.path} cannot be ended: {orphans}")
        self._home.make_password(ourselves())
        (self._home.path / "dump.rdb").unlink(missing_ok=True)
        for _ in range(_PORT_TRIES):
            if self._started_on(choose_port(self._home.remembered().port), program):
                return
        raise EmbeddedError(f"Valkey found no free port; see {self._home.log_path}")

    def _started_on(self, port: int, program: Path) -> bool:
        home = self._home
        file = home.path / "valkey.conf"
        home.write(file, self._configuration(port), ourselves())
        with home.open_log() as log:
            since = home.log_path.stat().st_size
            self._server = spawn([program, file], ourselves(), signal.SIGKILL, log)
        if self._is_ready(port, since):
            home.remember(ourselves(), port=port)
            return True
        return False

    def _configuration(self, port: int) -> str:
        values = {**_SETTINGS, **self._settings}
        values["bind"] = "127.0.0.1"
        values["port"] = str(port)
        values["requirepass"] = self._home.password()
        values["dir"] = _quoted(self._home.path)
        if self._socket:
            values["unixsocket"] = _quoted(self._socket)
            values["unixsocketperm"] = "700"
        return "".join(f"{name} {value}\n" for name, value in values.items())

    def _is_ready(self, port: int, since: int) -> bool:
        """Wait until it answers us; false when somebody took the port meanwhile."""
        assert self._server is not None
        deadline = time.monotonic() + _READY_SECONDS
        while not _answers(port, self._home.password(), self._server.pid):
            if self._server.poll() is not None:
                said = self._home.log_tail(since)
                if "Address already in use" in said:
                    return False
                raise EmbeddedError(f"Valkey did not start, {self._home.log_path} says: {said}")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"Valkey does not answer: see {self._home.log_path}")
            time.sleep(_POLL_SECONDS)
        return True


def _answers(port: int, password: str, pid: int) -> bool:
    """Whether the server with this process id takes our password on the port."""
    request = f"AUTH {password}\r\nINFO server\r\nQUIT\r\n".encode()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(request)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    except OSError:
        return False
    return f"process_id:{pid}\r\n".encode() in answer


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
