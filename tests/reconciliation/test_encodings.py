"""The four-candidate scorer."""

from __future__ import annotations

import pytest

from server.reconciliation.formats.encodings import Survey

ENCODINGS = ("utf-8", "cp1251", "cp866", "koi8-r")
TEXTS = (
    "Иванов Иван Иванович",
    "ОАО СБЕРБАНК РОССИИ, ОТДЕЛЕНИЕ № 7",
    "г. Заречный, ул. Ленина, д. 5, кв. 12",
    "Оплата за отопление и холодную воду, январь 2026 года",
    "ПЁТР ЩУКИН; подъезд; съёмщик; объём",
)


def survey(content: bytes, size: int = 1 << 20) -> Survey:
    found = Survey()
    for start in range(0, len(content), size):
        found.feed(content[start : start + size])
    return found


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", TEXTS)
def test_russian_text_is_told_apart(text: str, encoding: str) -> None:
    content = text.encode(encoding, errors="replace")
    assert survey(content).encoding(ENCODINGS) == encoding


@pytest.mark.parametrize("encoding", ["cp1251", "cp866"])
@pytest.mark.parametrize("word", ["РЦ", "Банк", "УК", "касса", "ЕИРЦ"])
def test_one_word_is_enough_for_the_usual_two(word: str, encoding: str) -> None:
    assert survey(word.encode(encoding)).encoding(ENCODINGS) == encoding


def test_pure_ascii_is_the_first_candidate() -> None:
    assert survey(b"###|108|").encoding(ENCODINGS) == "utf-8"
    assert survey(b"").encoding(("cp866", "cp1251")) == "cp866"


def test_a_stated_encoding_is_not_guessed() -> None:
    assert survey("Банк".encode("cp866")).encoding(("cp1251",)) == "cp1251"


def test_a_letter_cut_by_a_block_is_still_utf_8() -> None:
    assert survey("Банк".encode(), size=1).encoding(ENCODINGS) == "utf-8"


def test_a_letter_cut_by_the_end_is_not() -> None:
    assert survey("Банк".encode()[:-1]).encoding(ENCODINGS) != "utf-8"
