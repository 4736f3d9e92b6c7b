"""WS-Security 1.0 (OASIS, 2004): a UsernameToken with a digest, and the Body signed.

PasswordDigest = Base64(SHA-1(nonce + created + password)). SHA-1 is the profile's choice; what a
token proves it proves once and for minutes. Whatever is wrong with either, the refusal is the same.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from server.protocols import Verified, soap, xml, xml_signature
from server.protocols.signatures import same, wrong

_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
SECURITY_NAMESPACE = f"{_OASIS}wssecurity-secext-1.0.xsd"
UTILITY_NAMESPACE = f"{_OASIS}wssecurity-utility-1.0.xsd"
PASSWORD_DIGEST = f"{_OASIS}username-token-profile-1.0#PasswordDigest"
BASE64_BINARY = f"{_OASIS}soap-message-security-1.0#Base64Binary"

SECURITY = f"{{{SECURITY_NAMESPACE}}}Security"
USERNAME_TOKEN = f"{{{SECURITY_NAMESPACE}}}UsernameToken"
ID = f"{{{UTILITY_NAMESPACE}}}Id"
FAILED_AUTHENTICATION = soap.Subcode("wsse", SECURITY_NAMESPACE, "FailedAuthentication")

_USERNAME = f"{{{SECURITY_NAMESPACE}}}Username"
_PASSWORD = f"{{{SECURITY_NAMESPACE}}}Password"
_NONCE = f"{{{SECURITY_NAMESPACE}}}Nonce"
_CREATED = f"{{{UTILITY_NAMESPACE}}}Created"
_PARTS = frozenset({_USERNAME, _PASSWORD, _NONCE, _CREATED})
_MOMENT = re.compile(
    r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_NONCE_BYTES = range(8, 65)
_BODY_ID = "body"
_BODY = b"<soapenv:Body>"
_NAMED_BODY = f'<soapenv:Body xmlns:wsu="{UTILITY_NAMESPACE}" wsu:Id="{_BODY_ID}">'.encode()
_TEXT_CHARACTERS_MAX = 200
# Whose clock decides when a claimed nonce may be forgotten is not ours.
_CLOCKS_APART = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Window:
    """How old a token may be, and how far ahead of us its clock."""

    age_max: dt.timedelta
    ahead_max: dt.timedelta


@dataclass(frozen=True, slots=True)
class Token:
    """A UsernameToken as sent."""

    username: str
    digest: str
    nonce: bytes
    created_text: str
    """As it stands in the digest."""
    created: dt.datetime


def security_of(headers: Sequence[etree._Element]) -> etree._Element:
    """The only Security block. Raises Refused(NOT_AUTHENTIC)."""
    found = [header for header in headers if header.tag == SECURITY]
    if len(found) != 1:
        raise wrong()
    return found[0]


def token_of(security: etree._Element) -> Token:
    """Its only token. Raises Refused(NOT_AUTHENTIC)."""
    tokens = [child for child in security if child.tag == USERNAME_TOKEN]
    if len(tokens) != 1:
        raise wrong()
    texts: dict[str, str] = {}
    for part in tokens[0]:
        name = part.tag
        if name in texts or (name == _PASSWORD and part.get("Type") != PASSWORD_DIGEST):
            raise wrong()
        if name in _PARTS:
            texts[name] = _text(part)
    if len(texts) != len(_PARTS):
        raise wrong()
    created = texts[_CREATED]
    nonce = _decoded(texts[_NONCE])
    return Token(texts[_USERNAME], texts[_PASSWORD], nonce, created, _moment(created))


def _text(part: etree._Element) -> str:
    text = "" if len(part) else (part.text or "").strip()
    if not 0 < len(text) <= _TEXT_CHARACTERS_MAX:
        raise wrong()
    return text


def _decoded(nonce: str) -> bytes:
    try:
        found = base64.b64decode(nonce, validate=True)
    except ValueError:
        raise wrong() from None
    if len(found) not in _NONCE_BYTES:
        raise wrong()
    return found


def _moment(text: str) -> dt.datetime:
    if _MOMENT.fullmatch(text) is None:
        raise wrong()
    try:
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except ValueError:
        raise wrong() from None


def verified(
    token: Token, username: str, password: str, now: dt.datetime, window: Window
) -> Verified:
    """That the token is its owner's and fresh; its nonce may be used once.

    Raises Refused(NOT_AUTHENTIC).
    """
    is_owner = same(token.username, username)
    is_proven = same(token.digest, digest_of(token.nonce, token.created_text, password))
    is_fresh = now - window.age_max <= token.created <= now + window.ahead_max
    # An agent without secrets is nobody's, not everybody's.
    if not (is_owner & is_proven & is_fresh and username and password):
        raise wrong()
    expires = token.created + window.age_max + _CLOCKS_APART
    return Verified(hashlib.sha256(token.nonce).hexdigest(), expires)


def digest_of(nonce: bytes, created: str, password: str) -> str:
    """PasswordDigest."""
    text = nonce + created.encode() + password.encode("utf-8", "surrogatepass")
    return base64.b64encode(hashlib.sha1(text, usedforsecurity=False).digest()).decode()


def token_markup(username: str, password: str, nonce: bytes, created: str) -> str:
    """A UsernameToken for `secured`."""
    digest = digest_of(nonce, created, password)
    return (
        f"<wsse:UsernameToken>{xml.element('wsse:Username', username)}"
        f'<wsse:Password Type="{PASSWORD_DIGEST}">{digest}</wsse:Password>'
        f'<wsse:Nonce EncodingType="{BASE64_BINARY}">{base64.b64encode(nonce).decode()}'
        f"</wsse:Nonce><wsu:Created>{created}</wsu:Created></wsse:UsernameToken>"
    )


# --- the signature ----------------------------------------------------------------------------


def require_signed_body(envelope: soap.Envelope, security: etree._Element, public_key: str) -> None:
    """That the key's owner has signed this very Body, and besides it no more than our header.

    Raises Refused(NOT_AUTHENTIC).
    """
    body = envelope.content.getparent()
    assert body is not None
    signable: dict[str, etree._Element] = {}
    for element in (body, *security):
        name = element.get(ID, "")
        if name in signable:
            raise wrong()
        if name:
            signable[name] = element
    found = list(security.iterchildren(xml_signature.SIGNATURE))
    if len(found) != 1:
        raise wrong()
    xml_signature.require_signed(found[0], signable, body.get(ID, ""), public_key)


def signed(document: bytes, private_key: str, token: str = "") -> bytes:
    """An envelope of ours with its Body signed, and the token beside the signature.

    Raises ValueError when the key is none.
    """
    named = document.replace(_BODY, _NAMED_BODY, 1)
    body = etree.fromstring(named)[-1]
    signature = xml_signature.signature_markup({_BODY_ID: body}, private_key)
    return secured(named, token + signature)


def secured(document: bytes, content: str) -> bytes:
    """An envelope of ours, which has no header yet, with a Security block that holds this markup.

    The prefixes wsse and wsu are declared in it.
    """
    header = (
        f'<soapenv:Header><wsse:Security xmlns:wsse="{SECURITY_NAMESPACE}"'
        f' xmlns:wsu="{UTILITY_NAMESPACE}" soapenv:mustUnderstand="1">{content}</wsse:Security>'
        "</soapenv:Header>"
    )
    return document.replace(b"<soapenv:Body", header.encode() + b"<soapenv:Body", 1)
