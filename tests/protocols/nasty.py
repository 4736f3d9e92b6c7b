"""Payments of the vectors with one field replaced by something that no field should hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote

from server.messages import Hold, Pay
from server.money import Money
from server.protocols import Request
from tests.protocols.vectors import Vector, load_vectors

_BEFORE = r"""(?:(?<=[>="':{\s])|(?<=%3E)|(?<=%22)|(?<=^))"""
_AFTER = r"""(?=[<&"',}\s]|%3C|%22|$)"""
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_JSON_ESCAPES = {'"': '\\"', "\\": "\\\\", "\0": "\\u0000"}

_DOCUMENT_IN_A_FORM = re.compile("=%3C[%A-Za-z][^&]*%3C%2F[A-Za-z]+%3E(&|$)")


@dataclass(frozen=True)
class Medium:
    """How a request of this kind writes text: escaped for XML or JSON, percent-encoded, or both."""

    is_xml: bool
    is_json: bool
    is_form: bool

    def written(self, text: str) -> str:
        if self.is_xml:
            text = "".join(_ESCAPES.get(each, each) for each in text)
        if self.is_json:
            text = "".join(_JSON_ESCAPES.get(each, each) for each in text)
        return quote(text, safe="") if self.is_form else text


def raw(request: Request) -> str:
    """The part of a request that carries its fields."""
    return request.body.decode("latin-1") if request.body else request.query


def with_raw(request: Request, text: str) -> Request:
    """The same request, carrying this; a body gets it in UTF-8."""
    return replace(request, body=text.encode()) if request.body else replace(request, query=text)


def medium_of(request: Request) -> Medium:
    text = raw(request).lstrip()
    is_xml, is_json = text.startswith("<"), text.startswith("{")
    holds_xml = _DOCUMENT_IN_A_FORM.search(text) is not None
    return Medium(is_xml or holds_xml, is_json, not (is_xml or is_json))


def payments(protocol: str) -> Iterator[Vector]:
    """The vectors whose request is understood as a payment or a hold."""
    for vector in load_vectors():
        if vector.protocol == protocol and isinstance(vector.meaning, Pay | Hold):
            yield vector


def with_field(vector: Vector, field: str, text: str) -> Request | None:
    """The vector's request with another account, amount or id; None where it is not written out."""
    written = medium_of(vector.request).written(text)
    before = raw(vector.request)
    for form in _forms(vector, field):
        pattern = re.compile(f"{_BEFORE}{re.escape(form)}{_AFTER}")
        if pattern.search(before):
            return with_raw(vector.request, pattern.sub(lambda _: written, before))
    return None


def _forms(vector: Vector, field: str) -> Iterator[str]:
    meaning = vector.meaning
    assert isinstance(meaning, Pay | Hold)
    match field:
        case "account":
            yield meaning.account
        case "payment_id":
            yield meaning.agent_payment_id
        case "amount":
            yield from _sums(meaning.amount)


def _sums(amount: Money) -> Iterator[str]:
    text = str(amount)
    yield text
    yield f"{text}0"
    yield text.rstrip("0").rstrip(".")
    yield text.replace(".", ",")
    yield str(amount.kopecks)
