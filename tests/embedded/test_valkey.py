"""Valkey of our own: its life, its doors, and that it keeps nothing."""

import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from server.embedded import EmbeddedError, EmbeddedValkey, binaries, processes
from server.embedded.ports import choose_port
from tests.embedded.listening import addresses
from tests.servers import short_directory

FOUND = list(binaries.valkey_programs())


@pytest.fixture
def directory() -> Iterator[Path]:
    with short_directory() as path:
        yield path


def client(url: str) -> "redis.Redis":
    return redis.Redis.from_url(url, decode_responses=True)


@pytest.mark.parametrize("found", FOUND, ids=str)
def test_every_valkey_found_starts_empty_on_the_port_it_had(directory: Path, found: Path) -> None:
    server = EmbeddedValkey(directory / "valkey", binary=found)
    server.start()
    url = server.url
    with client(url) as connection:
        connection.set("a", "1")
    server.stop()
    assert server.pid is None
    server.start()
    try:
        assert server.url == url
        with client(url) as connection:
            assert connection.dbsize() == 0
    finally:
        server.stop()
    assert not list(directory.rglob("*.rdb"))
    assert not list(directory.rglob("*.aof"))


def test_it_never_evicts_and_never_saves(own_valkey: EmbeddedValkey) -> None:
    with client(own_valkey.url) as connection:
        shown = {
            name: connection.config_get(name)[name]
            for name in ("maxmemory-policy", "save", "appendonly")
        }
    assert shown == {"maxmemory-policy": "noeviction", "save": "", "appendonly": "no"}


def test_settings_of_the_caller_are_taken(directory: Path) -> None:
    server = EmbeddedValkey(directory / "valkey", settings={"maxmemory": "64mb"})
    server.start()
    try:
        with client(server.url) as connection:
            assert connection.config_get("maxmemory")["maxmemory"] == str(64 << 20)
    finally:
        server.stop()


def test_it_asks_for_a_password_and_listens_on_loopback_only(own_valkey: EmbeddedValkey) -> None:
    assert own_valkey.unix_url is not None
    for url in (own_valkey.url, own_valkey.unix_url):
        with client(url) as connection:
            assert connection.ping()
        password = url.split(":")[2].split("@")[0]
        for wrong in (url.replace(password, "wrong"), url.replace(f":{password}@", "")):
            with client(wrong) as connection, pytest.raises(redis.AuthenticationError):
                connection.ping()
    assert own_valkey.pid is not None
    assert {host for host, _ in addresses(own_valkey.pid)} == {"127.0.0.1"}
    home = own_valkey.log_path.parent
    files = [path for path in home.iterdir() if path.is_file()]
    assert {"password", "valkey.conf"} <= {path.name for path in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    command = Path(f"/proc/{own_valkey.pid}/cmdline").read_bytes()
    assert password.encode() not in command


def test_an_orphan_is_ended(own_valkey: EmbeddedValkey) -> None:
    own_valkey.stop()
    configuration = own_valkey.log_path.with_name("valkey.conf")
    left = subprocess.Popen(
        [str(FOUND[0]), str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not own_valkey.pid:
        assert left.poll() is None
    own_valkey.start()
    assert left.wait(1) == -signal.SIGKILL
    with client(own_valkey.url) as connection:
        assert connection.ping()


def test_one_that_does_not_react_is_stopped_all_the_same(
    own_valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.embedded.valkey._STOP_SECONDS", 0.2)
    processes.send([own_valkey.pid or 0], signal.SIGSTOP)
    own_valkey.stop()
    assert own_valkey.pid is None


def test_a_directory_is_started_once(own_valkey: EmbeddedValkey) -> None:
    second = EmbeddedValkey(own_valkey.log_path.parent)
    with pytest.raises(EmbeddedError, match=r"is in use by process \d+: stop it first"):
        second.start()
    assert second.url == own_valkey.url
    assert second.pid == own_valkey.pid


def test_a_port_lost_after_the_probe_is_changed(
    directory: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = int(valkey_url.rpartition(":")[2].partition("/")[0])
    offers = iter([taken, 0])

    monkeypatch.setattr(
        "server.embedded.valkey.choose_port", lambda wish: next(offers) or choose_port(wish)
    )
    server = EmbeddedValkey(directory / "valkey")
    server.start()
    try:
        assert server.url.rpartition(":")[2] != f"{taken}/0"
        with client(server.url) as connection:
            assert connection.dbsize() == 0
    finally:
        server.stop()


def test_a_path_too_long_for_sockets_works(directory: Path) -> None:
    server = EmbeddedValkey(directory / ('дом с пробелом и "кавычкой" ' * 3))
    server.start()
    try:
        assert server.unix_url is None
        with client(server.url) as connection:
            assert connection.ping()
    finally:
        server.stop()


def test_a_setting_that_valkey_refuses_is_named(directory: Path) -> None:
    server = EmbeddedValkey(directory / "valkey", settings={"maxmemory": "plenty"})
    with pytest.raises(EmbeddedError, match="maxmemory"):
        server.start()
    assert server.pid is None
