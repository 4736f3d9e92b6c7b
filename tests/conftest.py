"""What the whole suite shares: hypothesis's profile, servers, Chromium, what was left out."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import settings

from server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.clients import soap_clients
from tests.servers import FAST_SETTINGS, TestDatabases, short_directory

# Two cores shared with PostgreSQL, Valkey and a browser: a slow example is no failure.
settings.register_profile("kvitok", deadline=None)
settings.load_profile("kvitok")

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium_path() -> str | None:
    """The Chromium that browser tests may drive, or nothing."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def nothing_may_be_left_out() -> bool:
    """Whether this run fails when a test is skipped or deselected (.ci/run asks for it)."""
    return os.environ.get("KVITOK_CI") == "1"


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the Chromium binary; Playwright is given it as `executable_path`."""
    path = chromium_path()
    assert path is not None, "no Chromium; install it, or run make test, which leaves these out"
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """The PostgreSQL of this run; a test that stops or kills one takes `own_postgres`."""
    with short_directory() as directory:
        server = EmbeddedPostgres(directory / "pg", settings=FAST_SETTINGS)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[EmbeddedValkey]:
    """The Valkey of this run; a test that stops or kills one takes `own_valkey`."""
    with short_directory() as directory:
        server = EmbeddedValkey(directory / "valkey")
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def databases(postgres_server: EmbeddedPostgres) -> TestDatabases:
    """For a test that needs more than one database; it drops what it makes."""
    return TestDatabases(postgres_server)


@pytest.fixture
def database_dsn(databases: TestDatabases) -> Iterator[str]:
    """DSN of a database of the test's own, with the schema and no rows."""
    dsn = databases.make()
    yield dsn
    databases.drop(dsn)


@pytest.fixture
def valkey_url(valkey_server: EmbeddedValkey) -> str:
    """URL of the run's Valkey, emptied."""
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    return valkey_server.url


@pytest.fixture(scope="session")
def made_cluster() -> Iterator[Path]:
    """The directory of a PostgreSQL that was started once and stopped; copying it is quick."""
    with short_directory() as directory:
        server = EmbeddedPostgres(directory / "pg", settings=FAST_SETTINGS)
        server.start()
        server.stop()
        yield directory / "pg"


@pytest.fixture
def own_postgres(made_cluster: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of the test's own, running, without our schema: to stop, kill, restart."""
    with short_directory() as directory:
        shutil.copytree(made_cluster, directory / "pg")
        server = EmbeddedPostgres(directory / "pg", settings=FAST_SETTINGS)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def own_valkey() -> Iterator[EmbeddedValkey]:
    """A Valkey of the test's own, running: to stop, kill, restart."""
    with short_directory() as directory:
        server = EmbeddedValkey(directory / "valkey")
        server.start()
        yield server
        server.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if nothing_may_be_left_out():
        return
    absent = dict.fromkeys(soap_clients.missing(), "no such SOAP client on this machine")
    if chromium_path() is None:
        absent["browser"] = "no Chromium on this machine"
    for item in items:
        for marker, reason in absent.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def _left_out(config: pytest.Config) -> list[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    stats = reporter.stats if reporter else {}
    reports: Iterable[pytest.TestReport | pytest.Item] = [
        *stats.get("skipped", []),
        *stats.get("deselected", []),
    ]
    return sorted({report.nodeid for report in reports})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    names = _left_out(config)
    if names:
        terminalreporter.write_sep("=", f"left out: {len(names)}")
        for name in names:
            terminalreporter.write_line(name)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    asked_for_a_part = bool(session.config.option.keyword or session.config.option.markexpr)
    if nothing_may_be_left_out() and not asked_for_a_part and _left_out(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
