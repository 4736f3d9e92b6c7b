"""Signatures: those that others have made, and that every wrong one looks the same."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from server.protocols import Request
from server.protocols.signatures import (
    AGENT_PUBLIC_KEY,
    Digest,
    basic,
    digest_hex,
    hmac_hex,
    require_fresh,
    require_hex,
    rsa_holds,
    same,
    secret,
    sign_rsa,
    verify_rsa,
)
from server.refusals import Refusal, Refused
from tests.protocols.vectors import load_keys, make_agent

# A key that a third party published together with signatures made by it.
EASYPAY_CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIByzCCATQCCQC3G6LpvjczYzANBgkqhkiG9w0BAQUFADAqMRswGQYDVQQDExJQ
cm92aWRlclNpZ24tRG9yaXMxCzAJBgNVBAYTAlVBMB4XDTE3MTAxNzA3MjgxNVoX
DTQ1MDMwMzA3MjgxNVowKjEbMBkGA1UEAxMSUHJvdmlkZXJTaWduLURvcmlzMQsw
CQYDVQQGEwJVQTCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEAn9uw3d6hnGfI
IkJpNkDArTOV+fQ23jR9ok6qY13jOULZO2DVqN5Zh5hijat40G+P+D3mVP69WULc
AZTmQ/Nv6EQ27uaitl/t115QA6PW6ar72B6u4ccUWyQT8KInlf+H2AlWUY6JssxB
557XxaIBSrTS36l0j/YWMOxXpxNWdJUCAwEAATANBgkqhkiG9w0BAQUFAAOBgQBB
capSm+Zuh7MrtsN5v4P2IlRhJlCGdwDFGplziGrYRdG/h7yKN7t0b9qKm4AZ3HQF
2P7akBdls4kISBCyFmSmQgJYTmcT4rlSC61Ep0b7EG3ZZCo9Q3JxBz/PVBaN8vr5
Vuf6VKAlYYYinYoLCs2NmIKw/nH0ocAHA8qQLd0MmA==
-----END CERTIFICATE-----
"""
EASYPAY_REPLY = (
    b"<Response><StatusCode></StatusCode><StatusDetail></StatusDetail>"
    b"<DateTime>2017-07-28T12:36:07</DateTime></Response>"
)
EASYPAY_SIGNATURE = (
    "6F27518C3348B06CF06B722B873413D332C74E70E7F6B76808BB4E42E2B95E2B4422EA2DE68D9E731B97192C1405"
    "F23141DCF78E37EEA7362D16A5AD6207241C36F9E1DCAA49AB4E6A3686EC6C154AFEF69651BB149827374168DA24"
    "EA6C7522BD202879E6383E89D27D7CFA036D9282E6FC63345063C46747094386D1E639FF"
)
NOW = dt.datetime(2026, 1, 15, 7, 20, 31, tzinfo=dt.UTC)
every_digest = pytest.mark.parametrize("digest", list(Digest))


def keys() -> tuple[str, str]:
    return load_keys()["agent_private_key"], load_keys()["agent_public_key"]


def request() -> Request:
    return Request("GET", "/pay/x", "", {}, b"", make_agent("osmp"), NOW)


def test_a_signature_of_another_program_holds_with_its_certificate() -> None:
    """EasySoft-Provider 3.1 in PHP, test/SignTest.php: openssl_sign with SHA-1."""
    assert rsa_holds(EASYPAY_CERTIFICATE, EASYPAY_SIGNATURE, EASYPAY_REPLY, Digest.SHA_1)
    assert not rsa_holds(EASYPAY_CERTIFICATE, EASYPAY_SIGNATURE, EASYPAY_REPLY, Digest.SHA_256)
    assert not rsa_holds(EASYPAY_CERTIFICATE, EASYPAY_SIGNATURE, EASYPAY_REPLY + b" ", Digest.SHA_1)


@every_digest
def test_what_is_signed_holds_and_nothing_else(digest: Digest) -> None:
    private, public = keys()
    signature = sign_rsa(private, b"abc", digest)
    assert rsa_holds(public, signature, b"abc", digest)
    assert rsa_holds(public, signature.upper(), b"abc", digest)
    assert not rsa_holds(public, signature, b"abd", digest)
    others = [other for other in Digest if other is not digest]
    assert not any(rsa_holds(public, signature, b"abc", other) for other in others)


