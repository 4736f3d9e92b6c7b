"""XML as protocols need it: escaping, replies in an agent's encoding, hardened parsing."""

from __future__ import annotations

import re
from collections.abc import Collection

from lxml import etree

from server.refusals import Refusal, Refused

UTF_8 = "utf-8"
WINDOWS_1251 = "windows-1251"
_DECLARED_NAMES = {UTF_8: "UTF-8", WINDOWS_1251: "windows-1251"}
ENCODINGS = (UTF_8, WINDOWS_1251)
"""Both contain ASCII, so that markup can be recognised before decoding."""

BODY_BYTES_MAX = 262_144

# Markup, white space that an attribute would lose, and what XML 1.0 (2.2) does not allow.
_SPECIAL = re.compile('[&<>"\t\n\r]|[^ -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
_MARKUP = re.compile('[&<>"]')
_REFERENCES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
}
_REPLACEMENT = "\ufffd"

_DECLARED_ENCODING = re.compile(
    rb"""(?:\xef\xbb\xbf)?<\?xml[^>]{0,100}?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']"""
)
_PARSER = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
    collect_ids=False,
)


def escape(text: str) -> str:
    """Text for an element or a double-quoted attribute; illegal characters become U+FFFD."""
    # Only markup is special among what is printable, and nearly every text is.
    if not text.isprintable():
        return _SPECIAL.sub(lambda found: _REFERENCES.get(found[0], _REPLACEMENT), text)
    if _MARKUP.search(text) is None:
        return text
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return text.replace(">", "&gt;").replace('"', "&quot;")


def element(name: str, text: str) -> str:
    """An element that holds only text."""
    return f"<{name}>{escape(text)}</{name}>"


def document(markup: str, encoding: str = UTF_8, *, separator: str = "\n") -> bytes:
    """A whole document; characters outside the encoding become character references."""
    declaration = f'<?xml version="1.0" encoding="{_DECLARED_NAMES[encoding]}"?>'
    return (declaration + separator + markup).encode(encoding, "xmlcharrefreplace")


def content_type(encoding: str = UTF_8) -> str:
    """The Content-Type of such a document."""
    return f"text/xml; charset={encoding}"


def parse(
    body: bytes, encodings: Collection[str] = ENCODINGS, bytes_max: int = BODY_BYTES_MAX
) -> etree._Element:
    """The root of a document from a stranger: no DTD, entities, network, comments or huge trees.

    Raises Refused(MALFORMED). Element names stay in libxml2's dictionary for the life of the
    process, so only let agents' requests come here.
    """
    if len(body) > bytes_max:
        raise Refused(Refusal.MALFORMED, f"a document of {len(body)} bytes")
    # A NUL means UTF-16 or UTF-32, in which the next test would be blind.
    if b"\0" in body or b"<!DOCTYPE" in body:
        raise Refused(Refusal.MALFORMED, "a DTD or NUL in the document")
    declared = _DECLARED_ENCODING.match(body)
    encoding = declared[1].decode("ascii").lower() if declared else UTF_8
    if encoding not in encodings:
        raise Refused(Refusal.MALFORMED, f"the encoding {encoding}")
    try:
        return etree.fromstring(body, _PARSER)
    except (etree.XMLSyntaxError, ValueError) as error:
        # The message quotes names and attributes: they may be what nobody should read in a log.
        line, column = getattr(error, "position", (0, 0))
        raise Refused(Refusal.MALFORMED, f"not XML at line {line}, column {column}") from None
