"""Who may speak for an agent: its addresses, its client certificate, its HTTP Basic.

Decided from a request's head alone, before anything of it is parsed; both lanes ask here. What is
wrong is never said: a wrong certificate looks like a wrong address, a wrong login like a wrong
password.
"""

from __future__ import annotations

import base64
import hashlib
import re
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import unquote

from cryptography import x509
from cryptography.x509.oid import NameOID

from server.agents import Agent
from server.protocols import Setting, signatures

BASIC = Setting("basic", "off", choices=("off", "on"))
"""Whether requests need HTTP Basic, whatever the protocol itself asks for."""
BASIC_LOGIN = "basic_login"
BASIC_PASSWORD = "basic_password"
_FINGERPRINT = "sha256:"
_SUBJECT = "subject:"
CLIENT_CERTIFICATE = Setting(
    "client_certificate", "", pattern=r"|sha256:[0-9a-f]{64}(?: sha256:[0-9a-f]{64})?|subject:.+"
)
"""One certificate, or two during a rotation, by SHA-256 of the DER; or the subject, RFC 4514."""
SETTINGS = (BASIC, CLIENT_CERTIFICATE)
CERTIFICATE_HEADER = "client-cert"
"""RFC 9440, or the PEM percent-encoded as nginx has it."""
FORWARDED_FOR = "x-forwarded-for"

Networks = Sequence[IPv4Network | IPv6Network]
_CERTIFICATES_MAX = 256
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([\sA-Za-z0-9+/=]+)-----END CERTIFICATE-----\s*")
# What Russian certificates say of their owner besides the usual: ОГРН, СНИЛС, ИНН.
_NAMES = {
    "OGRN": x509.ObjectIdentifier("1.2.643.100.1"),
    "SNILS": x509.ObjectIdentifier("1.2.643.100.3"),
    "INNLE": x509.ObjectIdentifier("1.2.643.100.4"),
    "INN": x509.ObjectIdentifier("1.2.643.3.131.1.1"),
    "E": NameOID.EMAIL_ADDRESS,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}


class Admission(Enum):
    """What is said to who asks."""

    ADMITTED = "admitted"
    FORBIDDEN = "forbidden"
    """Not from there, or without the certificate."""
    UNAUTHORISED = "unauthorised"
    """The credentials are missing or wrong."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end."""

    address: str
    """Empty = not to be told."""
    is_proxied: bool = False
    """Whether one of our proxies speaks for it, so that its word on a certificate counts."""


def peer_of(remote: str | None, headers: Mapping[str, str], proxies: Networks) -> Peer:
    """The peer itself, or whom one of our proxies speaks for.

    A proxy puts what it sees at the end of X-Forwarded-For, so the last address that is no proxy of
    ours is the peer; what stands before it was written by strangers. A proxy that does not say whom
    it speaks for speaks for nobody.
    """
    if remote is None or not is_among(remote, proxies):
        return Peer(remote or "")
    named = [text.strip() for text in headers.get(FORWARDED_FOR, "").split(",")]
    outside = [address for address in named if not is_among(address, proxies)]
    return Peer(outside[-1] if outside else "", is_proxied=True)


def is_guarded(agent: Agent) -> bool:
    """Whether more than its address is asked of the agent."""
    return BASIC.of(agent) != BASIC.default or bool(CLIENT_CERTIFICATE.of(agent))


def admission(agent: Agent, peer: Peer, headers: Mapping[str, str]) -> Admission:
    """Whether the peer may speak for the agent. `headers` by lower-case names, each once."""
    if not is_among(peer.address, agent.allow_list):
        return Admission.FORBIDDEN
    wanted = CLIENT_CERTIFICATE.of(agent)
    shown = headers.get(CERTIFICATE_HEADER, "") if peer.is_proxied else ""
    if wanted and not _is_certified(wanted, shown):
        return Admission.FORBIDDEN
    if BASIC.of(agent) != BASIC.default and not _is_authorised(agent, headers):
        return Admission.UNAUTHORISED
    return Admission.ADMITTED


def certificate_faults(agent: Agent) -> tuple[str, ...]:
    """What is wrong with the certificate that the agent is asked for."""
    wanted = CLIENT_CERTIFICATE.of(agent)
    if wanted.startswith(_SUBJECT) and not _canonical(wanted.removeprefix(_SUBJECT)):
        return (f"{CLIENT_CERTIFICATE.name}: no subject in the form of RFC 4514",)
    return ()


def basic_faults(agent: Agent) -> tuple[str, ...]:
    """What the agent lacks to prove itself by Basic."""
    names = (BASIC_LOGIN, BASIC_PASSWORD)
    usable = any(all(secrets.get(name) for name in names) for secrets in agent.secrets)
    if BASIC.of(agent) == BASIC.default or usable:
        return ()
    return (f"{BASIC.name} needs the secrets {BASIC_LOGIN} and {BASIC_PASSWORD}",)


def is_among(address: str, networks: Networks) -> bool:
    """Whether the address is in one of the networks; what is no address is in none."""
    if not networks:
        return False
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in networks)


def _is_authorised(agent: Agent, headers: Mapping[str, str]) -> bool:
    given = signatures.basic(headers)
    pairs = [(each.get(BASIC_LOGIN, ""), each.get(BASIC_PASSWORD, "")) for each in agent.secrets]
    # All are compared, so that the time does not tell which of two was nearly right.
    found = [signatures.same(given, f"{login}:{password}") for login, password in pairs if password]
    return any(found)


def _is_certified(wanted: str, shown: str) -> bool:
    subject, fingerprint = _certificate(shown)
    if wanted.startswith(_SUBJECT):
        return bool(subject) and subject == _canonical(wanted.removeprefix(_SUBJECT))
    return f"{_FINGERPRINT}{fingerprint}" in wanted.split()


@lru_cache(_CERTIFICATES_MAX)
def _certificate(header: str) -> tuple[str, str]:
    """Subject and fingerprint of the certificate in a header; empty ones when there is none."""
    try:
        der = base64.b64decode(_base64_of(header), validate=True)
        subject = x509.load_der_x509_certificate(der).subject
    except (NotBase64, ValueError):
        return "", ""
    return _canonical(subject.rfc4514_string()), hashlib.sha256(der).hexdigest()


def _base64_of(header: str) -> str:
    if header.startswith(":") and header.endswith(":"):
        return header.strip(":")
    pem = _PEM.fullmatch(unquote(header))
    return "".join(pem[1].split()) if pem else "-"


@lru_cache(_CERTIFICATES_MAX)
def _canonical(subject: str) -> str:
    """A subject as it is compared, however its attributes are named; empty when it is none."""
    try:
        return x509.Name.from_rfc4514_string(subject, _NAMES).rfc4514_string()
    except ValueError:
        return ""