def test_a_wrong_signature_looks_the_same_whatever_was_wrong() -> None:
    private, public = keys()
    good = sign_rsa(private, b"abc", Digest.SHA_256)
    told = set()
    for key, signature, signed in (
        (public, good, b"abd"),
        (public, "", b"abc"),
        (public, "zz", b"abc"),
        (public, good[:-1], b"abc"),
        (public, good[:-2], b"abc"),
        (public, f" {good}", b"abc"),
        (public, "٣" * 512, b"abc"),
        (load_keys()["server_public_key"], good, b"abc"),
        ("", good, b"abc"),
        ("not a key", good, b"abc"),
        ("\udc80", good, b"abc"),
    ):
        with pytest.raises(Refused) as refused:
            verify_rsa({AGENT_PUBLIC_KEY: key}, signature, signed, Digest.SHA_256)
        told.add((refused.value.refusal, refused.value.detail, refused.value.field))
    with pytest.raises(Refused) as refused:
        verify_rsa({}, good, b"abc", Digest.SHA_256)
    told.add((refused.value.refusal, refused.value.detail, refused.value.field))
    with pytest.raises(Refused) as refused:
        require_hex("00", digest_hex(Digest.MD5, b""))
    told.add((refused.value.refusal, refused.value.detail, refused.value.field))
    with pytest.raises(Refused) as refused:
        secret({"secret": ""}, "secret")
    told.add((refused.value.refusal, refused.value.detail, refused.value.field))
    assert told == {(Refusal.NOT_AUTHENTIC, "the signature", "")}


def test_only_a_plain_rsa_key_signs_and_checks() -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    pem = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    locked = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    public = curve.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for key in (pem, locked.decode(), "", "not a key"):
        with pytest.raises(ValueError, match=r"."):
            sign_rsa(key, b"abc", Digest.SHA_256)
    assert not rsa_holds(public.decode(), "00", b"abc", Digest.SHA_256)


def test_a_digest_over_windows_1251_is_that_of_the_source() -> None:
    """A test page of an iPay integrator: the salt, the reply, and the digest in its header."""
    reply = """*^:s??1;"-_3=+\\d/e,.)(<?xml version="1.0" encoding="windows-1251"?>
<ServiceProvider_Response>
<ServiceInfo>
<Amount Editable="Y" MinAmount="5000" MaxAmount ="1000000">
<Debt>10000</Debt>
<Penalty></Penalty>
</Amount>
<Name>
<Surname>БОНУС</Surname>
<FirstName> </FirstName>
<Patronymic> </Patronymic>
</Name>
<Info xml:space="preserve">
<InfoLine>Оплата услуг интернет-провайдера "Мир"</InfoLine>
<InfoLine>Login: ivanov</InfoLine>
</Info>
</ServiceInfo>
</ServiceProvider_Response>"""
    found = digest_hex(Digest.MD5, reply.encode("windows-1251"))
    require_hex("110B4544929D67DC89C0CBE395ECB6DB", found)


def test_an_hmac_is_that_of_its_standard() -> None:
    """RFC 4231, case 2, and RFC 2202, case 2."""
    text = b"what do ya want for nothing?"
    assert hmac_hex(Digest.SHA_256, "Jefe", text).startswith("5bdcc146bf60754e6a042426089575c7")
    assert hmac_hex(Digest.MD5, "Jefe", text) == "750c783e6ab0b503eaa86e310a5db738"


def test_texts_are_compared_whole() -> None:
    assert same("ключ", "ключ")
    assert not same("ключ", "ключа")
    assert not same("\ud800", "ключ")


@pytest.mark.parametrize(
    ("header", "credentials"),
    [
        ("Basic UGF5Y29tOmszeS1zYW5kYm94", "Paycom:k3y-sandbox"),
        ("basic UGF5Y29tOmszeS1zYW5kYm94", "Paycom:k3y-sandbox"),
        ("Bearer UGF5Y29tOmszeS1zYW5kYm94", ""),
        ("Basic UGF5Y29tOmszeS1zYW5kYm9", ""),
        ("Basic /w==", ""),
        ("Basic ключ", ""),
        ("Basic", ""),
        ("", ""),
    ],
)
def test_basic_credentials_are_read_or_there_are_none(header: str, credentials: str) -> None:
    assert basic({"authorization": header}) == credentials
    assert basic({}) == ""


@pytest.mark.parametrize(
    ("minutes_off", "fresh"), [(-11, False), (-10, True), (10, True), (11, False)]
)
def test_a_window_has_two_ends(minutes_off: int, fresh: bool) -> None:
    signed_at = NOW + dt.timedelta(minutes=minutes_off)
    if fresh:
        require_fresh(signed_at, request(), 10)
    else:
        with pytest.raises(Refused):
            require_fresh(signed_at, request(), 10)
