"""XML signatures (XML-DSig 1.0) in one closed profile: RSA-SHA256, exclusive canonicalisation.

The key is known beforehand, so KeyInfo is not read. Whoever asks names the elements that may be
signed and where they stand; a reference to anything else is refused, and nothing is searched for in
the document. So there is no second element for a signature to be moved to.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping

from lxml import etree

from server.protocols import signatures
from server.protocols.signatures import Digest, wrong

NAMESPACE = "http://www.w3.org/2000/09/xmldsig#"
SIGNATURE = f"{{{NAMESPACE}}}Signature"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_INCLUSIVE = f"{{{_EXCLUSIVE}}}InclusiveNamespaces"
_REFERENCES_MAX = 5
_PREFIXES_MAX = 20
_PREFIX = re.compile(r"[A-Za-z_][\w.-]{0,63}")


def require_signed(
    signature: etree._Element, signable: Mapping[str, etree._Element], must: str, key_pem: str
) -> None:
    """That the key's owner has signed the element `must`, and of the others what it refers to.

    `signable` are elements by their ids. Raises Refused(NOT_AUTHENTIC).
    """
    info = _only(signature, "SignedInfo")
    method = _only(info, "CanonicalizationMethod")
    _require_algorithm(method, _EXCLUSIVE)
    _require_algorithm(_only(info, "SignatureMethod"), _RSA_SHA256)
    references = _all(info, "Reference")
    if not 1 <= len(references) <= _REFERENCES_MAX or len(references) + 2 != len(info):
        raise wrong()
    value = _bytes(_only(signature, "SignatureValue"))
    said = canonical(info, _prefixes(method))
    if not signatures.rsa_bytes_hold(key_pem, value, said, Digest.SHA_256):
        raise wrong()
    signed = {_digested(reference, signable) for reference in references}
    if must not in signed or len(signed) < len(references):
        raise wrong()


def _digested(reference: etree._Element, signable: Mapping[str, etree._Element]) -> str:
    """The id of the element whose digest this is."""
    uri = reference.get("URI", "")
    element = signable.get(uri[1:]) if uri.startswith("#") else None
    transforms = _only(reference, "Transforms")
    if element is None or len(transforms) != 1:
        raise wrong()
    transform = _only(transforms, "Transform")
    _require_algorithm(transform, _EXCLUSIVE)
    _require_algorithm(_only(reference, "DigestMethod"), _SHA256)
    digest = hashlib.sha256(canonical(element, _prefixes(transform))).digest()
    if not hmac.compare_digest(digest, _bytes(_only(reference, "DigestValue"))):
        raise wrong()
    return uri[1:]


def _only(parent: etree._Element, name: str) -> etree._Element:
    found = _all(parent, name)
    if len(found) != 1:
        raise wrong()
    return found[0]


def _all(parent: etree._Element, name: str) -> list[etree._Element]:
    # By hand: a path is worked out anew with each findall.
    return list(parent.iterchildren(f"{{{NAMESPACE}}}{name}"))


def _require_algorithm(element: etree._Element, algorithm: str) -> None:
    if element.get("Algorithm") != algorithm:
        raise wrong()


def _prefixes(method: etree._Element) -> list[str]:
    """Of namespaces that are canonicalised although nothing visible uses them."""
    if not len(method):
        return []
    listed = method[0].get("PrefixList", "").split() if method[0].tag == _INCLUSIVE else []
    if len(method) != 1 or len(listed) > _PREFIXES_MAX:
        raise wrong()
    if not all(_PREFIX.fullmatch(prefix) for prefix in listed):
        raise wrong()
    return listed


def _bytes(element: etree._Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except ValueError:
        raise wrong() from None


def canonical(element: etree._Element, prefixes: list[str] | None = None) -> bytes:
    """The element by Exclusive XML Canonicalization 1.0, without comments."""
    return etree.tostring(
        element,
        method="c14n",
        exclusive=True,
        with_comments=False,
        inclusive_ns_prefixes=prefixes or None,
    )


def signature_markup(elements: Mapping[str, etree._Element], key_pem: str) -> str:
    """A Signature over these elements by their ids. Raises ValueError when the key is none."""
    references = "".join(
        f'<ds:Reference URI="#{name}"><ds:Transforms><ds:Transform Algorithm="{_EXCLUSIVE}">'
        f'</ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="{_SHA256}"></ds:DigestMethod>'
        f"<ds:DigestValue>{_base64(hashlib.sha256(canonical(element)).digest())}</ds:DigestValue>"
        "</ds:Reference>"
        for name, element in elements.items()
    )
    # Written as it is canonicalised, so that it can be signed as it is.
    info = (
        f'<ds:SignedInfo xmlns:ds="{NAMESPACE}">'
        f'<ds:CanonicalizationMethod Algorithm="{_EXCLUSIVE}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{_RSA_SHA256}"></ds:SignatureMethod>'
        f"{references}</ds:SignedInfo>"
    )
    value = signatures.sign_rsa_bytes(key_pem, info.encode(), Digest.SHA_256)
    return (
        f'<ds:Signature xmlns:ds="{NAMESPACE}">{info}'
        f"<ds:SignatureValue>{_base64(value)}</ds:SignatureValue></ds:Signature>"
    )


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
