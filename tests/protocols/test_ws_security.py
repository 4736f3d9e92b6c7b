"""WS-Security: tokens and signed bodies, ours and those of others."""

from __future__ import annotations

import base64
import datetime as dt
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from zeep.wsse.username import UsernameToken

from server.protocols import signatures, soap, ws_security, xml_signature
from server.protocols.signatures import Digest
from server.protocols.ws_security import Token, Window
from server.refusals import Refusal, Refused
from tests.protocols.vectors import load_keys

NOW = dt.datetime(2026, 1, 15, 7, 20, 31, tzinfo=dt.UTC)
WINDOW = Window(dt.timedelta(minutes=5), dt.timedelta(minutes=1))
NONCE = bytes(range(16))
CREATED = "2026-01-15T07:20:30Z"
CALL = soap.respond(soap.Version.SOAP_11, '<a xmlns="urn:a"><b>1</b></a>').body
PRIVATE, PUBLIC = load_keys()["agent_private_key"], load_keys()["agent_public_key"]
OTHERS_PUBLIC = load_keys()["server_public_key"]


def token(created: str = CREATED, nonce: bytes = NONCE, password: str = "пароль") -> Token:
    document = ws_security.secured(CALL, ws_security.token_markup("post", password, nonce, created))
    return ws_security.token_of(ws_security.security_of(soap.read(document).headers))


def refused_alike(refused: Refused) -> bool:
    """Never proven, and nobody learns why."""
    assert (refused.refusal, refused.detail) == (Refusal.NOT_AUTHENTIC, "the signature")
    return False


def is_proven(given: Token, username: str = "post", password: str = "пароль") -> bool:
    try:
        ws_security.verified(given, username, password, NOW, WINDOW)
    except Refused as refused:
        return refused_alike(refused)
    return True


# --- the token --------------------------------------------------------------------------------


def test_a_token_is_its_owners() -> None:
    assert is_proven(token())
    assert not is_proven(token(), username="pochta")
    assert not is_proven(token(), password="Пароль")
    assert not is_proven(replace(token(), nonce=NONCE[::-1]))
    assert not is_proven(replace(token(), created_text="2026-01-15T07:20:31Z"))


def test_an_agent_without_secrets_is_nobodys() -> None:
    assert not is_proven(token(password=""), password="")
    assert not is_proven(replace(token(), username=""), username="")


@pytest.mark.parametrize(
    ("seconds", "proven"), [(-301, False), (-300, True), (0, True), (60, True), (61, False)]
)
def test_a_token_is_good_for_minutes(seconds: int, proven: bool) -> None:
    moment = NOW + dt.timedelta(seconds=seconds)
    assert is_proven(token(moment.isoformat().replace("+00:00", "Z"))) is proven


def test_a_nonce_is_kept_for_as_long_as_its_token_is_good() -> None:
    verified = ws_security.verified(token(), "post", "пароль", NOW, WINDOW)
    assert verified.expires is not None
    assert verified.expires > token().created + WINDOW.age_max
    other = ws_security.verified(token(nonce=NONCE[::-1]), "post", "пароль", NOW, WINDOW)
    assert verified.replay_key != other.replay_key
    later = ws_security.verified(token("2026-01-15T07:20:31Z"), "post", "пароль", NOW, WINDOW)
    assert verified.replay_key == later.replay_key


def test_a_digest_is_that_of_other_implementations() -> None:
    """Of zeep, whose token is made from the same nonce, time and password."""
    made = UsernameToken(
        "post", "пароль", nonce=base64.b64encode(NONCE).decode(), created=NOW, use_digest=True
    )
    envelope = etree.fromstring(CALL)
    made.apply(envelope, {})
    assert made.created is not None
    assert is_proven(ws_security.token_of(ws_security.security_of(list(envelope[0]))))


@given(st.binary(min_size=8, max_size=64), st.text(max_size=30).filter(str.isprintable))
def test_what_we_write_we_read(nonce: bytes, password: str) -> None:
    made = token(nonce=nonce, password=password)
    assert made.nonce == nonce
    assert is_proven(made, password=password) is bool(password)


# --- the signature ----------------------------------------------------------------------------


def holds(document: bytes, key: str = PUBLIC) -> bool:
    envelope = soap.read(document)
    try:
        security = ws_security.security_of(envelope.headers)
        ws_security.require_signed_body(envelope, security, key)
    except Refused as refused:
        return refused_alike(refused)
    return True


SIGNED = ws_security.signed(CALL, PRIVATE)


def test_a_signature_is_its_owners_over_this_body() -> None:
    assert holds(SIGNED)
    assert not holds(SIGNED, OTHERS_PUBLIC)
    assert not holds(SIGNED, "")
    assert not holds(SIGNED.replace(b"<b>1</b>", b"<b>2</b>"))
    assert not holds(SIGNED.replace(b"<b>1</b>", b"<b>1</b><b>1</b>"))
    assert not holds(CALL)


