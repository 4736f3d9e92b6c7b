"""Everything that takes part in a run, as processes: PostgreSQL, Valkey, servers, networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import redis

from server.embedded import EmbeddedValkey
from tests.faults.background import Background
from tests.faults.database import Database
from tests.faults.host import Host
from tests.faults.shim import made
from tests.faults.town import Town

# The embedded server would remove a dump of the usual name when it starts.
_VALKEY = {"dbfilename": "kept.rdb"}
_LOG_LINES = 40


class Stage:
    """Started as a context; survives any number of runs as long as each ends well."""

    def __init__(
        self,
        background: Background,
        directory: Path,
        town: Town,
        *,
        hosts: int = 1,
        failover: bool = False,
        environment: Mapping[str, str] = {},
        settings: Mapping[str, str] = {},
        is_shimmed: bool = False,
    ) -> None:
        self.background = background
        self.directory = directory
        self.shim = made(directory / "shim") if is_shimmed else None
        """Moves clocks and slows the disk; None where that is not wanted, or not possible."""
        binaries = None
        if self.shim is not None:
            binaries = self.shim.binaries
            environment = {**environment, **self.shim.environment}
            settings = {**settings, "fsync": "on"}  # else there is nothing to be slowed
        self.failover = failover
        self._hosts_count = hosts
        self._environment = environment
        self.database = Database(directory, town, settings, binaries)
        self.valkey = EmbeddedValkey(directory / "valkey", settings=_VALKEY)
        self.valkey_is_down = False
        self.hosts: list[Host] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        for host in self.hosts:
            host.close()
        self.valkey.kill()
        self.database.stop()

    def _start(self) -> None:
        self.database.start()
        if self.failover:
            self.database.replicate()
        self.valkey.start()
        for number in range(self._hosts_count):
            log = self.directory / f"host-{number}.log"
            host = Host(self.background, log, self.database.dsn, self.valkey.url, self._environment)
            self.hosts.append(host)
            host.start()

    def redis(self) -> redis.Redis:
        """Straight to Valkey, past every bad network; it may be stopped, so wait for little."""
        return redis.Redis.from_url(self.valkey.url, socket_timeout=0.5, socket_connect_timeout=0.5)

    def log(self) -> str:
        """The last that the servers complained of."""
        found = []
        for number, host in enumerate(self.hosts):
            lines = [line for line in host.log().splitlines() if '"level": "info"' not in line]
            found += [f"host {number}:", *(line[:600] for line in lines[-_LOG_LINES:])]
        return "\n".join(found)
