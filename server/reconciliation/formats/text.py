"""Lines of a text file, decoded as the file goes by."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator

from server.reconciliation.formats import FileRefused

LINE_MAX = 65_536
UNREADABLE = "\ufffd"
"""Stands where the bytes are no character of the encoding, or a NUL."""


def lines(blocks: Iterable[bytes], encoding: str) -> Iterator[tuple[int, str]]:
    """(line from 1, text without its end); LF, CRLF and CR end a line, a byte order mark is none.

    Raises FileRefused for a line longer than LINE_MAX: the rest of a file must not pile up.
    """
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(encoding)(errors="replace"), translate=True
    )
    number, tail = 1, ""
    for text in _texts(blocks, decoder):
        whole = (tail + text).split("\n")
        tail = whole.pop()
        for line in whole:
            _check_length(line, number)
            yield number, line
            number += 1
        _check_length(tail, number)
    if tail:
        yield number, tail


def _texts(blocks: Iterable[bytes], decoder: io.IncrementalNewlineDecoder) -> Iterator[str]:
    mark = "\ufeff"
    for block in blocks:
        text = decoder.decode(block).replace("\0", UNREADABLE)
        if text:
            yield text.removeprefix(mark)
            mark = ""
    yield decoder.decode(b"", final=True)


def _check_length(line: str, number: int) -> None:
    if len(line) > LINE_MAX:
        raise FileRefused(f"строка длиннее {LINE_MAX} знаков", number, LINE_MAX + 1)
