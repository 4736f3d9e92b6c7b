"""Envelopes and faults of SOAP 1.1 and 1.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from server.protocols import soap
from server.refusals import Refusal, Refused

NS_11 = "http://schemas.xmlsoap.org/soap/envelope/"
NS_12 = "http://www.w3.org/2003/05/soap-envelope"


def envelope(inside: str, namespace: str = NS_11) -> bytes:
    return f'<e:Envelope xmlns:e="{namespace}">{inside}</e:Envelope>'.encode()


def refusal_of(body: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        soap.read(body)
    assert caught.value.refusal is Refusal.MALFORMED
    return caught.value


@pytest.mark.parametrize(
    ("namespace", "version"), [(NS_11, soap.Version.SOAP_11), (NS_12, soap.Version.SOAP_12)]
)
def test_an_envelope_says_its_version_headers_and_content(
    namespace: str, version: soap.Version
) -> None:
    inside = "<e:Header><a/><b/></e:Header><e:Body>\n<x:c xmlns:x='urn:x'/>\n</e:Body>"
    found = soap.read(envelope(inside, namespace))
    assert found.version is version
    assert [soap.local_name(header) for header in found.headers] == ["a", "b"]
    assert soap.local_name(found.content) == "c"


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "<e:Header/>",
        "<e:Body/>",
        "<e:Body>text</e:Body>",
        "<e:Body><a/><b/></e:Body>",
        "<e:Body><a/></e:Body><e:Body><a/></e:Body>",
        "<Body><a/></Body>",
        f"<x:Body xmlns:x='{NS_12}'><a/></x:Body>",
    ],
)
def test_an_envelope_has_one_body_with_one_child(inside: str) -> None:
    refusal_of(envelope(inside))


@pytest.mark.parametrize(
    "body",
    [b"<Envelope><Body><a/></Body></Envelope>", envelope("<e:Body><a/></e:Body>", "urn:soap")],
)
def test_another_version_is_told_from_other_mistakes(body: bytes) -> None:
    assert refusal_of(body).field == soap.ENVELOPE
    assert refusal_of(b"<a>").field == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x1f\x8b\x08\x00",
        b"<!DOCTYPE a>" + envelope("<e:Body><a/></e:Body>"),
        envelope("<e:Body><a>&b;</a></e:Body>"),
        b" " * 10_000_000 + envelope("<e:Body><a/></e:Body>"),
        envelope("<e:Body>" + "<a>" * 300 + "</a>" * 300 + "</e:Body>"),
    ],
)
def test_what_is_no_document_of_ours_is_refused(body: bytes) -> None:
    refusal_of(body)


def test_comments_and_instructions_are_not_content() -> None:
    found = soap.read(envelope("<e:Body><!-- a --><?b c?><d>1<!-- -->2</d></e:Body>"))
    assert found.content.text == "12"


@pytest.mark.parametrize(
    ("headers", "action"),
    [
        ({}, ""),
        ({"soapaction": '"urn:A"'}, "urn:A"),
        ({"soapaction": "urn:A"}, "urn:A"),
        ({"soapaction": '""'}, ""),
        ({"content-type": 'application/soap+xml; action="urn:A"; charset=utf-8'}, "urn:A"),
        ({"content-type": "application/soap+xml;charset=utf-8;ACTION=urn:A"}, "urn:A"),
        ({"content-type": "text/xml"}, ""),
    ],
)
def test_the_action_stands_in_one_of_two_headers(headers: dict[str, str], action: str) -> None:
    assert soap.action(headers) == action


def test_the_media_type_tells_the_version_when_the_body_cannot() -> None:
    assert soap.expected_version({}) is soap.Version.SOAP_11
    assert soap.expected_version({"content-type": "text/xml"}) is soap.Version.SOAP_11
    twelve = {"content-type": "Application/SOAP+xml; charset=utf-8"}
    assert soap.expected_version(twelve) is soap.Version.SOAP_12


def test_a_reply_is_an_envelope_in_utf_8() -> None:
    response = soap.respond(soap.Version.SOAP_11, "<a>ж</a>")
    assert response.content_type == "text/xml; charset=utf-8"
    assert response.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<soapenv:Envelope xmlns:soapenv="{NS_11}"><soapenv:Body><a>ж</a></soapenv:Body>'
        "</soapenv:Envelope>"
    )
    twelve = soap.respond(soap.Version.SOAP_12, "<a/>")
    assert twelve.content_type == "application/soap+xml; charset=utf-8"


@pytest.mark.parametrize(
    ("version", "code", "status", "word"),
    [
        (soap.Version.SOAP_11, soap.FaultCode.CLIENT, 500, "soapenv:Client"),
        (soap.Version.SOAP_11, soap.FaultCode.SERVER, 500, "soapenv:Server"),
        (soap.Version.SOAP_11, soap.FaultCode.VERSION_MISMATCH, 500, "soapenv:VersionMismatch"),
        (soap.Version.SOAP_12, soap.FaultCode.CLIENT, 400, "soapenv:Sender"),
        (soap.Version.SOAP_12, soap.FaultCode.SERVER, 500, "soapenv:Receiver"),
        (soap.Version.SOAP_12, soap.FaultCode.MUST_UNDERSTAND, 500, "soapenv:MustUnderstand"),
    ],
)
def test_a_fault_uses_the_words_and_the_status_of_its_version(
    version: soap.Version, code: soap.FaultCode, status: int, word: str
) -> None:
    response = soap.fault(version, code, "<нет> & \0")
    assert response.status == status
    (fault,) = etree.fromstring(response.body).iter(f"{{{version.value}}}Fault")
    assert list(fault.itertext()) == [word, "<нет> & \ufffd"]


@given(st.binary() | st.text().map(str.encode))
def test_junk_is_refused(body: bytes) -> None:
    refusal_of(body)


@given(st.text(st.characters(exclude_categories=())))
def test_every_text_makes_a_readable_fault(text: str) -> None:
    for version in soap.Version:
        etree.fromstring(soap.fault(version, soap.FaultCode.SERVER, text).body)
