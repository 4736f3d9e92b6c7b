"""The stream of committed changes: a logical replication slot read through pgoutput.

What was read is confirmed only when the reader says that it was applied.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from struct import Struct

from server.lookup.login import Address, FeedError, Wire, log_in, server_error

PUBLICATION = "kvitok_lanes"
_CHUNK_BYTES = 1 << 20
_STATUS_SECONDS = 1.0
_HEAD = Struct(">cI")
_STATUS = Struct(">cQQQQB")
_XLOG_DATA = ord("w")
_XLOG_HEAD_BYTES = 25  # kind, start, end of WAL, time
_SECONDS_1970_TO_2000 = 946_684_800
_SLOT_IN_USE = "55006"
_SLOT_MISSING = "42704"
_NOT_IN_PREREQUISITE_STATE = "55000"


class SlotBusyError(FeedError):
    """Somebody else reads the slot."""


class SlotLostError(FeedError):
    """There is no such slot, or PostgreSQL had to throw away what it needs."""


def postgres_now() -> int:
    """Microseconds since 2000, as PostgreSQL counts."""
    return int((time.time() - _SECONDS_1970_TO_2000) * 1_000_000)


class Feed:
    """An open stream. Whoever has one holds the slot."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._rest = b""
        self._applied = 0
        self._status_due = 0.0
        self.heard_at = time.monotonic()
        """When PostgreSQL last said anything."""

    @classmethod
    async def open(cls, address: Address, slot: str, publication: str = PUBLICATION) -> Feed:
        """Start reading where the slot was last confirmed.

        Raises SlotBusyError, SlotLostError, OSError (FeedError among them).
        """
        wire = await log_in(address)
        try:
            options = f"proto_version '1', publication_names '\"{publication}\"', binary 'true'"
            command = f'START_REPLICATION SLOT "{slot}" LOGICAL 0/0 ({options})'
            wire.send(b"Q", command.encode() + b"\0")
            async with asyncio.timeout(10):
                while (await wire.message())[0] != b"W":
                    pass
        except FeedError as error:
            wire.writer.transport.abort()
            raise _slot_error(error) from error
        except BaseException as error:
            wire.writer.transport.abort()
            if isinstance(error, (TimeoutError, EOFError)):
                raise FeedError("no answer to START_REPLICATION") from error
            raise
        return cls(wire)

    async def read(self) -> list[bytes]:
        """The next messages of pgoutput, and keepalives in their place; perhaps none.

        Raises OSError (FeedError among them).
        """
        data = await self._wire.reader.read(_CHUNK_BYTES)
        if not data:
            raise FeedError("PostgreSQL ended the stream")
        self.heard_at = time.monotonic()
        buffer = self._rest + data if self._rest else data
        messages: list[bytes] = []
        at = 0
        end = len(buffer)
        while end - at >= 5:
            kind, length = _HEAD.unpack_from(buffer, at)
            after = at + 1 + length
            if after > end:
                break
            if kind != b"d":
                _end_of_stream(kind, buffer[at + 5 : after])
            elif buffer[at + 5] == _XLOG_DATA:
                messages.append(buffer[at + 5 + _XLOG_HEAD_BYTES : after])
            else:
                messages.append(buffer[at + 5 : after])
                self._kept_alive(messages[-1])
            at = after
        self._rest = buffer[at:]
        return messages

    def _kept_alive(self, message: bytes) -> None:
        if message[-1]:  # an answer is wanted at once
            self._status_due = 0.0
            self.send_status()

    def confirm(self, lsn: int) -> None:
        """Everything committed before `lsn` is applied and need not be sent again."""
        self._applied = max(self._applied, lsn)

    def send_status(self) -> None:
        """Tell how far we are and ask for a sign of life, at most once a second."""
        now = time.monotonic()
        if now < self._status_due or self._wire.writer.is_closing():
            return
        self._status_due = now + _STATUS_SECONDS
        lsn = self._applied
        status = _STATUS.pack(b"r", lsn, lsn, lsn, postgres_now(), 1)
        self._wire.send(b"d", status)

    def abort(self) -> None:
        """Give up on the connection: `read` raises."""
        self._wire.writer.transport.abort()

    async def close(self) -> None:
        """Leave politely, so that the slot is free at once."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                self._status_due = 0.0
                self.send_status()
                self._wire.send(b"c", b"")
                self._wire.send(b"X", b"")
                await self._wire.writer.drain()
                self._wire.writer.close()
                await self._wire.writer.wait_closed()
        self._wire.writer.transport.abort()


def _end_of_stream(kind: bytes, body: bytes) -> None:
    if kind == b"E":
        raise _slot_error(server_error(body))
    if kind == b"c":
        raise FeedError("PostgreSQL ended the stream")


def _slot_error(error: FeedError) -> FeedError:
    if error.sqlstate == _SLOT_IN_USE:
        return SlotBusyError(str(error), error.sqlstate)
    if error.sqlstate in (_SLOT_MISSING, _NOT_IN_PREREQUISITE_STATE):
        return SlotLostError(str(error), error.sqlstate)
    return error
