"""Chooses loopback ports."""

from __future__ import annotations

import random
import socket

# Below the range from which the kernel takes ports of outgoing connections, so that the port of
# a server that was stopped is still free later.
_LOWEST, _HIGHEST = 20_000, 32_000
_TRIES = 200


def is_free(port: int) -> bool:
    """Whether a server could listen on the port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port(preferred: int = 0) -> int:
    """The preferred port when it is free, else another one; it may be taken meanwhile."""
    if preferred and is_free(preferred):
        return preferred
    for _ in range(_TRIES):
        port = random.randrange(_LOWEST, _HIGHEST)
        if is_free(port):
            return port
    raise OSError(f"no free port between {_LOWEST} and {_HIGHEST} on 127.0.0.1")
