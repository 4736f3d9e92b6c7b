"""Key pairs of the demo's agents: made once, kept beside the demo's data, for loopback only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from server.demo.agents import DemoAgent
from server.protocols.signatures import AGENT_PUBLIC_KEY, SERVER_PRIVATE_KEY

DIRECTORY = "demo-keys"
KEY_BITS = 2048


def secrets_of(agent: DemoAgent, data: Path) -> Mapping[str, str]:
    """The agent's secrets, with the server's side of its key pairs where it has some.

    `DATA/demo-keys/<agent>/` holds `agent.key`, which signs as the agent, `server.pub`, which
    checks our answers, and the other halves.
    """
    if not agent.key_pairs:
        return agent.secrets
    directory = data / DIRECTORY / agent.name
    if not directory.is_dir():
        _make(directory)
    return {
        **agent.secrets,
        AGENT_PUBLIC_KEY: (directory / "agent.pub").read_text("ascii"),
        SERVER_PRIVATE_KEY: (directory / "server.key").read_text("ascii"),
    }


def _make(directory: Path) -> None:
    """All four files or none: an interrupted start leaves no half of a pair."""
    unfinished = directory.with_name(f"{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    for name in ("agent", "server"):
        key = generate_private_key(65537, KEY_BITS)
        _write(unfinished / f"{name}.key", _private_pem(key))
        _write(unfinished / f"{name}.pub", _public_pem(key))
    unfinished.rename(directory)


def _write(path: Path, pem: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)


def _private_pem(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public_pem(key: RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
