"""SOAP 1.1 and 1.2 over HTTP, document style: envelopes and faults, read and written.

A reply speaks the version of its request. Which operation the Body holds is the protocol's matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from lxml import etree

from server.protocols import Headers, Response, xml
from server.refusals import Refusal, Refused


class Version(Enum):
    """A version is its envelope's namespace."""

    SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
    SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"


class FaultCode(Enum):
    """Who is at fault, in the words of SOAP 1.1."""

    CLIENT = "Client"
    SERVER = "Server"
    VERSION_MISMATCH = "VersionMismatch"
    MUST_UNDERSTAND = "MustUnderstand"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request: the header's blocks and the only child of the Body."""

    version: Version
    headers: tuple[etree._Element, ...]
    content: etree._Element


ENVELOPE = "Envelope"
"""The `field` of a refusal for a document whose envelope is of no version we speak."""

_CONTENT_TYPES = {
    Version.SOAP_11: "text/xml; charset=utf-8",
    Version.SOAP_12: "application/soap+xml; charset=utf-8",
}
_CODES_12 = {FaultCode.CLIENT: "Sender", FaultCode.SERVER: "Receiver"}
_ENVELOPES = {f"{{{version.value}}}Envelope": version for version in Version}
_ACTION_12 = re.compile(r';\s*action\s*=\s*"?([^";]*)', re.IGNORECASE)


def read(body: bytes) -> Envelope:
    """The envelope in a request's body. Raises Refused(MALFORMED)."""
    root = xml.parse(body)
    version = _ENVELOPES.get(str(root.tag))
    if version is None:
        raise Refused(Refusal.MALFORMED, "not an envelope of SOAP 1.1 or 1.2", ENVELOPE)
    bodies = root.findall(f"{{{version.value}}}Body")
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise Refused(Refusal.MALFORMED, "not one Body with one child")
    headers = root.findall(f"{{{version.value}}}Header/*")
    return Envelope(version, tuple(headers), bodies[0][0])


def local_name(element: etree._Element) -> str:
    """The element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def expected_version(headers: Headers) -> Version:
    """What the sender seems to speak when its envelope cannot be read."""
    media_type = headers.get("content-type", "").lower()
    return Version.SOAP_12 if media_type.startswith("application/soap+xml") else Version.SOAP_11


def action(headers: Headers) -> str:
    """The SOAPAction header or, in 1.2, the Content-Type's action; without quotes."""
    if "soapaction" in headers:
        return headers["soapaction"].strip().strip('"')
    found = _ACTION_12.search(headers.get("content-type", ""))
    return found[1].strip() if found else ""


def respond(version: Version, content: str, status: int = 200) -> Response:
    """An envelope around markup that is already escaped."""
    markup = (
        f'<soapenv:Envelope xmlns:soapenv="{version.value}"><soapenv:Body>{content}'
        "</soapenv:Body></soapenv:Envelope>"
    )
    return Response(xml.document(markup), _CONTENT_TYPES[version], status)


def fault(version: Version, code: FaultCode, text: str, language: str = "ru") -> Response:
    """A fault with the HTTP status that the version's binding asks for.

    SOAP 1.1 (6.2): always 500. SOAP 1.2 part 2 (7.5.2.2): 400 when the sender is at fault.
    """
    if version is Version.SOAP_11:
        content = (
            f"<soapenv:Fault><faultcode>soapenv:{code.value}</faultcode>"
            f'<faultstring xml:lang="{language}">{xml.escape(text)}</faultstring></soapenv:Fault>'
        )
        return respond(version, content, 500)
    content = (
        f"<soapenv:Fault><soapenv:Code><soapenv:Value>soapenv:{_CODES_12.get(code, code.value)}"
        f'</soapenv:Value></soapenv:Code><soapenv:Reason><soapenv:Text xml:lang="{language}">'
        f"{xml.escape(text)}</soapenv:Text></soapenv:Reason></soapenv:Fault>"
    )
    return respond(version, content, 400 if code is FaultCode.CLIENT else 500)
