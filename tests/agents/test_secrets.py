"""Secrets of agents: how a rotation goes, and that nothing but names is ever shown."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from server.__main__ import app
from server.cli.context import EXIT_NO, EXIT_USAGE
from server.sealing import FileSealer
from server.storage.agent_secrets import Sets, secret_sets, with_secret
from server.storage.agents import CHANGED, change_secret
from server.storage.connection import open_pool
from tests.protocols.vectors import load_keys
from tests.servers import run_now

KEY = bytes(32)
SEALER = FileSealer(KEY)
OLD = {"login": "bank", "password": "old"}


def test_replacing_one_secret_keeps_what_was_valid() -> None:
    assert with_secret((OLD,), "password", "new") == ({"login": "bank", "password": "new"}, OLD)


def test_a_login_and_its_password_are_rotated_together() -> None:
    sets = with_secret(with_secret((OLD,), "login", "bank2"), "password", "new")
    assert sets == ({"login": "bank2", "password": "new"}, OLD)


def test_a_new_name_replaces_nothing() -> None:
    sets: Sets = with_secret(with_secret((), "login", "bank"), "password", "old")
    assert sets == (OLD,)
    assert with_secret((OLD, {"login": "b"}), "salt", "s") == (
        {**OLD, "salt": "s"},
        {"login": "b", "salt": "s"},
    )


def test_the_same_value_again_begins_no_rotation() -> None:
    assert with_secret((OLD,), "password", "old") == (OLD,)


@given(st.lists(st.tuples(st.sampled_from(("login", "password")), st.sampled_from("abc"))))
def test_what_was_valid_before_a_rotation_stays_valid_until_it_is_retired(
    changes: list[tuple[str, str]],
) -> None:
    sets: Sets = (OLD,)
    for name, value in changes:
        sets = with_secret(sets, name, value)
        assert sets[-1] == OLD
        assert sets[0][name] == value
        assert len(sets) <= 2


# --- the commands -----------------------------------------------------------------------------


@pytest.fixture
def installed(database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installation with an agent of each kind."""
    monkeypatch.setenv("KVITOK_DSN", database_dsn)
    monkeypatch.setenv("KVITOK_INSTALLATION_KEY", base64.b64encode(KEY).decode())
    monkeypatch.setenv("LANG", "C.UTF-8")
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    run_now(_add_agents(database_dsn))
    return database_dsn


async def _add_agents(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "insert into ledger.agents (name, protocol, amount_min_kopecks, amount_max_kopecks)"
        " values ('paynet', 'paynet', 100, 200), ('cyberplat', 'cyberplat', 100, 200),"
        " ('bank', '', 100, 200)"
    )
    await connection.close()


