"""Run by itself in a new process: takes the wanted identity, then becomes the server program.

    exec_wrapper.py IDENTITY SIGNAL PARENT PROGRAM ARGUMENT...

SIGNAL is what the kernel sends when PARENT dies, 0 for none. It is asked for after the identity
has changed, because a change of user takes the request back; the exec keeps it.
"""

import ctypes
import os
import sys
from pathlib import Path

NOBODY = 65534
USER, NAMESPACE, DROPPED = "user", "namespace", "nobody"

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_FAILED = 97  # told apart from what initdb, PostgreSQL and Valkey exit with


def main(identity: str, death_signal: str, parent: str, *command: str) -> None:
    if identity == NAMESPACE:
        enter_user_namespace()
    elif identity == DROPPED:
        become_nobody()
    if int(death_signal):
        follow_parent_into_death(int(death_signal), int(parent))
    os.umask(0o077)
    os.execv(command[0], command)


def enter_user_namespace() -> None:
    """Be nobody inside a namespace whose nobody is our real user: PostgreSQL refuses root."""
    user, group = os.geteuid(), os.getegid()
    _call("unshare", _CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1", encoding="ascii")


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def follow_parent_into_death(death_signal: int, parent: int) -> None:
    _call("prctl", _PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel knew that we care
        sys.exit(_FAILED)


def _call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        sys.exit(f"exec_wrapper: cannot run {sys.argv[4]} as {sys.argv[1]}: {error}")
