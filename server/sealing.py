"""Sealing agents' secrets with the installation's key."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES = 32
_NONCE_BYTES = 12


class FileSealer:
    """AES-256-GCM; a sealed text is the nonce followed by the ciphertext."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def from_text(cls, text: str) -> FileSealer:
        """The key as base64 text. Raises ValueError when it is not 32 bytes."""
        key = base64.b64decode(text, validate=True)
        if len(key) != _KEY_BYTES:
            raise ValueError("the installation key must be 32 bytes in base64")
        return cls(key)

    def seal(self, plain: bytes) -> bytes:
        """Authenticated encryption under a fresh nonce."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, None)

    def unseal(self, sealed: bytes) -> bytes:
        """Raises ValueError when the key is another one."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except InvalidTag:
            raise ValueError("sealed with another installation key") from None


class Untouched:
    """Leaves secrets alone, for who has no use for them and no key."""

    def seal(self, plain: bytes) -> bytes:
        """As it is."""
        return plain

    def unseal(self, sealed: bytes) -> bytes:
        """Nothing, whatever is sealed."""
        return b"[]"


def key_file(path: Path) -> str:
    """The key in the file, made on first use, readable by its owner only."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode(), "ascii")
    return path.read_text(encoding="ascii").strip()
