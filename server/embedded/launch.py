"""Starts programs through the exec wrapper: as whom, with which end when we die."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from server.embedded import processes
from server.embedded.errors import EmbeddedError
from server.embedded.exec_wrapper import DROPPED, NAMESPACE, NOBODY, USER

_WRAPPER = Path(__file__).with_name("exec_wrapper.py")
# Nothing of ours: PGPORT, PGOPTIONS, LC_ALL and the like would change what the servers do.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom a server runs, and to whom the files belong that it has to read."""

    name: str
    owner: int

    def give(self, path: Path) -> None:
        """Make the file readable for the server; only root running it as nobody has to."""
        if self.name == DROPPED:
            os.chown(path, self.owner, self.owner)

    def reaches(self, path: Path) -> bool:
        """Whether the server may enter every directory down to the path and read it."""
        if self.name != DROPPED:
            return True
        whole = path.resolve()
        return all(_mode(parent) & 0o001 for parent in whole.parents) and bool(_mode(whole) & 0o004)


def ourselves() -> Identity:
    """The server runs as the user who starts it."""
    return Identity(USER, os.geteuid())


def identity_of(directory: Path) -> Identity:
    """As whom PostgreSQL runs in a directory that exists: its owner tells how it was made."""
    user, owner = os.geteuid(), directory.stat().st_uid
    if user == 0 and owner == NOBODY:
        return Identity(DROPPED, NOBODY)
    if user != owner:
        raise EmbeddedError(
            f"{directory} was made by user {owner} and this is user {user}:"
            " start as that user, or choose another data directory"
        )
    return Identity(NAMESPACE, user) if user == 0 or not _has_name(user) else ourselves()


def identity_for_new(directory: Path) -> Identity:
    """As whom PostgreSQL shall run in a directory just made; may hand it over to nobody."""
    found = identity_of(directory)
    if found.name != NAMESPACE or namespaces_work():
        return found
    if found.owner != 0:
        raise EmbeddedError(
            f"PostgreSQL runs only as a user with a name, user {found.owner} has none in"
            " /etc/passwd, and user namespaces are not allowed here: start as another user"
        )
    identity = Identity(DROPPED, NOBODY)
    closed = [parent for parent in directory.resolve().parents if not _mode(parent) & 0o001]
    if closed:
        raise EmbeddedError(
            f"PostgreSQL does not run as root, user namespaces are not allowed here, and another"
            f" user cannot enter {closed[-1]}: choose a data directory outside of it, or start"
            " as an ordinary user"
        )
    identity.give(directory)
    return identity


def namespaces_work() -> bool:
    """Whether we may make user namespaces here; containers often forbid it."""
    nothing = [sys.executable, "-I", "-S", "-c", ""]
    return run(nothing, Identity(NAMESPACE, os.geteuid())).returncode == 0


def demand_main_thread() -> None:
    """The kernel sends the death signal when the starting thread ends, not the process."""
    if threading.current_thread() is not threading.main_thread():
        raise EmbeddedError("embedded servers are started from the main thread only")


def spawn(
    command: Sequence[str | Path], identity: Identity, death_signal: signal.Signals, log: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a server that gets `death_signal` when this process dies, however it dies.

    The server gets a session of its own, so that Ctrl-C reaches us alone and we stop it in order.
    """
    return subprocess.Popen(
        _wrapped(command, identity, death_signal),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=_ENVIRONMENT,
        start_new_session=True,
        cwd="/",
    )


def kill_child(child: subprocess.Popen[bytes]) -> None:
    """SIGKILL what `spawn` started, with all that it started; nothing when it has ended."""
    if child.poll() is None:  # else its process id may be somebody else's by now
        processes.kill_family(child.pid)
        child.wait()


def run(
    command: Sequence[str | Path], identity: Identity, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, `text` on its standard input; the caller looks at the result."""
    return subprocess.run(
        _wrapped(command, identity, signal.SIGKILL),
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        env=_ENVIRONMENT,
        cwd="/",
        check=False,
    )


def _wrapped(
    command: Sequence[str | Path], identity: Identity, death_signal: signal.Signals
) -> list[str]:
    wrapper = [sys.executable, "-I", "-S", str(_WRAPPER)]
    return [*wrapper, identity.name, str(int(death_signal)), str(os.getpid()), *map(str, command)]


def _has_name(user: int) -> bool:
    """initdb refuses a user without a name; containers are often run as one."""
    try:
        return bool(pwd.getpwuid(user).pw_name)
    except KeyError:
        return False


def _mode(path: Path) -> int:
    return path.stat().st_mode
