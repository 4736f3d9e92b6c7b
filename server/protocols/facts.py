"""What is known of a protocol and not to be read from its code; docs/protocols.md is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Confidence(Enum):
    """How sure we are that the network speaks as its README says."""

    OFFICIAL = "official"
    """The network's own text, or its own library."""
    AGREED = "agreed"
    """Several servers, clients or tests that know nothing of each other agree."""
    PARTIAL = "partial"
    """Some of it is known from one place only."""
    OWN = "own"
    """Ours: nobody else has published one."""


class MoneyForm(Enum):
    """How 1523 roubles 40 kopecks are written in a payment."""

    POINT = "1523.40"
    COMMA = "1523,40"
    KOPECKS = "152340"


class Proof(Enum):
    """How a message proves whose it is, besides the address it comes from."""

    NONE = "–"
    CREDENTIALS = "login and password in the message"
    BASIC = "HTTP Basic"
    DIGEST = "digest over a shared secret"
    RSA = "RSA, both ways"
    USERNAME_TOKEN = "WS-Security UsernameToken"
    BODY_SIGNATURE = "XML signature of the SOAP Body, both ways"


@dataclass(frozen=True, slots=True)
class Facts:
    """`encodings`, `proofs`: the usual one first. `secrets`: the names of an agent's secrets, and
    `more_secrets` those that only some settings ask for."""

    confidence: Confidence
    money: MoneyForm
    encodings: tuple[str, ...] = ("utf-8",)
    proofs: tuple[Proof, ...] = (Proof.NONE,)
    secrets: tuple[str, ...] = ()
    more_secrets: tuple[str, ...] = ()
