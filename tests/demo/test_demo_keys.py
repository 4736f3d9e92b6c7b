"""The demo's key pairs: made once, whole, readable by their owner only."""

from __future__ import annotations

from pathlib import Path

from server.cli.demo_keys import secrets_of
from server.demo.agents import DemoAgent, demo_agents
from server.protocols.signatures import (
    AGENT_PUBLIC_KEY,
    SERVER_PRIVATE_KEY,
    Digest,
    rsa_holds,
    sign_rsa,
)

WITH_KEYS = DemoAgent("signed", "Signed", secrets={"login": "x"}, key_pairs=True)


def test_both_pairs_belong_together(tmp_path: Path) -> None:
    secrets = secrets_of(WITH_KEYS, tmp_path)
    directory = tmp_path / "demo-keys" / "signed"
    agents = sign_rsa((directory / "agent.key").read_text(), b"request", Digest.SHA_256)
    assert rsa_holds(secrets[AGENT_PUBLIC_KEY], agents, b"request", Digest.SHA_256)
    ours = sign_rsa(secrets[SERVER_PRIVATE_KEY], b"reply", Digest.SHA_256)
    assert rsa_holds((directory / "server.pub").read_text(), ours, b"reply", Digest.SHA_256)
    assert secrets["login"] == "x"


def test_a_second_start_keeps_them(tmp_path: Path) -> None:
    assert secrets_of(WITH_KEYS, tmp_path) == secrets_of(WITH_KEYS, tmp_path)


def test_an_interrupted_start_leaves_no_half(tmp_path: Path) -> None:
    half = tmp_path / "demo-keys" / "signed.unfinished"
    half.mkdir(parents=True)
    (half / "agent.key").write_text("half")
    secrets_of(WITH_KEYS, tmp_path)
    assert not half.exists()
    assert len(list((tmp_path / "demo-keys" / "signed").iterdir())) == 4


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    secrets_of(WITH_KEYS, tmp_path)
    directory = tmp_path / "demo-keys" / "signed"
    assert directory.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in directory.iterdir())


def test_an_agent_without_them_has_what_its_file_says(tmp_path: Path) -> None:
    plain = DemoAgent("plain", "Plain", secrets={"key": "demo"})
    assert secrets_of(plain, tmp_path) == {"key": "demo"}
    assert list(tmp_path.iterdir()) == []


def test_the_signed_protocols_demo_agents_get_some() -> None:
    paired = {agent.name for agent in demo_agents() if agent.key_pairs}
    assert paired == {"cyberplat", "easypay", "elecsnet", "post-signed"}