def kvitok(*words: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(app, ["agent", "secret", *words], input=stdin)


def sets_of(dsn: str, agent: str) -> Sets | None:
    async def ask() -> Sets | None:
        connection = await asyncpg.connect(dsn)
        try:
            return await secret_sets(connection, SEALER, agent)
        finally:
            await connection.close()

    return run_now(ask())


def test_a_rotation_from_stdin_and_a_file(installed: str, tmp_path: Path) -> None:
    assert kvitok("set", "paynet", "username", stdin="paynet\n").exit_code == 0
    first = kvitok("set", "paynet", "password", stdin="old secret\r\n")
    assert first.output == "password of paynet is set\n"
    assert sets_of(installed, "paynet") == ({"username": "paynet", "password": "old secret"},)
    file = tmp_path / "password"
    file.write_text("new secret\n")
    second = kvitok("set", "paynet", "password", "--file", str(file))
    assert "kvitok agent secret retire paynet" in second.output
    assert sets_of(installed, "paynet") == (
        {"username": "paynet", "password": "new secret"},
        {"username": "paynet", "password": "old secret"},
    )
    assert kvitok("retire", "paynet").exit_code == 0
    assert sets_of(installed, "paynet") == ({"username": "paynet", "password": "new secret"},)


def test_the_audit_keeps_who_replaced_which_secret_and_no_value(installed: str) -> None:
    for words in (("set", "paynet", "password"), ("retire", "paynet")):
        assert kvitok(*words, stdin="тайное-слово").exit_code == 0
    shown = json.loads(CliRunner().invoke(app, ["agent", "show", "paynet", "--json"]).stdout)
    told = [(each["action"], each["details"]) for each in shown["history"]]
    assert told == [("retire", {}), ("secret", {"name": "password"})]
    assert "тайное-слово" not in json.dumps(shown, ensure_ascii=False)


def test_only_names_are_listed(installed: str) -> None:
    for name, value in (("username", "paynet"), ("password", "secret1"), ("password", "secret2")):
        kvitok("set", "paynet", name, stdin=value)
    shown = kvitok("list", "paynet", "--json").output
    names = '["password", "username"]'
    assert shown == f'{{"agent": "paynet", "sets": [{names}, {names}]}}\n'
    assert "secret1" not in kvitok("list", "paynet").output


def test_a_key_in_pem_is_kept_as_it_is(installed: str) -> None:
    pem = load_keys()["agent_public_key"]
    assert kvitok("set", "cyberplat", "agent_public_key", stdin=pem).exit_code == 0
    assert sets_of(installed, "cyberplat") == ({"agent_public_key": pem},)


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [
        (("paynet", "pasword"), "secret", EXIT_USAGE),
        (("paynet", "password"), "", EXIT_USAGE),
        (("paynet", "password"), "\n", EXIT_USAGE),
        (("paynet", "password"), b"\xff\xfe", EXIT_USAGE),
        (("paynet", "password"), "x" * 20_000, EXIT_USAGE),
        (("cyberplat", "agent_public_key"), "no key", EXIT_USAGE),
        (("cyberplat", "server_private_key"), "no key", EXIT_USAGE),
        (("bank", "basic_login"), "a:b", EXIT_USAGE),
        (("bank", "password"), "secret", EXIT_USAGE),
        (("nobody", "password"), "secret", EXIT_NO),
    ],
)
def test_what_cannot_be_a_secret_is_refused(
    installed: str, words: tuple[str, str], stdin: str | bytes, code: int
) -> None:
    assert kvitok("set", *words, stdin=stdin).exit_code == code
    assert sets_of(installed, "paynet") == sets_of(installed, "cyberplat") == ()


def test_no_command_takes_a_secret_as_an_argument(installed: str) -> None:
    assert kvitok("set", "paynet", "password", "secret").exit_code == EXIT_USAGE


@pytest.mark.parametrize("words", [("list", "nobody"), ("retire", "nobody")])
def test_an_agent_that_there_is_not(installed: str, words: tuple[str, ...]) -> None:
    assert kvitok(*words).exit_code == EXIT_NO


def test_another_installations_key_is_said_to_be_one(
    installed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kvitok("set", "paynet", "password", stdin="secret")
    monkeypatch.setenv("KVITOK_INSTALLATION_KEY", base64.b64encode(bytes([1] * 32)).decode())
    said = kvitok("set", "paynet", "password", stdin="other")
    assert said.exit_code == EXIT_NO
    assert sets_of(installed, "paynet") == ({"password": "secret"},)


async def test_workers_are_told_and_the_protocols_own_change_still_works(installed: str) -> None:
    heard = asyncio.Event()
    connection = await asyncpg.connect(installed)
    await connection.add_listener(CHANGED, lambda *_: heard.set())
    said = await asyncio.to_thread(kvitok, "set", "paynet", "password", stdin="first")
    assert said.exit_code == 0
    async with asyncio.timeout(10):
        await heard.wait()
    async with open_pool(installed, 1) as pool:
        for _ in range(2):  # the network repeats what it was not answered
            await change_secret(pool, SEALER, "paynet", "password", "second")
    assert await secret_sets(connection, SEALER, "paynet") == (
        {"password": "second"},
        {"password": "first"},
    )
    await connection.close()


def test_doctor_names_an_agent_that_is_not_served(installed: str) -> None:
    async def spoil() -> None:
        connection = await asyncpg.connect(installed)
        await connection.execute("update ledger.agents set zone = 'Nowhere' where name = 'bank'")
        await connection.close()

    run_now(spoil())
    said = CliRunner().invoke(app, ["doctor"], env={"KVITOK_REDIS_URL": "redis://127.0.0.1:1"})
    assert "✗ agents: bank is not served: there is no time zone 'Nowhere'" in said.output
