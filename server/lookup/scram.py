"""The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), pure; the nonce is an argument."""

from __future__ import annotations

import base64
import hashlib
import hmac
import stringprep
import unicodedata

MECHANISM = "SCRAM-SHA-256"
_NO_CHANNEL_BINDING = b"n,,"
_ITERATIONS_MAX = 10_000_000  # a hostile server could keep us busy for hours


class ScramError(Exception):
    """The server does not know the password either, or does not speak SCRAM properly."""


class Scram:
    """One log-in: `first` is sent, then `final(…)`, then `check(…)` is given the server's end."""

    def __init__(self, password: str, nonce: str) -> None:
        self._password = _prepared(password).encode()
        self._nonce = nonce
        # PostgreSQL takes the user from the start-up message and ignores this one.
        self._first_bare = f"n=,r={nonce}".encode()
        self._server_signature = b""

    @property
    def first(self) -> bytes:
        """The client's first message."""
        return _NO_CHANNEL_BINDING + self._first_bare

    def final(self, server_first: bytes) -> bytes:
        """The client's last message. Raises ScramError."""
        fields = _fields(server_first)
        try:
            nonce, salt, iterations = fields["r"], base64.b64decode(fields["s"]), int(fields["i"])
        except (KeyError, ValueError) as error:
            raise ScramError("the server's first message lacks a field") from error
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise ScramError("the server answers to another nonce")
        if not 0 < iterations <= _ITERATIONS_MAX:
            raise ScramError(f"{iterations} iterations")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, iterations)
        channel = base64.b64encode(_NO_CHANNEL_BINDING).decode()
        without_proof = f"c={channel},r={nonce}".encode()
        signed = b",".join((self._first_bare, server_first, without_proof))
        key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        self._server_signature = _hmac(_hmac(salted, b"Server Key"), signed)
        return without_proof + b",p=" + base64.b64encode(proof)

    def check(self, server_final: bytes) -> None:
        """Whether the server knew the password. Raises ScramError."""
        fields = _fields(server_final)
        shown = base64.b64decode(fields.get("v", ""))
        if not hmac.compare_digest(shown, self._server_signature):
            raise ScramError(f"the server failed to prove itself {fields.get('e', '')}".rstrip())


def _fields(message: bytes) -> dict[str, str]:
    parts = message.decode("utf-8", "replace").split(",")
    return {part[0]: part[2:] for part in parts if part[1:2] == "="}


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _prepared(password: str) -> str:
    """SASLprep (RFC 4013); a password that it forbids is used as it is, like PostgreSQL does."""
    if password.isascii():
        return password
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    normal = unicodedata.normalize("NFKC", mapped)
    return password if not normal or any(map(_is_forbidden, normal)) else normal


def _is_forbidden(character: str) -> bool:
    return any(
        table(character)
        for table in (
            stringprep.in_table_a1,
            stringprep.in_table_c12,
            stringprep.in_table_c21_c22,
            stringprep.in_table_c3,
            stringprep.in_table_c4,
            stringprep.in_table_c5,
            stringprep.in_table_c6,
            stringprep.in_table_c7,
            stringprep.in_table_c8,
            stringprep.in_table_c9,
        )
    )
