"""Signatures inside messages: RSA (PKCS#1 v1.5), HMAC and digests over a shared secret.

Keys are arguments: PEM or plain text from an agent's secrets. A check that fails raises the same
Refused whatever was wrong with signature, key or message.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import re
from enum import Enum
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)

from server.protocols import Headers, Request, Secrets
from server.refusals import Refusal, Refused


class Digest(Enum):
    """What the sources demand; MD5 and SHA-1 are theirs, not our choice."""

    MD5 = "md5"
    SHA_1 = "sha1"
    SHA_256 = "sha256"


AGENT_PUBLIC_KEY = "agent_public_key"
"""The secret with which an agent's RSA signatures are checked: a PEM key or certificate."""
SERVER_PRIVATE_KEY = "server_private_key"
"""The secret with which we sign: a PEM key without a passphrase."""
KEY_PAIRS = (AGENT_PUBLIC_KEY, SERVER_PRIVATE_KEY)
"""What the server holds of the two pairs."""
AGENT_PRIVATE_KEY = "agent_private_key"
SERVER_PUBLIC_KEY = "server_public_key"
"""The other halves, which only the agent's side has."""

# Far above the agents of one installation, each with two sets of keys.
_KEYS_MAX = 256
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_HASHES: dict[Digest, hashes.HashAlgorithm] = {
    Digest.MD5: hashes.MD5(),
    Digest.SHA_1: hashes.SHA1(),
    Digest.SHA_256: hashes.SHA256(),
}
# Finding one by its name costs as much as the digest of a short text.
_DIGESTS = {
    Digest.MD5: hashlib.md5,
    Digest.SHA_1: hashlib.sha1,
    Digest.SHA_256: hashlib.sha256,
}
_PADDING = PKCS1v15()


def wrong() -> Refused:
    """The one refusal of every signature that does not hold."""
    return Refused(Refusal.NOT_AUTHENTIC, "the signature")


# --- RSA --------------------------------------------------------------------------------------


def verify_rsa(secrets: Secrets, signature_hex: str, signed: bytes, digest: Digest) -> None:
    """That the agent has signed these bytes. Raises Refused(NOT_AUTHENTIC)."""
    if not rsa_holds(secrets.get(AGENT_PUBLIC_KEY, ""), signature_hex, signed, digest):
        raise wrong()


def rsa_holds(public_key: str, signature_hex: str, signed: bytes, digest: Digest) -> bool:
    """Whether the signature, in hex of either case, is that of the key's owner."""
    if _HEX.fullmatch(signature_hex) is None:
        return False
    return rsa_bytes_hold(public_key, bytes.fromhex(signature_hex), signed, digest)


def rsa_bytes_hold(public_key: str, signature: bytes, signed: bytes, digest: Digest) -> bool:
    """Whether the signature is that of the key's owner."""
    try:
        _public_key(public_key).verify(signature, signed, _PADDING, _HASHES[digest])
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def sign_rsa(private_key: str, signed: bytes, digest: Digest) -> str:
    """The signature in lower-case hex. Raises ValueError when the key is none."""
    return sign_rsa_bytes(private_key, signed, digest).hex()


def sign_rsa_bytes(private_key: str, signed: bytes, digest: Digest) -> bytes:
    """The signature. Raises ValueError when the key is none."""
    return _private_key(private_key).sign(signed, _PADDING, _HASHES[digest])


def key_fault(name: str, value: str) -> str:
    """What is wrong with a secret that is a key; empty when nothing is, or it is none."""
    try:
        if name == AGENT_PUBLIC_KEY:
            _public_key(value)
        elif name == SERVER_PRIVATE_KEY:
            _private_key(value)
    except (ValueError, UnsupportedAlgorithm) as error:
        return f"{name} is no RSA key in PEM: {error}"
    return ""


@lru_cache(_KEYS_MAX)
def _public_key(pem: str) -> RSAPublicKey:
    key: object
    if pem.lstrip().startswith(_CERTIFICATE):
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    else:
        key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")
    return key


# Reading a private key proves its numbers, which takes a hundred times as long as signing.
@lru_cache(_KEYS_MAX)
def _private_key(pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), None)
    except TypeError:
        raise ValueError("a key with a passphrase") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
    return key


# --- shared secrets ---------------------------------------------------------------------------


def digest_hex(digest: Digest, text: bytes) -> str:
    """The digest in lower-case hex."""
    return _DIGESTS[digest](text, usedforsecurity=False).hexdigest()


def hmac_hex(digest: Digest, key: str, text: bytes) -> str:
    """The HMAC in lower-case hex."""
    return hmac.new(key.encode(), text, digest.value).hexdigest()


def same(given: str, expected: str) -> bool:
    """Whether two texts are equal, in a time that does not say how far they are."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def require_hex(given: str, expected_hex: str) -> None:
    """That a digest, in hex of either case, is the expected one. Raises Refused(NOT_AUTHENTIC)."""
    if not same(given.lower(), expected_hex.lower()):
        raise wrong()


def secret(secrets: Secrets, name: str) -> str:
    """A shared secret. Raises Refused(NOT_AUTHENTIC): an empty one would be everybody's."""
    found = secrets.get(name, "")
    if not found:
        raise wrong()
    return found


def basic(headers: Headers) -> str:
    """`user:password` of HTTP Basic authentication; empty when there is none to read."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        return ""


# --- time -------------------------------------------------------------------------------------


def require_fresh(signed_at: dt.datetime, request: Request, window_minutes: int) -> None:
    """That a signed time is near the arrival. Raises Refused(NOT_AUTHENTIC).

    Networks repeat a request as it was signed, for a day and longer: a window is only for those
    that sign every repeat anew.
    """
    if abs(request.received_at - signed_at) > dt.timedelta(minutes=window_minutes):
        raise wrong()
