"""Which process of ours holds the other end of a connection: Linux tells in /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from loadtests.bench import shapes
from loadtests.bench.connection import Connection, is_ok
from server.embedded import processes

_TRIES = 200


def owner_of(port: int, peer_port: int, pids: Iterable[int]) -> int | None:
    """Which of the processes has the socket bound to `port` and connected to `peer_port`."""
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        local, remote = (int(fields[at].rpartition(":")[2], 16) for at in (1, 2))
        if (local, remote) == (port, peer_port):
            return next((pid for pid in pids if _holds(pid, f"socket:[{fields[9]}]")), None)
    return None


def _holds(pid: int, wanted: str) -> bool:
    try:
        return any(os.readlink(entry) == wanted for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # it has ended, or closed the file meanwhile
        return False


def one_to_each_worker(port: int, supervisor: int, workers: int, account: str) -> list[Connection]:
    """A connection to every worker: the kernel hands them out, so it is asked until it did."""
    found: dict[int, Connection] = {}
    spare: list[Connection] = []
    request = shapes.filled(shapes.check("/pay/osmp"), 1, account)
    for _ in range(_TRIES):
        connection = Connection("127.0.0.1", port)
        if not is_ok(asked(connection, request)):  # it has been accepted when it is answered
            raise RuntimeError("a worker does not answer checks")
        own_port = connection.socket.getsockname()[1]
        worker = owner_of(port, own_port, processes.descendants(supervisor))
        if worker is None or worker in found:
            spare.append(connection)
        else:
            found[worker] = connection
        if len(found) == workers:
            break
    for connection in spare:
        connection.close()
    if len(found) < workers:
        raise RuntimeError(f"{_TRIES} connections went to {len(found)} of {workers} workers")
    return list(found.values())


def asked(connection: Connection, request: bytes) -> bytes:
    """Send and wait for the whole answer. Raises OSError, Closed."""
    connection.socket.setblocking(True)
    connection.socket.settimeout(20)
    connection.send(request)
    while (answer := connection.receive()) is None:
        pass
    return answer
