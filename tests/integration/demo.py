"""A whole demo as its user starts it: one process to start, scripts and HTTP to talk to it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg

from server.cli.context import find_servers
from server.demo.numbers import FIXED, ordinary_number

ROOT = Path(__file__).parents[2]
READY = "kvitok: ready "


def ordinary_accounts(count: int) -> list[str]:
    """Accounts that tests of a shared demo may pay on, of those that the town surely has."""
    return [str(ordinary_number(place)) for place in range(count)]


class Demo:
    """`kvitok demo` on a free port; `directory` keeps its data."""

    def __init__(self, directory: Path, *, accounts: int = 300, workers: int = 1) -> None:
        self.directory = directory
        self._options = ["--port", "0", "--data", str(directory)]
        self._options += ["--accounts", str(accounts), "--workers", str(workers)]
        self.url = ""
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Demo:
        self.start()
        return self

    def __exit__(self, *failure: object) -> None:
        """Whatever a test left running is ended."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def start(self) -> None:
        """Returns when it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        log = (self.directory / "test.log").open("a")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "server",
                "demo",
                "--port",
                "0",
                "--data",
                str(self.directory),
                *self._options,
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=ROOT,
            env=os.environ | {"LANG": "C.UTF-8"},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith(READY), (line, self.log()[-3000:])
        self.url = line.removeprefix(READY).strip()

    def log(self) -> str:
        """What it wrote to stderr."""
        return (self.directory / "test.log").read_text()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)

    def kill(self) -> None:
        """SIGKILL of the supervisor, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def get(self, path: str, **query: str) -> tuple[int, str]:
        """Status and text; never raises for an HTTP status."""
        query_string = "?" + urllib.parse.urlencode(query) if query else ""
        request = urllib.request.Request(self.url + path + query_string)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def run(self, *words: str) -> tuple[int, str]:
        """A command of the console script on this demo: exit code and stdout."""
        done = subprocess.run(
            [sys.executable, "-m", "server", *words, "--data", str(self.directory)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout

    def json(self, *words: str) -> Any:
        """The same with --json, parsed."""
        code, out = self.run(*words, "--json")
        assert out, (words, code)
        return json.loads(out)

    def debt(self, account: str) -> int:
        """Kopecks, as PostgreSQL has it."""
        shown: int = self.json("account", "show", account)["debt_kopecks"]
        return shown

    def paid_on_fixed(self) -> set[tuple[str, str, str]]:
        """Account, agent and number of the payments on the accounts that scripts rely on."""
        return asyncio.run(_paid_on(find_servers(self.directory).dsn, FIXED))


async def _paid_on(dsn: str, accounts: Sequence[str]) -> set[tuple[str, str, str]]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "select account, agent, agent_payment_id from ledger.payment where account = any($1)",
            accounts,
        )
        return {tuple(row) for row in rows}
    finally:
        await connection.close()


def until(seconds: float, condition: Any) -> None:
    """Wait for something that happens by itself."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)
