"""What no field should hold, in every protocol: each has a defined answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote

import pytest

from server.messages import AccountChecked, Command, Hold, Pay, RefusedOutcome
from server.money import Money
from server.protocols import Operation, Request, load
from server.refusals import Refusal, Refused
from tests.fuzz.inputs import Case
from tests.fuzz.promises import check, require_readable
from tests.protocols.both_sides import DEMO_FILES, sides, view
from tests.protocols.nasty import medium_of, payments, raw, with_field, with_raw
from tests.protocols.vectors import Vector

PROTOCOLS = sorted(load())
NO_SUMS = ("1e3", "10.005", "0x10", "١٠", "+10", "-10", "", "<&>", "10\0", "NaN", "9" * 25)
SUMS: Mapping[str, Money | None] = dict.fromkeys(NO_SUMS) | {"10,5": Money(1050)}
"""How a sum might be written, and the only sum that it may be taken for."""
WITH_COMMA = {"debtxml", "erip"}
TEXTS = ("<&>", "1\0", str(10**20), "1e3", '"', "\\", "😀", "%00", "]]>", "' or 1=1 --")
UNREADABLE = {Refusal.MALFORMED, Refusal.AMOUNT_MALFORMED}
NAMES = "<&>\"'\\]]>;=|%00\n"


def understood(vector: Vector, request: Request) -> Command | Refusal:
    """Signatures apart: whoever holds the key may write nonsense too."""
    try:
        return load()[vector.protocol].decode(request)
    except Refused as refused:
        return refused.refusal


def said(vector: Vector, field: str, texts: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    """Each text in the field, with what the request is understood as; the answer can be read."""
    codec = load()[vector.protocol]
    for text in texts:
        request = with_field(vector, field, text)
        if request is None:
            continue
        command = understood(vector, request)
        refusal = command if isinstance(command, Refusal) else Refusal.PAYMENT_CONFLICT
        check(Case(codec, request, vector.secrets, RefusedOutcome(refusal)))
        yield text, command


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_sum_is_guessed(protocol: str) -> None:
    refused: dict[str, set[Refusal]] = {text: set() for text in SUMS}
    for vector in payments(protocol):
        before = vector.meaning
        assert isinstance(before, Pay | Hold)
        for text, command in said(vector, "amount", tuple(SUMS)):
            if isinstance(command, Refusal):
                refused[text].add(command)
                continue
            assert isinstance(command, Pay | Hold)
            if command.amount != before.amount:
                assert command.amount == SUMS[text], (vector.name, text)
                assert protocol in WITH_COMMA
    for text, refusals in refused.items():
        assert refusals & UNREADABLE or protocol in WITH_COMMA, text


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("field", ["account", "payment_id"])
def test_a_text_is_kept_as_it_came_or_refused(protocol: str, field: str) -> None:
    seen = set()
    for vector in payments(protocol):
        assert isinstance(vector.meaning, Pay | Hold)
        before = _field(vector.meaning, field)
        for text, command in said(vector, field, TEXTS):
            seen.add(text)
            if isinstance(command, Refusal):
                assert command.final, (vector.name, text, command)
                continue
            assert isinstance(command, Pay | Hold)
            written = medium_of(vector.request).written(text)
            assert _field(command, field) in {text, written, before}, vector.name
            assert "\0" not in _field(command, field)
    assert seen == set(TEXTS)


def _field(command: Pay | Hold, field: str) -> str:
    return command.account if field == "account" else command.agent_payment_id


MARK = "\x01mark\x01"
BROKEN_BYTES = ("\xff\xfe", "\xc3(", "\xed\xa0\x80", "\x80")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("broken", BROKEN_BYTES)
def test_bytes_of_another_encoding_are_refused_or_read_as_declared(
    protocol: str, broken: str
) -> None:
    """In an encoding of one byte a letter everything can be read, and is some letter."""
    for vector in payments(protocol):
        request, marked = vector.request, with_field(vector, "account", MARK)
        if marked is None:
            continue
        text = quote(broken, "", "latin-1") if medium_of(request).is_form else broken
        whole = raw(marked).replace(medium_of(request).written(MARK), text)
        assert whole != raw(marked)
        body = whole.encode("latin-1") if request.body else b""
        changed = replace(request, body=body, query=request.query if body else whole)
        command = understood(vector, changed)
        case = Case(load()[protocol], changed, vector.secrets, RefusedOutcome(Refusal.MALFORMED))
        check(case)
        if not isinstance(command, Refusal):
            assert isinstance(command, Pay | Hold)
            assert "\ufffd" not in command.account, vector.name


DOCTYPES = {
    "bomb": '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]>",
    "file": '<!DOCTYPE r [<!ENTITY i SYSTEM "file:///etc/hostname">]>',
    "network": '<!DOCTYPE r [<!ENTITY i SYSTEM "http://127.0.0.1:1/x">]>',
    "parameter": '<!DOCTYPE r [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]>',
    "empty": "<!DOCTYPE r>",
}
XML = {
    protocol: found
    for protocol in PROTOCOLS
    if (found := [each for each in payments(protocol) if medium_of(each.request).is_xml])
}


ROOTS = {"ckassa": "act"}
"""Where a document is looked for inside another one; what stands around it is not read as XML."""


def _before(name: str, inserted: str, text: str) -> str:
    """With something more before the first element of that name."""
    element = re.compile(f"(<|%3C){name}").search(text)
    assert element is not None
    return text[: element.start()] + inserted + text[element.start() :]


def encoded(vector: Vector, text: str) -> str:
    """As the form says it, where the document is a field of one."""
    return quote(text, "") if medium_of(vector.request).is_form else text


@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES.keys())
@pytest.mark.parametrize("protocol", XML)
def test_no_document_type_is_taken(protocol: str, doctype: str) -> None:
    """Whether its entities are used or not; nothing is expanded, fetched or read from a file."""
    for vector in XML[protocol]:
        marked = with_field(vector, "account", MARK)
        if marked is None:
            continue
        for used in ("&i;", "1"):
            text = raw(marked).replace(encoded(vector, MARK), encoded(vector, used))
            text = _before(ROOTS.get(protocol, "[A-Za-z]"), encoded(vector, doctype), text)
            assert understood(vector, with_raw(vector.request, text)) is Refusal.MALFORMED


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "ebcdic-cp-us", "utf-7", "no-such"])
@pytest.mark.parametrize("protocol", sorted(XML.keys() - ROOTS.keys()))
def test_an_encoding_that_is_not_the_declared_one_is_refused(protocol: str, encoding: str) -> None:
    for vector in XML[protocol]:
        text = re.sub(r"<\?xml.*?\?>\s*|%3C%3Fxml.*?%3F%3E", "", raw(vector.request))
        declared = encoded(vector, f'<?xml version="1.0" encoding="{encoding}"?>')
        text = _before("[A-Za-z]", declared, text)
        assert understood(vector, with_raw(vector.request, text)) is Refusal.MALFORMED, vector.name


@pytest.mark.parametrize(
    "name", sorted(name for name in DEMO_FILES if Operation.CHECK in sides(name).network.asks)
)
def test_names_with_every_sign_change_nothing_of_an_answer(name: str) -> None:
    """They are shown whole and stand for nothing: the network reads the same verdict."""
    both, plain = sides(name), view()
    services = tuple(replace(each, name=NAMES) for each in plain.services)
    strange = replace(plain, holder=NAMES, address=NAMES, services=services)
    response = both.response(Operation.CHECK, AccountChecked(strange))
    require_readable(response)
    verdict = both.answered(Operation.CHECK, AccountChecked(plain))
    assert both.read(Operation.CHECK, response) == verdict
