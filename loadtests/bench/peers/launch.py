"""Starts the peers that this machine has, pinned like our servers, and names those it lacks."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import redis

from loadtests.bench import shapes
from loadtests.bench.load import Target
from loadtests.bench.machine import Cores, said_by, started_on
from loadtests.bench.names import (
    AIOHTTP,
    NGINX_DICT,
    NGINX_STATIC,
    NGINX_TCP,
    NGINX_UNIX,
    PHP,
)
from server.embedded import EmbeddedValkey

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[2]
_MODULES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules")
_LUA_REDIS = Path("/usr/share/lua/5.1/nginx/redis.lua")
_START_SECONDS = 60.0
_SHARED_MEGABYTES = 2048


@dataclass(frozen=True, slots=True)
class Programs:
    """What is installed; an empty path = not."""

    nginx: str
    modules: str
    php: str

    @classmethod
    def here(cls) -> Programs:
        """Debian puts servers into sbin, which an ordinary user's PATH may lack."""
        path = os.environ.get("PATH", "") + ":/usr/sbin"
        found = [which for name in _PHP_NAMES if (which := shutil.which(name, path=path))]
        modules = [m for m in _MODULES if (Path(m) / "ngx_http_lua_module.so").exists()]
        return cls(
            nginx=shutil.which("nginx", path=path) or "",
            modules=modules[0] if modules and _LUA_REDIS.exists() else "",
            php=found[0] if found and _has_phpredis(found[0]) else "",
        )

    def missing(self) -> dict[str, str]:
        """Peers that are left out, and what would bring them."""
        nginx = {} if self.nginx and self.modules else dict.fromkeys(_NGINX_PEERS, _NGINX_PACKAGES)
        php = {} if self.php and not nginx else {PHP: "php8.2-fpm php8.2-redis php8.2-opcache"}
        return nginx | php

    def versions(self) -> dict[str, str]:
        """Of what takes part."""
        found = {"aiohttp": aiohttp.__version__, "redis-py": redis.__version__}
        if self.nginx:
            found["nginx"] = said_by([self.nginx, "-v"], r"nginx/(\S+)")
            package = ["dpkg-query", "-W", "-f", "${Version}"]
            found["lua-nginx-module"] = said_by([*package, "libnginx-mod-http-lua"], r"(\S+)")
            found["lua-nginx-redis"] = said_by([*package, "lua-nginx-redis"], r"(\S+)")
        if self.php:
            found["PHP"] = said_by([self.php, "-v"], r"PHP (\S+)")
            found["phpredis"] = said_by([self.php, "-i"], r"Redis Version => (\S+)")
        return found


_PHP_NAMES = ("php-fpm8.4", "php-fpm8.3", "php-fpm8.2", "php-fpm8.1", "php-fpm")
_NGINX_PEERS = (NGINX_STATIC, NGINX_TCP, NGINX_UNIX, NGINX_DICT)
_NGINX_PACKAGES = "nginx libnginx-mod-http-lua lua-nginx-redis"


def _has_phpredis(program: str) -> bool:
    return said_by([program, "-m"], r"(?m)^(redis)$") != ""


