"""PostgreSQL of our own: its life, its locks, its doors."""

import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from server.embedded import EmbeddedError, EmbeddedPostgres, binaries, launch, processes
from server.embedded.ports import choose_port
from tests.embedded.listening import addresses
from tests.embedded.parent import query
from tests.servers import FAST_SETTINGS, short_directory

FOUND = list(binaries.postgres_directories())


@pytest.fixture
def directory() -> Iterator[Path]:
    with short_directory() as path:
        yield path


def new(directory: Path, **changes: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(directory, settings=FAST_SETTINGS, **changes)


def orphan(server: EmbeddedPostgres, directory: Path) -> "subprocess.Popen[bytes]":
    """A postmaster on the directory that outlives whoever started it."""
    command = [str(FOUND[0] / "postgres"), "-D", str(directory / "data")]
    identity = launch.identity_of(directory).name
    wrapper = [sys.executable, "-I", "-S", str(launch._WRAPPER), identity, "0", "0"]
    with server.log_path.open("ab") as log:
        return subprocess.Popen([*wrapper, *command], stdout=log, stderr=log)


@pytest.mark.parametrize("found", FOUND, ids=str)
async def test_data_are_kept_by_every_postgresql_found(directory: Path, found: Path) -> None:
    server = new(directory / "pg", binaries=found)
    server.start()
    dsn = server.dsn
    await query(server.dsn, "create table kept as select 'Ёлкин'::text as name")
    server.stop()
    server.start()
    try:
        assert await query(server.dsn, "select name from kept") == "Ёлкин"
        assert server.dsn == dsn
        assert await query(server.dsn, "select lower('ЁЛКИН')") == "ёлкин"
        assert await query(server.dsn, "select 'Ёлкин' < 'Егоров'")  # by code point
    finally:
        server.stop()
    assert processes.living_in(directory / "pg" / "data", ("postgres",)) == []


async def test_it_has_the_settings_that_the_feed_and_the_money_need(
    directory: Path,
) -> None:
    server = EmbeddedPostgres(directory / "pg", settings={"work_mem": "17MB"})
    server.start()
    wanted = {
        "wal_level": "logical",
        "data_checksums": "on",
        "max_replication_slots": "16",
        "max_wal_senders": "16",
        "wal_sender_timeout": "5s",
        "max_slot_wal_keep_size": "4GB",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "autovacuum": "on",
        "max_connections": "200",
        "server_encoding": "UTF8",
        "listen_addresses": "127.0.0.1",
        "work_mem": "17MB",
        "timezone": "UTC",
    }
    try:
        shown = {name: await query(server.dsn, f"show {name}") for name in wanted}
        assert shown == wanted
        assert await query(server.dsn, "select usesuper from pg_user where usename = user")
    finally:
        server.stop()


async def test_it_asks_for_a_password_and_listens_on_loopback_only(
    own_postgres: EmbeddedPostgres,
) -> None:
    home = own_postgres.log_path.parent
    rules = (home / "data" / "pg_hba.conf").read_text(encoding="utf-8")
    methods = {line.split()[-1] for line in rules.splitlines() if line and line[0] != "#"}
    assert methods == {"scram-sha-256"}
    assert "trust" not in rules
    assert own_postgres.unix_dsn is not None
    assert await query(own_postgres.unix_dsn, "select 1") == 1
    for dsn in (own_postgres.dsn, own_postgres.unix_dsn):
        password = dsn.split(":")[2].split("@")[0]
        with pytest.raises(asyncpg.InvalidPasswordError):
            await query(dsn.replace(password, "wrong"), "select 1")
    assert own_postgres.pid is not None
    assert {host for host, _ in addresses(own_postgres.pid)} == {"127.0.0.1"}


def test_nobody_else_may_read_what_it_keeps(own_postgres: EmbeddedPostgres) -> None:
    home = own_postgres.log_path.parent
    files = [path for path in home.iterdir() if path.is_file()]
    assert {"password", "lock", "server.log"} <= {path.name for path in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


async def test_a_killed_server_recovers_what_was_committed(own_postgres: EmbeddedPostgres) -> None:
    await query(own_postgres.dsn, "create table kept as select 42 as answer")
    family = [own_postgres.pid or 0, *processes.descendants(own_postgres.pid or 0)]
    own_postgres.kill()
    assert not any(map(processes.is_alive, family))
    own_postgres.start()
    assert await query(own_postgres.dsn, "select answer from kept") == 42


async def test_an_orphan_is_ended_and_its_data_are_taken_over(
    own_postgres: EmbeddedPostgres,
) -> None:
    await query(own_postgres.dsn, "create table kept as select 42 as answer")
    own_postgres.stop()
    left = orphan(own_postgres, own_postgres.log_path.parent)
    while not (own_postgres.log_path.parent / "data" / "postmaster.pid").exists():
        assert left.poll() is None
    assert own_postgres.pid == left.pid
    own_postgres.start()
    assert left.wait(1) is not None
    assert own_postgres.pid != left.pid
    assert await query(own_postgres.dsn, "select answer from kept") == 42


async def test_an_orphan_that_does_not_react_is_killed(
    own_postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.embedded.postgres._FAST_STOP_SECONDS", 0.2)
    monkeypatch.setattr("server.embedded.postgres._IMMEDIATE_STOP_SECONDS", 0.2)
    own_postgres.stop()
    left = orphan(own_postgres, own_postgres.log_path.parent)
    while not own_postgres.pid:
        assert left.poll() is None
    left.send_signal(signal.SIGSTOP)
    own_postgres.start()
    assert own_postgres.pid is not None  # though its predecessor has not been reaped yet
    assert left.wait(1) == -signal.SIGKILL
    assert await query(own_postgres.dsn, "select 1") == 1


async def test_stopping_does_not_wait_for_sessions(own_postgres: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(own_postgres.dsn)
    await connection.execute("begin; select pg_advisory_lock(1)")
    own_postgres.stop()
    assert own_postgres.pid is None
    connection.terminate()


def test_a_directory_is_started_once(own_postgres: EmbeddedPostgres) -> None:
    second = new(own_postgres.log_path.parent)
    with pytest.raises(EmbeddedError, match=r"is in use by process \d+: stop it first"):
        second.start()
    with pytest.raises(EmbeddedError, match="started already"):
        own_postgres.start()
    second.stop()  # not its own
    assert own_postgres.pid is not None
    assert second.dsn == own_postgres.dsn
    assert second.pid == own_postgres.pid


async def test_a_port_that_was_taken_meanwhile_is_changed(own_postgres: EmbeddedPostgres) -> None:
    before = int(own_postgres.dsn.rpartition(":")[2].partition("/")[0])
    own_postgres.stop()
    with socket.create_server(("127.0.0.1", before)):
        own_postgres.start()
    assert f":{before}/" not in own_postgres.dsn
    assert await query(own_postgres.dsn, "select 1") == 1


async def test_a_port_lost_after_the_probe_is_changed(
    own_postgres: EmbeddedPostgres, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = int(valkey_url.rpartition(":")[2].partition("/")[0])
    offers = iter([taken, 0])
    monkeypatch.setattr(
        "server.embedded.postgres.choose_port", lambda wish: next(offers) or choose_port(wish)
    )
    own_postgres.stop()
    own_postgres.start()
    assert f":{taken}/" not in own_postgres.dsn
    assert await query(own_postgres.dsn, "select 1") == 1


async def test_a_path_too_long_for_sockets_works(directory: Path) -> None:
    server = new(directory / ("дом с пробелом и 'кавычкой' " * 3))
    server.start()
    try:
        assert len(str(server.log_path).encode()) > 107
        assert server.unix_dsn is None
        assert await query(server.dsn, "select 1") == 1
    finally:
        server.stop()


def test_an_interrupted_first_start_is_begun_anew(directory: Path) -> None:
    unfinished = directory / "pg" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n", encoding="ascii")
    server = new(directory / "pg")
    server.start()
    server.stop()
    assert not unfinished.exists()


def test_data_of_another_version_are_refused(directory: Path) -> None:
    (directory / "pg" / "data").mkdir(parents=True)
    (directory / "pg" / "data" / "PG_VERSION").write_text("9\n", encoding="ascii")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 9, which was not found"):
        new(directory / "pg").start()


def test_a_setting_that_postgresql_refuses_is_named(directory: Path, made_cluster: Path) -> None:
    shutil.copytree(made_cluster, directory / "pg")
    server = EmbeddedPostgres(directory / "pg", settings={"work_mem": "plenty"})
    with pytest.raises(EmbeddedError, match="work_mem"):
        server.start()
    assert server.pid is None


def test_only_the_main_thread_may_start(directory: Path) -> None:
    caught: list[BaseException] = []

    def start() -> None:
        try:
            new(directory / "pg").start()
        except EmbeddedError as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])
    assert not list(directory.iterdir())
