"""A tiny server under the real supervisor, run as a script by the tests: port and name on stdout.

Answers every connection with its process id; the connection "die" ends that worker, and "hang"
makes all that start later hang before they are ready.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import signal
import socket
import sys
import time
from functools import partial

from server.supervisor import Body, Ready, Supervisor, listen


def worker(listener: socket.socket, hanging: mmap.mmap, ready: Ready) -> None:
    while hanging[0]:
        time.sleep(0.1)
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    ready()
    while not stopping:
        with contextlib.suppress(InterruptedError):
            if not select.select([listener], [], [], 0.05)[0]:
                continue
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        connection.settimeout(5)
        said = connection.recv(100)
        if said == b"die":
            os._exit(3)
        if said == b"hang":
            hanging[0] = 1
        connection.sendall(str(os.getpid()).encode())
        connection.close()


def main() -> None:
    listener = listen("127.0.0.1", 0)
    hanging = mmap.mmap(-1, 1)
    bodies: dict[str, Body] = {f"worker-{n}": partial(worker, listener, hanging) for n in range(2)}
    supervisor = Supervisor(
        bodies,
        on_ready=lambda: print("ready", listener.getsockname()[1], flush=True),
        drain_timeout_seconds=2,
    )
    sys.exit(supervisor.run())


if __name__ == "__main__":
    main()
