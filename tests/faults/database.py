"""The PostgreSQL of a stage: one server, or a primary with a synchronous standby."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from server.embedded import EmbeddedPostgres, processes
from server.embedded.binaries import find_postgres
from server.embedded.launch import identity_of, run
from tests.faults.proxy import Place
from tests.faults.town import Town
from tests.servers import FAST_SETTINGS, run_now

SETTINGS = {
    **FAST_SETTINGS,
    # A backend killed by hand restarts the whole server; the rest must not wait long for it.
    "restart_after_crash": "on",
    "wal_keep_size": "64MB",
}
_READY_SECONDS, _RESTARTS = 5.0, 5
_STANDBY, _STANDBY_SECONDS = "standby", 30.0
_IS_WAITED_FOR = (
    "select exists (select from pg_stat_replication"
    f" where application_name = '{_STANDBY}' and sync_state = 'sync')"
)


class Database:
    """`server` is the one that takes writes now."""

    def __init__(
        self,
        directory: Path,
        town: Town,
        settings: Mapping[str, str] = {},
        binaries: Path | None = None,
    ) -> None:
        self._directory = directory
        self._settings = {**SETTINGS, **settings}
        self._binaries = binaries
        self._count = 1
        town.copy(directory / "pg-1")
        self.server = self._made(directory / "pg-1")
        self.standby: EmbeddedPostgres | None = None

    def _made(self, directory: Path) -> EmbeddedPostgres:
        return EmbeddedPostgres(directory, settings=self._settings, binaries=self._binaries)

    def start(self) -> None:
        """Returns when it takes connections."""
        self.server.start()

    def start_if_down(self) -> None:
        """After a crash, or when it gave up by itself, as a service manager would."""
        if self.server.pid is None:
            self.server.kill()
            self.start()
        self.start_standby_if_down()

    def await_ready(self) -> None:
        """Until it takes connections; one that is about to give up is started when it has."""
        for _ in range(_RESTARTS):
            self.start_if_down()
            if self._is_ready_soon():
                return
            # One whose disk failed in its recovery may stay like that; then somebody restarts it.
            self.crash()
        raise AssertionError("PostgreSQL does not come back")

    def _is_ready_soon(self) -> bool:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            try:
                run_now(_execute(self.dsn))
            except (OSError, TimeoutError, asyncpg.PostgresError):
                time.sleep(0.05)
            else:
                return True
            self.start_if_down()
        return False

    def start_standby_if_down(self) -> None:
        """Likewise, where there is one."""
        if self.standby is not None and self.standby.pid is None:
            self.standby.kill()
            self.standby.start()

    def stop(self) -> None:
        """Everything ends, what was stopped by a signal too."""
        for server in (self.standby, self.server):
            if server is not None:
                server.kill()

    @property
    def dsn(self) -> str:
        """Straight to the server, past every bad network."""
        return self.server.dsn

    def pids(self) -> list[int]:
        """The postmaster, then its children."""
        pid = self.server.pid
        return [pid, *processes.descendants(pid)] if pid else []

    def backends(self) -> list[int]:
        """Children that serve connections."""
        return self.pids_of("postgres: kvitok kvitok kvitok")

    def pids_of(self, title: str) -> list[int]:
        """Children that say this of themselves."""
        return [pid for pid in self.pids()[1:] if title in _title(pid)]

    def crash(self) -> None:
        """SIGKILL everything, as a power cut whose disk kept what was written."""
        self.server.kill()

    def go_on(self) -> None:
        """SIGCONT of everything."""
        processes.send([*self.pids(), *self.standby_pids()], signal.SIGCONT)

    # A standby

    def replicate(self) -> None:
        """Make a standby, and let no commit be told before the standby has it."""
        assert self.standby is None
        self._count += 1
        directory = self._directory / f"pg-{self._count}"
        directory.mkdir(mode=0o700)
        primary = self.server.log_path.parent
        shutil.copy2(primary / "password", directory / "password")
        done = run(
            [
                find_postgres()["pg_basebackup"],
                *("-d", f"{self.server.dsn}?application_name={_STANDBY}"),
                *("-D", directory / "data"),
                *("--checkpoint=fast", "--no-sync", "--write-recovery-conf"),
            ],
            identity_of(directory),
        )
        assert done.returncode == 0, done.stderr
        self.standby = self._made(directory)
        self.standby.start()
        # By name: the sync of a server reads the log too, and `*` would take it for a standby.
        self._set_standbys(_STANDBY)
        deadline = time.monotonic() + _STANDBY_SECONDS
        while not run_now(_fetch(self.dsn, _IS_WAITED_FOR)):
            assert time.monotonic() < deadline, "nobody waits for the standby"
            time.sleep(0.05)
        # It is the checkpointer that tells everybody to wait, when it has read the setting.
        run_now(_execute(self.dsn, "checkpoint"))

    def standby_pids(self) -> list[int]:
        """The standby's postmaster and its children."""
        pid = self.standby.pid if self.standby else None
        return [pid, *processes.descendants(pid)] if pid else []

    def fail_over(self) -> Place:
        """The primary is gone for good; the standby, which has none of its own, takes its place.

        Returns where that listens.
        """
        assert self.standby is not None
        self.start_standby_if_down()
        self.server.kill()
        old = self.server.log_path.parent
        self.server, self.standby = self.standby, None
        self._set_standbys("")
        run_now(_execute(self.dsn, "select pg_promote(true, 30)"))
        shutil.rmtree(old, ignore_errors=True)
        parts = urlsplit(self.dsn)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def _set_standbys(self, names: str) -> None:
        setting = f"alter system set synchronous_standby_names = '{names}'"
        run_now(_execute(self.dsn, setting, "select pg_reload_conf()"))


async def _execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _fetch(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