def test_how_it_is_written_does_not_matter() -> None:
    """What canonicalisation is for: prefixes declared elsewhere, quotes, empty elements, CDATA."""
    rewritten = SIGNED.replace(b"<b>1</b>", b"<b><![CDATA[1]]></b>")
    rewritten = rewritten.replace(b"<soapenv:Envelope ", b'<soapenv:Envelope xmlns:un="urn:un" ')
    assert rewritten != SIGNED
    assert holds(rewritten)


NESTED = etree.fromstring(
    b'<s:E xmlns:s="urn:s" xmlns:u="urn:u" xmlns:x="urn:x"><s:B z="1" a="2"><u:c/></s:B>tail</s:E>'
)


def test_exclusive_canonicalisation_declares_what_is_used() -> None:
    """W3C, Exclusive XML Canonicalization 1.0, 3: what is visibly utilised, where it is first."""
    assert xml_signature.canonical(NESTED[0]) == (
        b'<s:B xmlns:s="urn:s" a="2" z="1"><u:c xmlns:u="urn:u"></u:c></s:B>'
    )


def test_a_list_of_prefixes_declares_those_too() -> None:
    assert xml_signature.canonical(NESTED[0], ["x", "u"]) == (
        b'<s:B xmlns:s="urn:s" xmlns:u="urn:u" xmlns:x="urn:x" a="2" z="1"><u:c></u:c></s:B>'
    )


def resigned(**changed: str) -> bytes:
    """Signed by the owner, but in another way than agreed."""
    text = SIGNED.decode()
    for old, new in changed.items():
        text = text.replace(ALGORITHMS[old], new)
    (info,) = re.findall("<ds:SignedInfo.*</ds:SignedInfo>", text)
    value = signatures.sign_rsa_bytes(PRIVATE, info.encode(), Digest.SHA_256)
    told = base64.b64encode(value).decode()
    return re.sub("(?<=<ds:SignatureValue>)[^<]+", told, text).encode()


ALGORITHMS = {
    "canonical": "http://www.w3.org/2001/10/xml-exc-c14n#",
    "digest": "http://www.w3.org/2001/04/xmlenc#sha256",
    "signature": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "reference": 'URI="#body"',
    "transforms": "</ds:Transforms>",
}


def test_what_is_signed_anew_without_a_change_holds() -> None:
    assert holds(resigned())


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ("canonical", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        ("canonical", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"),
        ("digest", "http://www.w3.org/2000/09/xmldsig#sha1"),
        ("signature", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
        ("signature", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"),
        ("reference", 'URI=""'),
        ("reference", 'URI="body"'),
        ("reference", 'URI="#xpointer(/)"'),
        ("reference", 'URI="http://127.0.0.1/#body"'),
        ("reference", ""),
        (
            "transforms",
            '<ds:Transform Algorithm="urn:another"></ds:Transform></ds:Transforms>',
        ),
    ],
)
def test_another_profile_is_refused_whoever_signed_it(what: str, instead: str) -> None:
    assert not holds(resigned(**{what: instead}))


@pytest.mark.parametrize("place", ["Header", "Security"])
def test_the_signed_body_does_not_vouch_for_another_one(place: str) -> None:
    """Signature wrapping: the genuine Body is moved aside, another one stands in its place."""
    text = SIGNED.decode()
    (body,) = re.findall("<soapenv:Body .*</soapenv:Body>", text)
    forged = body.replace("<b>1</b>", "<b>2</b>")
    for other in (forged, forged.replace(' wsu:Id="body"', ""), forged.replace('"body"', '"b"')):
        end = "</wsse:Security>" if place == "Security" else "</soapenv:Header>"
        aside = body if place == "Security" else f'<x:w xmlns:x="urn:x">{body}</x:w>'
        assert not holds(text.replace(body, other).replace(end, aside + end).encode())


@given(st.data())
def test_no_byte_of_what_is_signed_may_change(data: st.DataObject) -> None:
    start = SIGNED.index(b"<ds:SignedInfo")
    end = SIGNED.index(b"</ds:SignedInfo>")
    at = data.draw(st.integers(start, end - 1))
    other = data.draw(st.integers(32, 126).filter(lambda byte: byte != SIGNED[at]))
    changed = SIGNED[:at] + bytes([other]) + SIGNED[at + 1 :]
    try:
        root = etree.fromstring(changed)
    except etree.XMLSyntaxError:
        return
    # A declaration of a prefix that nobody uses is not part of what is signed.
    is_same = _signed_info(root) == _signed_info(etree.fromstring(SIGNED))
    assert holds(changed) is is_same


def _signed_info(root: etree._Element) -> list[bytes]:
    infos = root.iter("{http://www.w3.org/2000/09/xmldsig#}SignedInfo")
    return [xml_signature.canonical(info) for info in infos]


def test_a_prefix_that_nobody_uses_may_be_declared() -> None:
    declared = b'<ds:SignedInfo xmlns:ds="'
    assert declared in SIGNED
    assert holds(SIGNED.replace(declared, b'<ds:SignedInfo xmlns:_s="'))


def test_without_a_key_nothing_is_signed() -> None:
    for key in ("", "not a key", PUBLIC):
        with pytest.raises(ValueError, match=r"."):
            ws_security.signed(CALL, key)
