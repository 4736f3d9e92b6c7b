"""The PostgreSQL and the Valkey that tests share, and databases made from one template."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg

from server.embedded import EmbeddedPostgres, processes

# Tests die by kill -9 only, never by a power cut.
FAST_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
    "shared_buffers": "128MB",
    # A killed server leaves nothing in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
}
_TEMPLATE = "kvitok_template"
_PREFIX = "kvitok-test-"
_MEMORY_FREE_MIN = 4 << 30
Result = TypeVar("Result")


@contextmanager
def short_directory() -> Iterator[Path]:
    """A temporary directory with a path short enough for unix sockets, removed afterwards."""
    place = _roomy_memory()
    _sweep(place)
    path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def run_now(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end, also from a fixture or test that is not async, with a loop or without."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


class TestDatabases:
    """Databases in a shared server: the schema is made once, then copied for each test."""

    __test__ = False

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._admin = server.dsn
        self._count = 0

    def make(self) -> str:
        """DSN of a new database that holds the migrated schema and nothing else."""
        if self._count == 0:
            run_now(self._make_template())
        self._count += 1
        name = f"test_{self._count}"
        run_now(self._create(name))
        return self._dsn(name)

    def drop(self, dsn: str) -> None:
        """Remove it, whoever still uses it."""
        run_now(self._drop(urlsplit(dsn).path[1:]))

    def _dsn(self, name: str) -> str:
        return urlsplit(self._admin)._replace(path=f"/{name}").geturl()

    async def _make_template(self) -> None:
        from server.storage.migrate import migrate

        admin = await asyncpg.connect(self._admin)
        await admin.execute(f"create database {_TEMPLATE}")
        await admin.close()
        await migrate(self._dsn(_TEMPLATE))

    async def _create(self, name: str) -> None:
        admin = await asyncpg.connect(self._admin)
        await admin.execute(f"create database {name} template {_TEMPLATE}")
        await admin.close()

    async def _drop(self, name: str) -> None:
        admin = await asyncpg.connect(self._admin)
        await _drop_slots(admin, name)
        await admin.execute(f"drop database if exists {name} with (force)")
        await admin.close()


async def _drop_slots(admin: asyncpg.Connection[asyncpg.Record], database: str) -> None:
    """A replication slot keeps a database from being dropped, even by force."""
    slots = "from pg_replication_slots where database = $1"
    for _ in range(100):
        await admin.execute(f"select pg_terminate_backend(active_pid) {slots} and active", database)
        await admin.execute(
            f"select pg_drop_replication_slot(slot_name) {slots} and not active", database
        )
        if not await admin.fetchval(f"select exists (select {slots})", database):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"the replication slots of {database} stay in use")


def _roomy_memory() -> Path:
    """A file system in memory, on which a database is made in a tenth of the time, if large."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK):
        room = os.statvfs(memory)
        if room.f_bavail * room.f_frsize >= _MEMORY_FREE_MIN:
            return memory
    return Path(tempfile.gettempdir())


def _sweep(place: Path) -> None:
    """Remove what test runs that were killed have left."""
    for path in place.glob(f"{_PREFIX}*"):
        owner = path.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not processes.is_alive(int(owner)):
            shutil.rmtree(path, ignore_errors=True)
