"""One server as operators run it: `kvitok serve` with two workers, behind bad networks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from server.embedded import processes
from server.embedded.ports import choose_port
from tests.faults.background import Background
from tests.faults.proxy import Place, Proxy
from tests.faults.town import INSTALLATION_KEY

ROOT = Path(__file__).parents[2]
WORKERS = 2
_READY = "kvitok: ready "
_START_TRIES = 40


class Host:
    """The processes of one `serve`, and the three networks around them."""

    def __init__(
        self,
        background: Background,
        log: Path,
        dsn: str,
        redis_url: str,
        environment: Mapping[str, str] = {},
    ) -> None:
        self._log = log
        self._background = background
        self._port = choose_port()
        self.to_postgres = Proxy(place_of(dsn), 1)
        self.to_redis = Proxy(place_of(redis_url), 2)
        self.front = Proxy(("127.0.0.1", self._port), 3)
        for proxy in self.proxies:
            background.run(proxy.start())
        self._environment = {
            **os.environ,
            "LANG": "C.UTF-8",
            "KVITOK_DSN": _through(dsn, self.to_postgres),
            "KVITOK_REDIS_URL": _through(redis_url, self.to_redis),
            "KVITOK_INSTALLATION_KEY": INSTALLATION_KEY,
            **environment,
        }
        self.process: subprocess.Popen[str] | None = None
        self._starting: threading.Thread | None = None
        self._orphans: list[int] = []
        self.ready_at: list[float] = []
        """When it began to answer, each time (monotonic seconds)."""

    @property
    def proxies(self) -> tuple[Proxy, Proxy, Proxy]:
        """All networks of this host."""
        return self.to_postgres, self.to_redis, self.front

    @property
    def place(self) -> Place:
        """Where agents connect to."""
        return "127.0.0.1", self.front.port

    @property
    def behind(self) -> Place:
        """Where the server itself listens."""
        return "127.0.0.1", self._port

    def start(self) -> None:
        """Returns when it answers. While an earlier one still holds the port it is tried again."""
        for _ in range(_START_TRIES):
            # A service manager ends what an earlier server has left before it starts another.
            processes.send([pid for pid in self._orphans if _is_ours(pid)], signal.SIGCONT)
            if self._started():
                return
            time.sleep(0.25)
        raise AssertionError(f"the server does not start: {self.log()[-3000:]}")

    def begin_start(self) -> None:
        """Start without waiting: what it needs may be away as long as we are waited for."""
        if self._starting is None or not self._starting.is_alive():
            self._starting = threading.Thread(target=self.start, daemon=True)
            self._starting.start()

    def await_start(self) -> None:
        """Until it answers, when a start was begun; one that failed is tried once more."""
        if self._starting is not None:
            self._starting.join()
            self._starting = None
        if not self.is_alive():
            self.start()

    def _started(self) -> bool:
        command = [sys.executable, "-m", "server", "serve"]
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self._port), "--workers", str(WORKERS)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                env=self._environment,
            )
        assert self.process.stdout is not None
        if self.process.stdout.readline().startswith(_READY):
            self.ready_at.append(time.monotonic())
            return True
        self.process.wait()
        return False

    def is_alive(self) -> bool:
        """Whether the supervisor runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL of the supervisor; its children follow by themselves, unless they are stopped."""
        assert self.process is not None
        self._orphans = self.pids()[1:]
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        processes.send(self.pids(), signal.SIGCONT)
        self.process.terminate()
        return self.process.wait(timeout=20)

    def close(self) -> None:
        """End everything."""
        if self.is_alive():
            processes.send(self.pids(), signal.SIGCONT)
            self.kill()
        for proxy in self.proxies:
            self._background.run(proxy.stop())

    def pids(self, name: str = "") -> list[int]:
        """The supervisor and its children, or the children of that name, by age."""
        if not self.is_alive():
            return []
        assert self.process is not None
        children = processes.descendants(self.process.pid)
        if not name:
            return [self.process.pid, *children]
        return [pid for pid in children if _name_of(pid).startswith(f"kvitok-{name}")]

    def log(self) -> str:
        """What it said."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def place_of(url: str) -> Place:
    """Where a server listens."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _through(url: str, proxy: Proxy) -> str:
    parts = urlsplit(url)
    secret = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{secret}@127.0.0.1:{proxy.port}").geturl()


def _name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _is_ours(pid: int) -> bool:
    return _name_of(pid).startswith("kvitok-")