class Peers(AbstractContextManager["Peers"]):
    """All of them at once; `file_body` is what the file of nginx holds."""

    def __init__(
        self, valkey: EmbeddedValkey, directory: Path, cores: Cores, file_body: bytes
    ) -> None:
        self._valkey = valkey
        self._directory = directory / "peers"
        self._cores = cores
        self._file_body = file_body
        self._programs = Programs.here()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.missing = self._programs.missing()
        self.versions = self._programs.versions()
        self.targets: dict[str, Target] = {}

    def __enter__(self) -> Peers:
        shutil.rmtree(self._directory, ignore_errors=True)
        (self._directory / "static").mkdir(parents=True)
        self._directory.chmod(0o755)
        (self._directory / "static" / "answer.xml").write_bytes(self._file_body)
        try:
            self._start_aiohttp()
            if PHP not in self.missing:
                self._start_php()
            if NGINX_STATIC not in self.missing:
                self._start_nginx()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            process.wait(timeout=10)

    def _start_aiohttp(self) -> None:
        port = free_port()
        command = [sys.executable, "-m", "loadtests.bench.peers.plain_aiohttp", str(port)]
        pid = self._start(AIOHTTP, [*command, self._valkey.url])
        self._await(AIOHTTP, port)
        self._add(AIOHTTP, port, shapes.check("/check"), [pid])

    def _start_php(self) -> None:
        place = urlsplit(self._valkey.url)
        configuration = self._written("php-fpm.conf", {"USER": _user("user = www-data")})
        command = [self._programs.php, "-F", "-O", "-y", str(configuration)]
        environment = {
            "STORE_HOST": place.hostname or "",
            "STORE_PORT": str(place.port),
            "STORE_PASSWORD": place.password or "",
        }
        self._start(PHP, command, environment)
        self._until(PHP, (self._directory / "php.sock").exists)

    def _start_nginx(self) -> None:
        port = free_port()
        place = urlsplit(self._valkey.url)
        socket_path = (self._valkey.unix_url or "").rsplit("@", 1)[-1].partition("?")[0]
        values = {
            "PORT": str(port),
            "USER": _user("user root;"),
            "MODULES": self._programs.modules,
            "SHARED": str(_SHARED_MEGABYTES),
            "STORE_PORT": str(place.port),
            "STORE_SOCKET": socket_path,
            "STORE_PASSWORD": place.password or "",
        }
        configuration = self._written("nginx.conf", values)
        command = [self._programs.nginx, "-p", str(self._directory), "-c", str(configuration)]
        pid = self._start(NGINX_TCP, command)
        self._await(NGINX_TCP, port)
        self._add(NGINX_STATIC, port, shapes.plain("/answer.xml"), [pid])
        self._add(NGINX_TCP, port, shapes.check("/redis-tcp"), [pid])
        self._add(NGINX_UNIX, port, shapes.check("/redis-unix"), [pid])
        self._add(NGINX_DICT, port, shapes.check("/shared-dict"), [pid])
        if PHP in self._processes:
            self._add(PHP, port, shapes.check("/php"), [pid, self._processes[PHP].pid])

    def _add(self, name: str, port: int, template: bytes, pids: Sequence[int]) -> None:
        assert self._valkey.pid is not None
        self.targets[name] = Target(port, template, pids, [self._valkey.pid])

    def _start(self, name: str, command: Sequence[str], environment: Mapping[str, str] = {}) -> int:
        with (self._directory / "output.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=_ROOT,
                env=os.environ | environment,
                preexec_fn=started_on(self._cores.server),
            )
        self._processes[name] = process
        return process.pid

    def _await(self, name: str, port: int) -> None:
        self._until(name, lambda: listens(port))

    def _until(self, name: str, condition: Callable[[], bool]) -> None:
        log = self._directory / "output.log"
        until(condition, self._processes[name], lambda: log.read_text(errors="replace"))

    def _written(self, name: str, values: Mapping[str, str]) -> Path:
        text = (_HERE / name).read_text(encoding="utf-8")
        known = {"DIRECTORY": str(self._directory), "PEERS": str(_HERE), **values}
        for word, value in known.items():
            text = text.replace(f"@{word}@", value)
        path = self._directory / name
        path.write_text(text, encoding="utf-8")
        return path


def _user(line: str) -> str:
    """Servers that are started by root want to be told whose rights to take."""
    return line if os.geteuid() == 0 else ""


def until(
    condition: Callable[[], bool], process: subprocess.Popen[bytes], said: Callable[[], str]
) -> None:
    """Wait until a server that was started is ready. Raises RuntimeError."""
    deadline = time.monotonic() + _START_SECONDS
    while not condition():
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError(f"{process.args!r} did not start: {said()[-2000:]}")
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """One that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
