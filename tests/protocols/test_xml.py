"""The shared XML pieces: what goes out is well-formed, what comes in cannot harm."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from server.protocols import xml
from server.refusals import Refusal, Refused

ANY_TEXT = st.text(st.characters(exclude_categories=()))
encodings = pytest.mark.parametrize("encoding", xml.ENCODINGS)


def legal(text: str) -> str:
    """The text with U+FFFD for what XML 1.0 cannot hold, found by another way than the code's."""

    def is_legal(character: str) -> bool:
        point = ord(character)
        return (
            point in (9, 10, 13)
            or 32 <= point < 0xD800
            or 0xE000 <= point < 0xFFFE
            or point > 0xFFFF
        )

    return "".join(character if is_legal(character) else "\ufffd" for character in text)


@encodings
@given(text=ANY_TEXT)
def test_any_text_survives_as_an_element_and_as_an_attribute(encoding: str, text: str) -> None:
    markup = f'<a b="{xml.escape(text)}">{xml.element("c", text)}</a>'
    root = etree.fromstring(xml.document(markup, encoding))
    assert root.get("b") == legal(text)
    assert root.findtext("c") == legal(text)


def test_what_windows_1251_lacks_becomes_a_reference() -> None:
    assert xml.document("<a>Ӧ₽я</a>", xml.WINDOWS_1251) == (
        b'<?xml version="1.0" encoding="windows-1251"?>\n<a>&#1254;&#8381;\xff</a>'
    )


def test_comments_and_cdata_do_not_cut_a_text() -> None:
    root = xml.parse(b"<a>10<!-- x -->04<?p q?>2<![CDATA[17]]></a>")
    assert root.text == "1004217"
    assert len(root) == 0


def test_windows_1251_is_read_as_declared() -> None:
    document = '<?xml version="1.0" encoding="Windows-1251"?><a>Иванов</a>'.encode("cp1251")
    assert xml.parse(document).text == "Иванов"


BOMB = (
    b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">'
    b'<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]><a x="&d;">&d;</a>'
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<a>", id="unfinished"),
        pytest.param(b"<a/><b/>", id="two roots"),
        pytest.param(b"<a>&b;</a>", id="undeclared entity"),
        pytest.param(BOMB, id="bomb"),
        pytest.param(b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', id="external DTD"),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
            id="external entity",
        ),
        pytest.param(BOMB.decode().encode("utf-16"), id="bomb in UTF-16"),
        pytest.param(b'<?xml version="1.0" encoding="UTF-7"?><a/>', id="UTF-7"),
        pytest.param(b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-7'?><a/>", id="BOM, UTF-7"),
        pytest.param(b"<?xml version='1.0' standalone='no' encoding='UTF-7'?><a/>", id="order"),
        pytest.param(b"<a>\xff</a>", id="not UTF-8"),
        pytest.param(b"<a>\x01</a>", id="control character"),
        pytest.param(b"<a>\0</a>", id="NUL"),
        pytest.param(b"<a>" * 5000 + b"</a>" * 5000, id="deep"),
        pytest.param(b"<a>" + b"x" * xml.BODY_BYTES_MAX + b"</a>", id="large"),
    ],
)
def test_a_harmful_document_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        xml.parse(body)
    assert refused.value.refusal is Refusal.MALFORMED


@given(st.binary())
def test_junk_is_a_document_or_refused(body: bytes) -> None:
    with contextlib.suppress(Refused):
        assert xml.parse(b"<a>" + body + b"</a>").tag == "a"
