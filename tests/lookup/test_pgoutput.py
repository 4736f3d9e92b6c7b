"""pgoutput's messages, as bytes of the documentation's formats."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.lookup.lanes import WANTED
from server.lookup.pgoutput import Decoder, Fields, PgoutputError, read_array, read_long

OID = 4711


class Ear:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def changed(self, table: str, fields: Fields) -> None:
        self.heard.append(("changed", table, tuple(fields)))

    def deleted(self, table: str, key: bytes) -> None:
        self.heard.append(("deleted", table, key))

    def truncated(self) -> None:
        self.heard.append(("truncated",))

    def began(self, lsn: int) -> None:
        self.heard.append(("began",))

    def committed(self, end_lsn: int, committed_at: int) -> None:
        self.heard.append(("committed", end_lsn, committed_at))

    def kept_alive(self, lsn: int) -> None:
        self.heard.append(("kept alive", lsn))


def relation(columns: Sequence[str], table: str = "account_paid") -> bytes:
    parts = [b"R", struct.pack(">i", OID), b"ledger\0", table.encode() + b"\0", b"d"]
    parts.append(struct.pack(">h", len(columns)))
    for name in columns:
        parts += [b"\0", name.encode() + b"\0", struct.pack(">ii", 25, -1)]
    return b"".join(parts)


def row(*values: bytes | None, kind: bytes = b"b") -> bytes:
    shown = (
        b"n" if value is None else kind + struct.pack(">i", len(value)) + value for value in values
    )
    return struct.pack(">h", len(values)) + b"".join(shown)


PAID = ("account", "version", "services", "paid", "advance")
VALUES = (b"1004217", b"v", b"s", b"p", b"a")
OID_BYTES = struct.pack(">i", OID)


def heard(*messages: bytes) -> list[tuple[object, ...]]:
    ear = Ear()
    decoder = Decoder(WANTED, ear)
    for message in messages:
        decoder.read(message)
    return ear.heard


def test_a_transaction_is_told_in_order() -> None:
    assert heard(
        b"B" + struct.pack(">qqi", 900, 5, 77),
        relation(PAID),
        b"I" + OID_BYTES + b"N" + row(*VALUES),
        b"U" + OID_BYTES + b"N" + row(*VALUES),
        b"D" + OID_BYTES + b"K" + row(b"1004217", None, None, None, None),
        b"T" + struct.pack(">ibi", 1, 0, OID),
        b"C\0" + struct.pack(">qqq", 900, 950, 5),
        b"k" + struct.pack(">qqb", 1000, 6, 0),
    ) == [
        ("began",),
        ("changed", "ledger.account_paid", VALUES),
        ("changed", "ledger.account_paid", VALUES),
        ("deleted", "ledger.account_paid", b"1004217"),
        ("truncated",),
        ("committed", 950, 5),
        ("kept alive", 1000),
    ]


def test_columns_are_found_by_name_and_strange_ones_left_alone() -> None:
    columns = ("note", "advance", "paid", "services", "version", "account")
    assert heard(
        relation(columns), b"I" + OID_BYTES + b"N" + row(None, b"a", b"p", b"s", b"v", b"1004217")
    ) == [("changed", "ledger.account_paid", VALUES)]


def test_a_changed_key_is_a_deletion_and_a_new_row() -> None:
    old = b"K" + row(b"1", None, None, None, None)
    assert heard(relation(PAID), b"U" + OID_BYTES + old + b"N" + row(*VALUES)) == [
        ("deleted", "ledger.account_paid", b"1"),
        ("changed", "ledger.account_paid", VALUES),
    ]


@pytest.mark.parametrize(
    "messages",
    [
        (b"I" + OID_BYTES + b"N" + row(*VALUES),),  # of a table never described
        (relation(PAID[:-1]),),
        (relation(PAID, "payment"),),
        (relation(PAID), b"I" + OID_BYTES + b"N" + row(*VALUES[:-1], None)),
        (relation(PAID), b"I" + OID_BYTES + b"N" + row(*VALUES, kind=b"t")),
        (relation(PAID), b"I" + OID_BYTES + b"N" + struct.pack(">h", 5) + b"u" * 5),
        (relation(PAID), b"I" + OID_BYTES + b"N" + row(*VALUES)[:-30]),
        (relation(PAID), b"D" + OID_BYTES + b"K" + row(None)),
        (b"C\0",),
        (b"?",),
        (b"",),
    ],
)
def test_what_cannot_be_understood_is_an_error(messages: tuple[bytes, ...]) -> None:
    with pytest.raises(PgoutputError):
        heard(*messages)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=70))
def test_arrays_of_long_integers_are_read(numbers: list[int]) -> None:
    assert read_array(array(numbers, "q"), "q") == tuple(numbers)


@given(st.lists(st.integers(-(2**15), 2**15 - 1), max_size=70))
def test_arrays_of_short_integers_are_read(numbers: list[int]) -> None:
    assert read_array(array(numbers, "h"), "h") == tuple(numbers)


def array(numbers: Sequence[int], code: str) -> bytes:
    """As array_send writes it."""
    if not numbers:
        return struct.pack(">iii", 0, 0, 20)
    elements = [struct.pack(f">i{code}", struct.calcsize(code), number) for number in numbers]
    return struct.pack(">iiiii", 1, 0, 20, len(numbers), 1) + b"".join(elements)


@pytest.mark.parametrize(
    "value",
    [
        struct.pack(">iiiii", 1, 1, 20, 1, 1) + struct.pack(">i", -1),
        struct.pack(">iiiiiii", 2, 0, 20, 1, 1, 1, 1) + struct.pack(">iq", 8, 1),
        array([1, 2], "q")[:-1],
        b"",
    ],
)
def test_arrays_of_other_kinds_are_refused(value: bytes) -> None:
    with pytest.raises(PgoutputError):
        read_array(value, "q")


def test_a_long_integer_is_read() -> None:
    assert read_long(struct.pack(">q", -5)) == -5
