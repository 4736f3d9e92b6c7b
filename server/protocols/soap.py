"""SOAP 1.1 and 1.2 over HTTP, document style: envelopes and faults, read and written.

A reply speaks the version of its request. Which operation the Body holds is the protocol's matter.
"""

from __future__ import annotations

import re
from collections.abc import Collection
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

MUST_UNDERSTAND = "mustUnderstand"
"""The `field` of a refusal for a header block that we would have to know and do not."""

_CONTENT_TYPES = {
    Version.SOAP_11: "text/xml; charset=utf-8",
    Version.SOAP_12: "application/soap+xml; charset=utf-8",
}
_CODES_12 = {FaultCode.CLIENT: "Sender", FaultCode.SERVER: "Receiver"}
_ENVELOPES = {f"{{{version.value}}}Envelope": version for version in Version}
_PARTS = {
    version: (f"{{{version.value}}}Header", f"{{{version.value}}}Body") for version in Version
}
_ACTION_12 = re.compile(r';\s*action\s*=\s*"?([^";]*)', re.IGNORECASE)


def read(
    body: bytes,
    bytes_max: int = xml.BODY_BYTES_MAX,
    encodings: Collection[str] = xml.ENCODINGS,
) -> Envelope:
    """The envelope in a request's body. Raises Refused(MALFORMED)."""
    root = xml.parse(body, encodings, bytes_max)
    version = _ENVELOPES.get(str(root.tag))
    if version is None:
        raise Refused(Refusal.MALFORMED, "not an envelope of SOAP 1.1 or 1.2", ENVELOPE)
    header_tag, body_tag = _PARTS[version]
    bodies = [child for child in root if child.tag == body_tag]
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise Refused(Refusal.MALFORMED, "not one Body with one child")
    headers = tuple(block for child in root if child.tag == header_tag for block in child)
    return Envelope(version, headers, bodies[0][0])


@dataclass(frozen=True, slots=True)
class Subcode:
    """A qualified name that says more than a fault's code."""

    prefix: str
    namespace: str
    name: str


# Whoever a block is not addressed to need not understand it.
_OURS = frozenset(
    {
        "",
        "http://schemas.xmlsoap.org/soap/actor/next",
        "http://www.w3.org/2003/05/soap-envelope/role/next",
        "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
    }
)


def require_understood(envelope: Envelope, known: Collection[str]) -> None:
    """Raises Refused(MALFORMED) for a mandatory block of ours whose tag is not among the known."""
    space = envelope.version.value
    for header in envelope.headers:
        if header.tag in known:
            continue
        role = header.get(f"{{{space}}}actor", header.get(f"{{{space}}}role", ""))
        mandatory = header.get(f"{{{space}}}mustUnderstand", "").strip() in ("1", "true")
        if mandatory and role in _OURS:
            raise Refused(Refusal.MALFORMED, "a mandatory header block", MUST_UNDERSTAND)


def local_name(element: etree._Element) -> str:
    """The element's name without its namespace."""
    tag = element.tag
    return tag[tag.rfind("}") + 1 :] if isinstance(tag, str) else ""


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


def fault(
    version: Version,
    code: FaultCode,
    text: str,
    language: str = "ru",
    *,
    subcode: Subcode | None = None,
    detail: str = "",
) -> Response:
    """A fault with the HTTP status that the version's binding asks for; `detail` is markup.

    SOAP 1.1 (6.2): always 500. SOAP 1.2 part 2 (7.5.2.2): 400 when the sender is at fault.
    """
    if version is Version.SOAP_11:
        plain = f"<faultcode>soapenv:{code.value}</faultcode>"
        content = (
            f"<soapenv:Fault>{_qualified('faultcode', subcode) if subcode else plain}"
            f'<faultstring xml:lang="{language}">{xml.escape(text)}</faultstring>'
            f"{_inside('detail', detail)}</soapenv:Fault>"
        )
        return respond(version, content, 500)
    narrower = _inside("soapenv:Subcode", _qualified("soapenv:Value", subcode) if subcode else "")
    content = (
        f"<soapenv:Fault><soapenv:Code><soapenv:Value>soapenv:{_CODES_12.get(code, code.value)}"
        f"</soapenv:Value>{narrower}</soapenv:Code><soapenv:Reason>"
        f'<soapenv:Text xml:lang="{language}">{xml.escape(text)}</soapenv:Text></soapenv:Reason>'
        f"{_inside('soapenv:Detail', detail)}</soapenv:Fault>"
    )
    return respond(version, content, 400 if code is FaultCode.CLIENT else 500)


def _inside(name: str, markup: str) -> str:
    return f"<{name}>{markup}</{name}>" if markup else ""


def _qualified(element: str, name: Subcode) -> str:
    space = f'xmlns:{name.prefix}="{name.namespace}"'
    return f"<{element} {space}>{name.prefix}:{name.name}</{element}>"
