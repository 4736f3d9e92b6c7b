"""The directory of one embedded server: its lock, its password, its port, its log."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sys
import weakref
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from server.embedded.errors import EmbeddedError
from server.embedded.launch import Identity

_LOG_BYTES_MAX = 16 << 20
_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a directory keeps from one start to the next."""

    port: int = 0
    synced: bool = False


class ServerDirectory:
    """Files that both servers have; only one process at a time may hold the directory open."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.log_path = self.path / "server.log"
        self._password_path = self.path / "password"
        self._remembered_path = self.path / "remembered.json"
        self._lock: IO[str] | None = None

    def open(self) -> None:
        """Make the directory where missing and lock it."""
        if sys.platform != "linux":
            raise EmbeddedError("embedded servers need Linux; set KVITOK_DSN and KVITOK_REDIS_URL")
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise EmbeddedError(
                f"cannot use the data directory {self.path}: {error.strerror} as user"
                f" {os.geteuid()}; start as its owner, or choose another one"
            ) from error
        lock = open(descriptor, "r+", encoding="ascii")  # noqa: SIM115 - open as long as locked
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with lock:
                holder = lock.read().strip()
            raise EmbeddedError(
                f"{self.path} is in use by process {holder}:"
                " stop it first, or choose another data directory"
            ) from None
        lock.truncate(0)
        print(os.getpid(), file=lock, flush=True)
        self._lock = lock
        _let_go_in_children(self)

    def close(self) -> None:
        """Let others open it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def is_open(self) -> bool:
        return self._lock is not None

    def password(self) -> str:
        """The password of this server's only user."""
        try:
            return self._password_path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise EmbeddedError(
                f"{self._password_path} is missing: start the server on a new directory,"
                " or bring the file back from a copy"
            ) from None

    def make_password(self, identity: Identity) -> Path:
        """Where the password is kept, after making one if there is none."""
        if not self._password_path.exists():
            self.write(self._password_path, secrets.token_urlsafe(24) + "\n", identity)
        return self._password_path

    def remembered(self) -> Remembered:
        try:
            return Remembered(**json.loads(self._remembered_path.read_text(encoding="ascii")))
        except (FileNotFoundError, ValueError, TypeError):  # a port is easily found anew
            return Remembered()

    def remember(self, identity: Identity, **changes: Any) -> None:
        text = json.dumps(asdict(replace(self.remembered(), **changes)))
        self.write(self._remembered_path, text + "\n", identity)

    def write(self, path: Path, text: str, identity: Identity) -> None:
        """Replace a file whole; nobody but its owner may read it."""
        beside = path.with_name(path.name + ".new")
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        identity.give(beside)
        beside.replace(path)

    def open_log(self) -> IO[bytes]:
        """The log to append to; a large one of earlier starts is put aside."""
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_BYTES_MAX:
            self.log_path.replace(self.log_path.with_suffix(".old.log"))
        descriptor = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return open(descriptor, "ab")

    def log_tail(self, since: int) -> str:
        """What the server logged after the log was `since` bytes long."""
        with self.log_path.open("rb") as file:
            file.seek(max(since, self.log_path.stat().st_size - _TAIL_BYTES))
            return file.read().decode(errors="replace").strip()


def _let_go_in_children(directory: ServerDirectory) -> None:
    """A forked worker that outlives a killed parent must not keep the directory locked."""
    reference = weakref.ref(directory)

    def let_go() -> None:
        held = reference()
        if held is not None:
            held.close()

    os.register_at_fork(after_in_child=let_go)
