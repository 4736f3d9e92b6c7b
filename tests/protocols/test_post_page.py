"""docs/post.md names everything that the post office's schema has, and its examples are vectors."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from server.protocols.post.codec import CODEC
from server.protocols.post.codes import DAY_CLOSED, DAY_DIFFERS, FAULTS, OK, OPERATIONS
from server.protocols.post.request import SCHEMA
from server.protocols.ws_security import digest_of
from tests.protocols.vectors import Vector, load_vectors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "post.md").read_text("utf-8")
CLIENTS = ROOT / "tests" / "clients"
XS = "{http://www.w3.org/2001/XMLSchema}"
XSD = etree.fromstring(SCHEMA.encode())
VECTORS = {vector.case: vector for vector in load_vectors() if vector.protocol == "post"}
EXAMPLES = re.findall(r"<!-- (\w+): ([^>]+) -->\n```xml\n(.*?)\n```", PAGE, re.DOTALL)
_COMPACT = etree.XMLParser(remove_blank_text=True)

Row = tuple[str, str, str]


def _named(tag: str) -> dict[str, etree._Element]:
    return {str(node.get("name")): node for node in XSD.iterchildren(f"{XS}{tag}")}


def structures() -> dict[str, etree._Element]:
    """Every type or element that has children, by its name."""
    elements = {
        name: node[-1] if node[-1].tag == f"{XS}complexType" else node.find(f"{XS}complexType")
        for name, node in _named("element").items()
        if node.get("type") is None
    }
    found = {name: node for name, node in elements.items() if node is not None}
    return found | _named("complexType")


def rows_of(structure: etree._Element) -> Iterator[Row]:
    """Field, type, how many: as the page has to say it."""
    for field in structure.iter(f"{XS}element"):
        base = field.find(f"{XS}simpleType/{XS}restriction")
        kind = field.get("type") or (base is not None and base.get("base")) or ""
        low, high = field.get("minOccurs", "1"), field.get("maxOccurs", "1")
        many = low if low == high else f"{low}..{high.replace('unbounded', '∞')}"
        parent = field.getparent()
        is_chosen = parent is not None and parent.tag == f"{XS}choice"
        yield str(field.get("name")), kind.removeprefix("post:"), "одно из" if is_chosen else many


def tables() -> set[tuple[Row, ...]]:
    """Every table of fields on the page."""
    found = re.findall(r"\| поле \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE)
    return {tuple(_row(line) for line in table.splitlines()) for table in found}


def _row(line: str) -> Row:
    field, kind, many, meaning = (cell.strip() for cell in line.strip("|").split("|"))
    assert meaning
    return field.strip("`"), kind.strip("`"), many


@pytest.mark.parametrize("name", sorted(structures()))
def test_every_field_is_in_a_table(name: str) -> None:
    assert f"`{name}`" in PAGE or f"### {name}\n" in PAGE
    assert tuple(rows_of(structures()[name])) in tables()


def test_every_table_is_of_the_schema() -> None:
    assert tables() == {tuple(rows_of(structure)) for structure in structures().values()}


@pytest.mark.parametrize("name", sorted(_named("simpleType")))
def test_every_kind_of_value_is_told(name: str) -> None:
    (told,) = re.findall(rf"^\| `{name}` \| (.+) \|$", PAGE, re.MULTILINE)
    for value in _named("simpleType")[name].iter(f"{XS}enumeration"):
        if name != "ResultCode":
            assert f"`{value.get('value')}`" in told


def test_every_code_is_told_with_whether_to_repeat() -> None:
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| .+ \| (.+) \|$", PAGE, re.MULTILINE))
    codes = {code.code for code in CODEC.codes.values()}
    assert told.keys() == codes | {OK.code, DAY_DIFFERS.code, DAY_CLOSED.code}
    schema = {
        each.get("value") for each in _named("simpleType")["ResultCode"].iter("{*}enumeration")
    }
    assert told.keys() == schema
    assert {code for code, final in told.items() if "нет" in final} == CODEC.repeatable
    undecided = {code for code, final in told.items() if "не сказано" in final}
    assert undecided == {refusal.value for refusal in FAULTS}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_a_section_with_a_request_and_an_answer(name: str) -> None:
    section = re.split(r"^##+ ", PAGE.split(f"\n### {name}\n")[1], flags=re.MULTILINE)[0]
    shown = [label for _, label, _ in EXAMPLES if f": {label} -->" in section]
    assert "запрос" in shown
    assert any(label.startswith("ответ") for label in shown)


def compact(node: etree._Element | str) -> bytes:
    """Without the white space between elements."""
    text = node if isinstance(node, str) else etree.tostring(node, encoding="unicode")
    text = text.removeprefix('<?xml version="1.0" encoding="UTF-8"?>\n')
    return etree.tostring(etree.fromstring(text, _COMPACT), method="c14n", exclusive=True)


@pytest.mark.parametrize(
    ("case", "label", "text"), EXAMPLES, ids=[f"{case}-{label}" for case, label, _ in EXAMPLES]
)
def test_an_example_is_a_vector(case: str, label: str, text: str) -> None:
    assert compact(text) == compact(_shown(VECTORS[case], label))


def _shown(vector: Vector, label: str) -> etree._Element:
    kind, _, rest = label.partition(" ")
    number = re.match(r"[0-9]+", rest)
    reply = vector.replies[int(number[0]) - 1].body if number else b""
    envelope = etree.fromstring(vector.request.body if kind == "запрос" else reply)
    return envelope if label.endswith("целиком") else envelope[-1][0]


def test_the_digest_of_the_page_is_that_of_its_nonce() -> None:
    told = dict(re.findall(r"^\| (`?\w+`?) \| `(.+)` \|$", PAGE, re.MULTILINE))
    body = VECTORS["debt"].request.body.decode()
    (nonce,) = re.findall(r"<wsse:Nonce[^>]*>([^<]+)", body)
    assert told["`Nonce`"] == nonce
    digest = digest_of(base64.b64decode(nonce), told["`Created`"], told["пароль"])
    assert told["дайджест"] == digest
    assert f">{digest}<" in body


def test_the_header_by_hand_is_the_one_that_is_tested() -> None:
    (shown,) = re.findall(r"```php\n(.*?)\n```", PAGE, re.DOTALL)
    assert shown in (CLIENTS / "client.php").read_text("utf-8")
