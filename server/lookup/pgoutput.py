"""Messages of PostgreSQL's plugin pgoutput (protocol 1, binary values), pure.

https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
Only what two small tables without TOAST need; anything else is an error, not a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from struct import Struct
from struct import error as StructError
from typing import Protocol, cast

Fields = Sequence[bytes]
"""The values of a row in binary form, in the order asked for; NULL is not expected."""

_COLUMN = Struct(">Bi")  # kind, length
_NEW_ROW = ord("N")
_BINARY = ord("b")
_NULL = ord("n")
_SHORT = Struct(">h")
_LONG = Struct(">q")
_BEGIN = Struct(">xQ")  # kind, position of the commit
_COMMIT = Struct(">xxqqq")  # kind, flags, position of the commit, of its end, time
_KEEPALIVE = Struct(">xQ")  # of the replication protocol, between pgoutput's messages
_ARRAY_HEAD = Struct(">iiii")  # dimensions, has NULLs, element type, elements


class PgoutputError(ValueError):
    """The stream says something that cannot be understood or must not happen."""


class Sink(Protocol):
    """Who is told what the stream says."""

    def changed(self, table: str, fields: Fields) -> None:
        """A row was inserted or updated."""
        ...

    def deleted(self, table: str, key: bytes) -> None:
        """A row was deleted; `key` is its first wanted column."""
        ...

    def truncated(self) -> None:
        """A table was emptied."""
        ...

    def began(self, lsn: int) -> None:
        """A transaction follows, whose commit stands at `lsn`."""
        ...

    def committed(self, end_lsn: int, committed_at: int) -> None:
        """It is complete; microseconds since 2000."""
        ...

    def kept_alive(self, lsn: int) -> None:
        """Outside a transaction: everything committed before `lsn` has been told."""
        ...


class Decoder:
    """Reads message by message; `wanted` names each table's columns, the key first."""

    def __init__(self, wanted: dict[str, tuple[str, ...]], sink: Sink) -> None:
        self._wanted = wanted
        self._sink = sink
        self._tables: dict[bytes, tuple[str, tuple[int, ...], bool]] = {}
        self._readers: dict[int, Callable[[bytes], None]] = {
            ord("I"): self._row,
            ord("U"): self._row,
            ord("D"): self._delete,
            ord("B"): self._begin,
            ord("C"): self._commit,
            ord("R"): self._relation,
            ord("T"): self._truncate,
            ord("k"): self._keepalive,
            ord("Y"): _ignore,
            ord("O"): _ignore,
        }

    def read(self, message: bytes) -> None:
        """Tell the sink what the message says. Raises PgoutputError."""
        try:
            self._readers[message[0]](message)
        except (KeyError, IndexError, StructError) as error:
            raise PgoutputError(f"message {message[:1]!r}: {error!r}") from error

    def _begin(self, message: bytes) -> None:
        self._sink.began(_BEGIN.unpack_from(message)[0])

    def _keepalive(self, message: bytes) -> None:
        self._sink.kept_alive(_KEEPALIVE.unpack_from(message)[0])

    def _commit(self, message: bytes) -> None:
        _, end, committed_at = _COMMIT.unpack_from(message)
        self._sink.committed(end, committed_at)

    def _relation(self, message: bytes) -> None:
        space, table, _ = message[5:].split(b"\0", 2)
        at = 5 + len(space) + len(table) + 2 + 1
        (count,) = _SHORT.unpack_from(message, at)
        at += 2
        names: list[str] = []
        for _ in range(count):
            end = message.index(b"\0", at + 1)
            names.append(message[at + 1 : end].decode())
            at = end + 1 + 8
        name = f"{space.decode()}.{table.decode()}"
        wanted = self._wanted[name]
        missing = [column for column in wanted if column not in names]
        if missing:
            raise PgoutputError(f"table {name} has no column {', '.join(missing)}")
        places = tuple(names.index(column) for column in wanted)
        self._tables[message[1:5]] = (name, places, places == tuple(range(count)))

    def _row(self, message: bytes) -> None:
        name, places, as_wanted = self._tables[message[1:5]]
        at = 6
        if message[5] != _NEW_ROW:  # the old key stands before it: the key has changed
            old, at = _values(message, 6)
            at += 1
            key = old[places[0]]
            if key is not None:
                self._sink.deleted(name, key)
        values, _ = _values(message, at)
        picked = values if as_wanted else [values[place] for place in places]
        if None in picked:
            raise PgoutputError(f"a NULL in {name}")
        self._sink.changed(name, cast(Fields, picked))

    def _delete(self, message: bytes) -> None:
        name, places, _ = self._tables[message[1:5]]
        values, _ = _values(message, 6)
        key = values[places[0]]
        if key is None:
            raise PgoutputError(f"a row of {name} was deleted that has no key")
        self._sink.deleted(name, key)

    def _truncate(self, message: bytes) -> None:
        self._sink.truncated()


def _ignore(message: bytes) -> None:
    """Types and origins say nothing that we need."""


def _values(message: bytes, at: int) -> tuple[list[bytes | None], int]:
    """A tuple's columns and where it ends."""
    (count,) = _SHORT.unpack_from(message, at)
    at += 2
    values: list[bytes | None] = []
    for _ in range(count):
        if message[at] == _BINARY:
            _, length = _COLUMN.unpack_from(message, at)
            at += 5 + length
            values.append(message[at - length : at])
        elif message[at] == _NULL:  # also the unused columns of an old key
            at += 1
            values.append(None)
        else:
            kind = chr(message[at])
            raise PgoutputError(f"column of kind {kind!r}; the lanes' columns must be PLAIN")
    return values, at


@lru_cache(256)
def _array_reader(count: int, code: str) -> Struct:
    return Struct(">20x" + f"4x{code}" * count)


def read_array(value: bytes, code: str) -> tuple[int, ...]:
    """A one-dimensional integer array in binary form; `code` is h (int2) or q (int8).

    Raises PgoutputError.
    """
    try:
        dimensions, has_nulls, _, count = _ARRAY_HEAD.unpack_from(value)
        if dimensions == 1 and not has_nulls:
            return _array_reader(count, code).unpack(value)
    except StructError as error:
        if value[:4] == b"\0\0\0\0":
            return ()
        raise PgoutputError(f"not an array of {code!r}: {error}") from error
    if not dimensions:
        return ()
    raise PgoutputError("an array with NULLs or of several dimensions")


def read_long(value: bytes) -> int:
    """A bigint in binary form."""
    number: int = _LONG.unpack(value)[0]
    return number
