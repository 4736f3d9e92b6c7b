"""What becomes of the servers when the process that started them is killed, forks, or is nobody."""

import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from server.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedValkey, launch, processes
from server.embedded.exec_wrapper import DROPPED, NAMESPACE, NOBODY, USER
from server.embedded.launch import Identity
from tests.embedded.parent import query
from tests.servers import FAST_SETTINGS, short_directory

ROOT = Path(__file__).parents[2]
PARENT = ROOT / "tests" / "embedded" / "parent.py"
NAMELESS = 12345
IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="takes root to become somebody else")


@pytest.fixture
def directory() -> Iterator[Path]:
    with short_directory() as path:
        yield path


def environment(home: Path) -> dict[str, str]:
    paths = f"{ROOT}:{sysconfig.get_path('purelib')}"
    ours = {"HOME": str(home), "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **ours}


def open_parent(directory: Path) -> "tuple[subprocess.Popen[str], dict[str, Any]]":
    command = [sys.executable, str(PARENT), str(directory), "hold"]
    parent = subprocess.Popen(
        command,
        env=environment(directory),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    return parent, json.loads(parent.stdout.readline())


async def test_killing_the_parent_ends_both_and_the_next_start_has_the_data(
    directory: Path,
) -> None:
    parent, started = open_parent(directory)
    await query(started["dsn"], "create table kept as select 42 as answer")
    family = [started["postgres"], *processes.descendants(started["postgres"]), started["valkey"]]
    with parent:
        parent.kill()
    postgres = EmbeddedPostgres(directory / "pg", settings=FAST_SETTINGS)
    postgres.start()  # at once, while the old one may still be shutting down
    valkey = EmbeddedValkey(directory / "valkey")
    valkey.start()
    try:
        assert not any(map(processes.is_alive, family))
        assert await query(postgres.dsn, "select answer from kept") == 42
        with redis.Redis.from_url(valkey.url) as client:
            assert client.ping()
    finally:
        postgres.stop()
        valkey.stop()


def test_nothing_runs_on_after_the_parent_was_killed(directory: Path) -> None:
    parent, started = open_parent(directory)
    family = [started["postgres"], *processes.descendants(started["postgres"]), started["valkey"]]
    assert len(family) > 5
    with parent:
        parent.kill()
    assert processes.wait_gone(family, 5)
    # A fast shutdown, not a crash: the log says so.
    said = (directory / "pg" / "server.log").read_text(encoding="utf-8")
    assert said.rstrip().endswith("database system is shut down")


def test_ctrl_c_reaches_the_parent_only(directory: Path) -> None:
    parent, started = open_parent(directory)
    assert os.getsid(started["postgres"]) == started["postgres"] != os.getsid(parent.pid)
    assert os.getsid(started["valkey"]) == started["valkey"]
    with parent:
        pass  # closes its input, so it stops both
    assert parent.returncode == 0
    assert not any(map(processes.is_alive, (started["postgres"], started["valkey"])))


@pytest.mark.parametrize("identity", [USER, NAMESPACE, DROPPED] if IS_ROOT else [USER])
def test_the_kernel_ends_a_server_whatever_it_runs_as(identity: str) -> None:
    """The wrapper's parent is a shell that is killed; `sleep` stands for the server."""
    wrapper = [sys.executable, "-I", "-S", str(launch._WRAPPER), identity, "9", "$$"]
    line = f"{' '.join(wrapper)} {shutil.which('sleep')} 60 & echo $!; wait"
    with subprocess.Popen(["sh", "-c", line], stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        server = int(shell.stdout.readline())
        while Path(f"/proc/{server}/comm").read_text(encoding="ascii") != "sleep\n":
            assert processes.is_alive(server)
        shell.kill()
    assert processes.wait_gone([server], 2)


def test_a_forked_worker_neither_locks_the_directory_nor_stops_the_server(
    own_postgres: EmbeddedPostgres,
) -> None:
    home, pid = own_postgres.log_path.parent, own_postgres.pid
    answers, answer = os.pipe()
    worker = os.fork()
    if worker == 0:
        own_postgres.stop()
        os.write(answer, b"y" if own_postgres.pid == pid else b"n")
        signal.pause()
    try:
        assert os.read(answers, 1) == b"y"
        own_postgres.stop()
        again = EmbeddedPostgres(home, settings=FAST_SETTINGS)
        again.start()  # though the worker still runs
        again.stop()
    finally:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        os.close(answers)
        os.close(answer)


def python_for_anybody() -> str | None:
    """A Python of our version that other users may run, or nothing."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        reached = [candidate, "-c", f"open({str(PARENT)!r})"]
        try:
            tried = subprocess.run(
                reached, user=NAMELESS, group=NAMELESS, extra_groups=[], check=False
            )
        except OSError:
            continue
        if tried.returncode == 0:
            return candidate
    return None


def run_journey(directory: Path, user: int | None) -> dict[str, Any]:
    """Two starts as that user; where this clone is closed to others, as one in a namespace."""
    python = python_for_anybody() if IS_ROOT else sys.executable
    command = [python or sys.executable, str(PARENT), str(directory), "journey"]
    options: dict[str, Any] = {}
    if python and user is not None:
        os.chown(directory, user, user)
        options = {"user": user, "group": user, "extra_groups": []}
    elif IS_ROOT:
        namespace = Identity(NAMESPACE, 0)
        command = launch._wrapped(command, namespace, signal.SIGKILL)
    result = subprocess.run(
        command, env=environment(directory), capture_output=True, text=True, check=False, **options
    )
    assert result.returncode == 0, result.stderr
    said: dict[str, Any] = json.loads(result.stdout)
    return said


def test_an_ordinary_user_starts_stops_and_starts_again(directory: Path) -> None:
    said = run_journey(directory, pwd.getpwnam("daemon").pw_uid if IS_ROOT else None)
    assert said["answer"] == 42
    assert said["user"] != 0


@needs_root
def test_a_user_without_a_name_starts_stops_and_starts_again(directory: Path) -> None:
    assert run_journey(directory, NAMELESS)["answer"] == 42


@needs_root
def test_root_is_told_that_a_directory_belongs_to_a_user(directory: Path) -> None:
    home = directory / "pg"
    home.mkdir()
    os.chown(home, NAMELESS, NAMELESS)
    with pytest.raises(
        EmbeddedError, match=f"made by user {NAMELESS} and this is user 0: start as"
    ):
        EmbeddedPostgres(home).start()


@needs_root
def test_a_user_is_told_that_a_directory_belongs_to_root(directory: Path) -> None:
    home = directory / "pg"
    home.mkdir(mode=0o700)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(NAMELESS)
        os.setuid(NAMELESS)
        try:
            EmbeddedPostgres(home).start()
        except EmbeddedError as error:
            os._exit(0 if "choose another one" in str(error) else 2)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.fixture
def no_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.embedded.launch.namespaces_work", lambda: False)


@pytest.fixture
def enterable() -> Iterator[Path]:
    """A directory that every user may enter, on a file system from which programs may run."""
    path = Path(tempfile.mkdtemp(prefix="kvitok-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@needs_root
@pytest.mark.usefixtures("no_namespaces")
async def test_without_namespaces_root_hands_over_to_nobody(
    enterable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Identity, "reaches", lambda self, path: False)
    modes = {path: path.stat() for path in [enterable, *enterable.parents]}
    server = EmbeddedPostgres(enterable / "pg", settings=FAST_SETTINGS)
    server.start()
    dsn = server.dsn
    try:
        assert Path(f"/proc/{server.pid}").stat().st_uid == NOBODY
        assert (enterable / "pg" / "data").stat().st_uid == NOBODY
        program = Path(f"/proc/{server.pid}/exe").readlink()
        assert program.is_relative_to(enterable)  # copied, with its libraries
    finally:
        server.stop()
    server.start()
    try:
        assert server.dsn == dsn
        assert await query(server.dsn, "select 1") == 1
    finally:
        server.stop()
    for path, before in modes.items():
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(before.st_mode)
        assert path.stat().st_uid == before.st_uid


@needs_root
@pytest.mark.usefixtures("no_namespaces")
def test_a_place_closed_to_nobody_is_named(directory: Path) -> None:
    with pytest.raises(EmbeddedError, match=f"cannot enter {directory}: choose a data directory"):
        EmbeddedPostgres(directory / "pg").start()
