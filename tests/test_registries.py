"""What every registry format must keep; a new folder under formats is tested by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import server.reconciliation.formats
from server.reconciliation.formats import (
    BadLine,
    Declared,
    Entry,
    FileRefused,
    Format,
    Line,
    Source,
    load,
    recognise,
)
from server.reconciliation.intake import Reading, Upload
from tests.reconciliation.vectors import Vector, claims, load_vectors, understand

FOLDER = Path(server.reconciliation.formats.__file__).parent
FORMATS = tuple(load().values())
VECTORS = load_vectors()
SAMPLES = [vector.file.read_bytes() for vector in VECTORS]

every_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
every_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)


@every_vector
def test_a_sample_is_read_as_its_sheet_says(vector: Vector) -> None:
    expected = vector.expected()
    found = understand(
        vector.form, vector.file_name(), vector.file.read_bytes(), expected.get("strict", True)
    )
    assert expected.pop("origin")
    assert found == {key: value for key, value in expected.items() if key not in ("name", "strict")}


@every_vector
def test_exactly_its_own_format_claims_a_sample(vector: Vector) -> None:
    content = vector.file.read_bytes()
    assert claims(content, vector.file_name()) == {vector.form.name}
    assert recognise(content, vector.file_name()) is vector.form


@every_vector
def test_the_size_of_the_blocks_changes_nothing(vector: Vector) -> None:
    content = vector.file.read_bytes()
    strict = vector.expected().get("strict", True)
    whole = _outcome(vector.form, [content], strict)
    chance = Random(7)
    for size in (1, 2, 3, 16, 1 + chance.randrange(200)):
        blocks = [content[start : start + size] for start in range(0, len(content), size)]
        assert _outcome(vector.form, blocks, strict) == whole


@every_format
def test_a_format_has_samples_and_a_readme_that_names_its_source(form: Format) -> None:
    own = [vector for vector in VECTORS if vector.form is form]
    assert any("entries" in vector.expected() for vector in own)
    assert any("refused" in vector.expected() for vector in own)
    readme = (FOLDER / form.name / "README.md").read_text(encoding="utf-8")
    assert "## Source" in readme
    assert "## Not supported" in readme


@every_format
@settings(max_examples=150)
@given(data=st.data())
def test_junk_is_refused_or_read_never_an_accident(form: Format, data: st.DataObject) -> None:
    content = data.draw(st.binary(max_size=400) | _mutated())
    for strict in (True, False):
        encoding = data.draw(st.sampled_from(form.encodings))
        _account_for(form, content, encoding, strict)


@every_format
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"\xff\xfe" + "###|".encode("utf-16-le"),
        b"###|" * 100_000,
        b"***|\n###|\n",
        b"###" + b"|9" * 13 + b"|\n",
        b"1\t01.01.2026\t00:00:00\t1\t" + b"9" * 5000,
        b"Total:\t" + b"9" * 30 + b"\t1.00\n",
        "Total:\t١\t1.00\n".encode(),
        b"\r\n\r\n\r\n",
        b"@@@|1|2|3|4|5|\n",
        b"\n" * 70_000,
        b"a" * 70_000 + b"\n",
    ],
    ids=range(13),
)
def test_known_nasty_files(form: Format, content: bytes) -> None:
    for strict in (True, False):
        for encoding in form.encodings:
            _account_for(form, content, encoding, strict)


@every_format
def test_a_large_file_is_not_held_in_memory(form: Format) -> None:
    row = {
        "qiwi": b"1\t01.01.2026\t00:00:00\t1000001\t1.00\n",
        "pack": b"@@@|1|X|33|2|1000001|01.01.2026|01.01.2026|0|0.00|1.00|0|0|0|0.00||\n",
        "sber": b"01-01-2026;00-00-00;1;A;1;1000001;;;012026;[!];[!];;1,00;1,00;0,00\n",
    }[form.name]
    taken = 0

    def blocks() -> Iterator[bytes]:
        nonlocal taken
        if form.name == "pack":
            yield b"###|X|X|1|01.01.2026|01.01.2026|1|0.00|1.00|0|0.00|0|!1.00|\n"
        for _ in range(100):
            taken += 1
            yield row * 100

    source = Source("x", "cp1251", blocks())
    seen = 0
    for entry in form.read(source, False):
        seen += isinstance(entry, Line)
        assert taken <= seen // 100 + 2, "the reader ran ahead of what it yields"
    assert seen == 10_000


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A sample with pieces cut out, doubled, or overwritten."""
    content = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 12)))
        piece = draw(
            st.binary(max_size=6)
            | st.sampled_from([b"|", b"\t", b"\n", b"\r", b"-", b"###|", b"@@@|", b"***|", b"1e3"])
        )
        content[start:end] = piece + content[start:end] * draw(st.integers(0, 2))
    return bytes(content)


def _outcome(form: Format, blocks: list[bytes], strict: bool) -> object:
    try:
        return list(form.read(Source("x", form.encodings[1], blocks), strict))
    except FileRefused as refused:
        return (refused.message, refused.line, refused.column)


def _account_for(form: Format, content: bytes, encoding: str, strict: bool) -> None:
    """Every outcome is a refusal with a place, or entries that keep their promises."""
    reading = Reading(form, encoding, strict)
    form.identify(content, "x")
    refused: FileRefused | None = None
    rows = []
    try:
        rows = list(reading.rows(Upload.of("x", content)))
    except FileRefused as refusal:
        refused = refusal
    if refused is not None:
        assert refused.message
        assert min(refused.line, refused.column) >= 1
        return
    assert len(rows) == reading.lines
    assert reading.total.kopecks == sum(row[4] or 0 for row in rows)
    for row in rows:
        fault, paid_on, kopecks = row[7], row[5], row[4]
        assert not (strict and fault)
        assert fault or (paid_on is not None and kopecks is not None)
        assert "\0" not in "".join(str(field) for field in row)
    if strict:
        assert not reading.differences
        assert isinstance(reading.declared, Declared)
        assert reading.declared == Declared(reading.lines, reading.total)


def test_a_format_that_is_claimed_twice_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    content = VECTORS[0].file.read_bytes()
    greedy = {form.name: form for form in FORMATS} | {
        "greedy": Format("greedy", "", FORMATS[0].numbers, lambda head, name: True, _no_rows)
    }
    monkeypatch.setattr(server.reconciliation.formats, "load", lambda: greedy)
    with pytest.raises(FileRefused, match="несколько форматов"):
        recognise(content, VECTORS[0].file_name())


def _no_rows(source: Source, strict: bool) -> Iterator[Entry]:
    return iter(())


def test_bad_rows_keep_what_can_be_read() -> None:
    """Otherwise their money would not be counted."""
    row = b"1\t99.99.2026\t00:00:00\t1000001\t1.00\nTotal:\t1\t1.00\n"
    entries = list(load()["qiwi"].read(Source("x", "utf-8", (row,)), False))
    (bad,) = [entry for entry in entries if isinstance(entry, BadLine)]
    assert (bad.operation, bad.account, str(bad.amount), bad.column) == ("1", "1000001", "1.00", 3)
