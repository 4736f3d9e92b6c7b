"""Which encoding a file is in, when nobody says: a scorer of four candidates.

Valid UTF-8 with Russian letters is UTF-8. The eight-bit encodings are all valid, so they are told
apart by how usual the letters would be and whether words would be written as people write them:
KOI8-R read as cp1251 gives letters too, but the wrong ones and in the wrong case.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Sequence

_WORD = re.compile(rb"[\x80-\xff]+")
_WORDS_MAX = 20_000

# Occurrences of а…я and ё among a thousand letters of Russian text.
_FREQUENCY = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяё",
        (80, 16, 45, 17, 30, 84, 9, 16, 73, 12, 35, 44, 32, 67, 110, 28, 47, 55, 63, 26, 3, 10, 5,
         14, 7, 4, 1, 19, 17, 3, 6, 20, 1),
        strict=True,
    )
)  # fmt: skip
_SCORE = {letter: math.log(count / 1000) for letter, count in _FREQUENCY.items()}
_SIGNS = frozenset("№«»–—…°")  # in use beside letters; worth as much as a rare letter
_SIGN_SCORE = math.log(0.001)
_STRANGE_SCORE = math.log(0.000_001)
_ODD_CASE_SCORE = math.log(0.001)
# Nobody in this field has been seen to send KOI8-R: two or three words must speak for it.
_HANDICAP = {"koi8-r": -12.0}


class Survey:
    """Collects what is needed to tell, block by block, and keeps little of it."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._valid_utf8 = True
        self._words: dict[bytes, int] = {}
        self._mark: bool | None = None

    def feed(self, block: bytes) -> None:
        """The next bytes of the file."""
        if self._mark is None and block:
            self._mark = block.startswith(codecs.BOM_UTF8)
        if self._valid_utf8:
            self._valid_utf8 = _decodes(self._utf8, block)
        if not block.isascii():
            self._remember(block)

    def encoding(self, candidates: Sequence[str]) -> str:
        """The most plausible of the candidates; the first one for a pure ASCII file."""
        if not self._words or len(candidates) == 1:
            return candidates[0]
        if "utf-8" in candidates and (self._mark or self._whole_utf8()):
            return "utf-8"
        eight_bit = [name for name in candidates if name != "utf-8"]
        return max(eight_bit or candidates, key=self._plausibility)

    def _whole_utf8(self) -> bool:
        return self._valid_utf8 and not self._utf8.getstate()[0]

    def _remember(self, block: bytes) -> None:
        for word in _WORD.findall(block):
            if word in self._words:
                self._words[word] += 1
            elif len(self._words) < _WORDS_MAX and len(word) <= 100:
                self._words[word] = 1

    def _plausibility(self, encoding: str) -> float:
        return _HANDICAP.get(encoding, 0.0) + sum(
            math.log2(1 + count) * _word_score(word.decode(encoding, errors="replace"))
            for word, count in self._words.items()
        )


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes) -> bool:
    try:
        decoder.decode(block)
    except UnicodeDecodeError:
        return False
    return True


def _word_score(word: str) -> float:
    total = 0.0
    for letter in word.lower():
        if letter in _SIGNS:
            total += _SIGN_SCORE
        else:
            total += _SCORE.get(letter, _STRANGE_SCORE)
    as_written = word.islower() or word.isupper() or word.istitle()
    return total if as_written else total + _ODD_CASE_SCORE
