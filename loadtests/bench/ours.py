"""Our stores and servers as processes: PostgreSQL, Valkey, `kvitok serve`."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import redis

from loadtests.bench.filling import fill_postgres
from loadtests.bench.machine import Cores, moved_to, started_on
from server.embedded import EmbeddedPostgres, EmbeddedValkey

_ROOT = Path(__file__).parents[2]
_READY = "kvitok: ready "
_COMPLETE_SECONDS = 240.0
_POLL_SECONDS = 0.1
_SETTINGS_POSTGRES = {"shared_buffers": "512MB", "max_wal_size": "8GB"}
_SETTINGS_VALKEY = {"maxclients": "2000"}
INSTALLATION_KEY = base64.b64encode(bytes(range(32))).decode()


class Store(AbstractContextManager["Store"]):
    """A PostgreSQL with `accounts` of them and a Valkey, both on the load's core.

    The PostgreSQL stays in its directory and is filled once.
    """

    def __init__(self, directory: Path, accounts: int, cores: Cores) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._mark = directory / f"filled-{accounts}"
        self._accounts = accounts
        self._cores = cores
        self.postgres = EmbeddedPostgres(directory / "postgres", settings=_SETTINGS_POSTGRES)
        self.valkey = EmbeddedValkey(directory / "valkey", settings=_SETTINGS_VALKEY)

    def __enter__(self) -> Store:
        self.postgres.start()
        try:
            self.valkey.start()
            if not self._mark.exists():
                asyncio.run(fill_postgres(self.postgres.dsn, self._accounts, INSTALLATION_KEY))
                self._mark.touch()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        self.valkey.stop()
        self.postgres.stop()

    def pin(self) -> None:
        """Keep them off the server's core; filling may use both."""
        moved_to(self._cores.load, self.valkey_pid)
        moved_to(self._cores.load, self.postgres_pid)

    @property
    def postgres_pid(self) -> int:
        assert self.postgres.pid is not None
        return self.postgres.pid

    @property
    def valkey_pid(self) -> int:
        assert self.valkey.pid is not None
        return self.valkey.pid

    @property
    def where(self) -> tuple[str, str]:
        """DSN and Redis URL, as a server wants to know them."""
        return self.postgres.dsn, self.valkey.url

    def bytes_per_account(self, accounts: int) -> float:
        """Valkey's memory, all in."""
        with redis.Redis.from_url(self.valkey.url) as client:
            return int(client.info("memory")["used_memory"]) / accounts


class OurServer(AbstractContextManager["OurServer"]):
    """`kvitok serve`, pinned; `where` is a store's DSN and Redis URL.

    Its log, access log included, goes to a file.
    """

    def __init__(
        self,
        where: tuple[str, str],
        directory: Path,
        name: str,
        cores: Cores,
        settings: Mapping[str, str] = {},
        *,
        workers: int = 1,
    ) -> None:
        self._workers = str(workers)
        self._dsn, self._redis_url = where
        self._log = directory / f"{name}.log"
        self._cores = cores
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def __enter__(self) -> OurServer:
        environment = os.environ | {
            "LANG": "C.UTF-8",
            "KVITOK_DSN": self._dsn,
            "KVITOK_REDIS_URL": self._redis_url,
            "KVITOK_INSTALLATION_KEY": INSTALLATION_KEY,
            **self._settings,
        }
        # Before the first worker is forked: a socket's memory belongs to the core that made it.
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "server",
                    "serve",
                    "--port",
                    "0",
                    "--workers",
                    self._workers,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=_ROOT,
                env=environment,
                preexec_fn=started_on(self._cores.server),
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith(_READY):
            self.__exit__()
            raise RuntimeError(f"{line}{self._log.read_text()[-3000:]}")
        self.port = int(line.rsplit(":", 1)[1])
        return self

    def __exit__(self, *failure: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=20)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def wait_until_complete(self) -> float:
        """Until Valkey holds every account; how many seconds that took."""
        started = time.monotonic()
        while not self._is_complete():
            if time.monotonic() - started > _COMPLETE_SECONDS:
                raise RuntimeError(f"Valkey is not filled: {self._log.read_text()[-3000:]}")
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - started

    def _is_complete(self) -> bool:
        with redis.Redis.from_url(self._redis_url) as client:
            if not client.exists("a:~complete"):
                return False
        ready = json.loads(self._read("/readyz"))
        return bool(ready["redis"])

    def near_cache(self) -> dict[str, int]:
        """The near cache's counters."""
        lines = self._read("/metrics").splitlines()
        found = (line.split('"') for line in lines if line.startswith("kvitok_near_cache{"))
        return {parts[1]: round(float(parts[2].split()[-1])) for parts in found}

    def metrics(self, prefix: str) -> dict[str, float]:
        """Every line of /metrics that begins so."""
        lines = self._read("/metrics").splitlines()
        found = (line.rsplit(" ", 1) for line in lines if line.startswith(prefix))
        return {name: float(value) for name, value in found}

    def _read(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            text: str = answer.read().decode()
        return text
