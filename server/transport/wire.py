"""The fast lane: plain checks are answered from the bytes, before aiohttp makes a request of them.

aiohttp's own connection class with a look at the bytes first. A whole, plain check of an agent
whose protocol has a fast pair is answered here; any other whole, plain request of such an agent, a
payment above all, goes from here to the pipeline, one at a time on each connection; everything else
goes to aiohttp byte for byte.
What keeps that safe:

- New bytes are looked at only while aiohttp is between messages: all it was given ended exactly
  where a message ends (`Framing`, which must agree with aiohttp's own count), and that message is
  answered. What one peer smuggles in a body is never read as a request.
- Answers leave in the order of their requests: while one is still being looked up, what follows
  waits behind it or is not read at all.
- A peer that does not read is not read from either, and in the end is hung up on.
- aiohttp's idle timer is moved on with every answer, but not for who does not read them.
- From the moment that a connection is shut down, nothing is begun any more.

This uses what aiohttp does not promise to keep. `TESTED` says where it was tested; with any other
version the server starts without the fast lane and says so.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from server.transport.framing import Framing
from server.transport.lane import Lane, Plan
from server.transport.metrics import FIRST_BOUND
from server.transport.patience import PatientSite
from server.transport.reading import WHOLE, Reading
from server.transport.slots import Slot

TESTED = frozenset({"3.14.5"})
"""Versions of aiohttp that tests/transport was run with."""

_log = structlog.get_logger("wire")
_monotonic = time.monotonic
_AT_ONCE_MAX = 64  # requests of one connection before others have their turn
_ABSENT = b""
_to_nobody: Callable[[bytes], object] = len  # the peer is gone


class Connection(Reading):
    """See the module."""

    __slots__ = (
        "_answered_at",
        "_framing",
        "_held",
        "_is_open",
        "_is_reading_held",
        "_is_stopping",
        "_slots",
        "_slots_done",
        "_write",
    )

    def __init__(self, manager: web.Server, lane: Lane, **options: Any) -> None:
        super().__init__(manager, lane, **options)
        self._write: Callable[[bytes], object] = _to_nobody
        self._framing = Framing()
        self._is_open = False
        """Whether the next bytes begin a message and may be answered at once."""
        self._held = b""
        """Bytes whose turn has not come."""
        self._is_reading_held = False
        self._is_stopping = False
        """Whether what has not been begun never will be: its answer could not leave."""
        self._slots: deque[Slot] = deque()
        self._slots_done: asyncio.Future[None] | None = None
        self._answered_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self._write = self.transport.write
        self._begin_with(self.transport.get_extra_info("peername"))

    def connection_lost(self, exc: BaseException | None) -> None:
        self._write = _to_nobody
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The hot path: one whole check between the bytes that this peer has sent before."""
        if not self._is_open:
            self._receive_later(data)
            return
        lane = self.lane
        started = _monotonic()
        if started >= lane.due:
            lane.refresh(started)
        if (
            not data.startswith(self._prefix)
            or not data.endswith(self._suffix)
            or (self._size and len(data) != self._size)
        ):
            self._receive(data, started)
            return
        plan = self._plan
        if (
            plan is None  # nothing was learned, and this begins with what stands for that
            or (question := plan.recognise(data, self._question_at, len(data) - self._suffix_size))
            is None
        ):
            self._receive(data, started)
            return
        account, echo, amount = question
        rate = plan.rate
        if rate.left <= 0 or (amount and not plan.amount_min <= amount <= plan.amount_max):
            slot = Slot(self, plan, question, (data, 0, len(data)), started, is_admitted=False)
            self._take_slot(slot, _ABSENT)
            return
        rate.left -= 1
        piece = snapshot = None
        if lane.is_trusted(started):
            piece = plan.pieces.hot.get(account)
            if piece is None:
                piece, snapshot = lane.look(plan, account)
        if piece is None:
            slot = Slot(self, plan, question, (data, 0, len(data)), started, is_admitted=True)
            self._take_slot(slot, snapshot)
            return
        length = len(echo) + len(piece)
        front = plan.fronts.get(length) or lane.front(plan, length)
        self._write(b"".join((front, plan.opening, echo, piece)))
        self._note(account)
        self._answered_at = started
        seconds = _monotonic() - started
        tally = plan.tally
        tally.seconds += seconds
        if seconds > FIRST_BOUND:
            tally.note_slow(seconds, 1)

    def _receive(self, data: bytes, started: float) -> None:
        """Any bytes that begin a message: many requests at once, other agents, other headers."""
        lane = self.lane
        self._look_anew()
        answers: list[bytes] = []
        last: Plan | None = None
        at, size, room = 0, len(data), _AT_ONCE_MAX
        while at < size and room:
            read = self._read(data, at)
            if read is None:
                break
            plan, question, end, is_post = read
            is_whole = question is WHOLE
            if is_whole and self._slots:
                break  # it may change what those before it ask for
            if plan is not last:
                self._send(last, answers, started)
                answers, last = [], plan
            account, _, amount = question
            is_admitted = plan.rate.left > 0 and not is_whole  # the pipeline asks for itself
            piece: bytes | None = None
            snapshot: bytes | None = None if is_admitted else _ABSENT
            if is_admitted:
                plan.rate.left -= 1
                if lane.is_trusted(started):
                    piece, snapshot = lane.look(plan, account)
            within = not amount or plan.amount_min <= amount <= plan.amount_max
            if piece is not None and within and not self._slots:
                answers.append(lane.compose(plan, question, piece, is_post=is_post))
            else:
                self._send(last, answers, started)
                answers = []
                slot = Slot(self, plan, question, (data, at, end), started, is_admitted=is_admitted)
                self._take_slot(slot, snapshot)
            at = end
            if is_whole:
                break  # what follows may ask for what it changes
            room -= 1
        self._send(last, answers, started)
        if at < size:
            self._leave(data[at:], is_not_plain=room > 0)

    def _take_slot(self, slot: Slot, snapshot: bytes | None) -> None:
        self._is_open = False
        self._slots.append(slot)
        slot.find(snapshot)

    def _send(self, plan: Plan | None, answers: list[bytes], started: float) -> None:
        if not answers or plan is None:
            return
        self._write(answers[0] if len(answers) == 1 else b"".join(answers))
        plan.tally.note(_monotonic() - started, len(answers))
        self._answered_at = started

    def flush(self, now: float) -> None:
        """Send the answers whose turn it is; with none left to wait for, go on reading."""
        slots = self._slots
        while slots and slots[0].answer:
            self._write(slots.popleft().answer)
        if slots:
            return
        self._answered_at = now
        if self._slots_done is not None and not self._slots_done.done():
            self._slots_done.set_result(None)
        if self._is_stopping:
            return
        if self._held or self._paused or self._close or self._force_close:
            self._go_on()
        else:
            self._is_open = True  # nothing was left to aiohttp since the first of them

    def _leave(self, rest: bytes, *, is_not_plain: bool) -> None:
        """What cannot be answered here now."""
        if self._slots or self._paused:
            self._hold(rest)
        elif is_not_plain:
            self._pass_on(rest)
        else:
            self._hold(rest)
            self._loop.call_soon(self._go_on)

    def _receive_later(self, data: bytes) -> None:
        between = self._is_between_messages()
        if self._is_stopping and between:
            return
        if self._held or self._slots or (between and self._paused):
            self._hold(data)
        elif between:
            self._is_open = True
            self.data_received(data)
        else:
            self._pass_on(data)

    def _is_between_messages(self) -> bool:
        """Whether aiohttp has nothing of a message, and nothing to answer."""
        waiter = self._waiter
        # Without one its task has not begun to wait, or is at work.
        is_idle = not self._framing.count if waiter is None else not waiter.done()
        return (
            is_idle
            and self._framing.is_between
            and self._request_count == self._framing.count
            and self._payload_parser is None
            and not (self._upgraded or self._messages or self._close or self._force_close)
        )

    def _pass_on(self, data: bytes) -> None:
        self._is_open = False
        self._framing.feed(data)
        super().data_received(data)

    def _hold(self, data: bytes) -> None:
        """Keep bytes whose turn has not come, and take no more from the peer."""
        self._is_open = False
        self._held += data
        if not self._is_reading_held:
            self._is_reading_held = True
            self._pause_transport_reading()

    def _go_on(self) -> None:
        """Take up what was held."""
        if self._is_stopping or self._slots or self._paused or not self._is_between_messages():
            return
        held, self._held = self._held, b""
        self._is_open = True
        if held:
            self.data_received(held)
        if self._is_reading_held and not self._held:
            self._is_reading_held = False
            self._resume_transport_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._is_open = False

    def resume_writing(self) -> None:
        super().resume_writing()
        self._go_on()

    def _process_keepalive(self) -> None:
        if self._slots or (self._held and not self._paused):  # it only looks idle
            self._answered_at = self._loop.time()
        until = self._answered_at + self._keepalive_timeout
        self._next_keepalive_close_time = max(self._next_keepalive_close_time, until)
        super()._process_keepalive()

    def close(self) -> None:
        self._is_open = False
        super().close()

    def force_close(self) -> None:
        self._is_open = False
        self._write = _to_nobody
        super().force_close()

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """What is being looked up is still answered; nothing more is begun."""
        self._is_open = False
        self._is_stopping = True
        if self._slots and self.transport is not None:
            self._slots_done = self._loop.create_future()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._slots_done
        await super().shutdown(timeout)


class FastSite(PatientSite):
    """A site whose connections have a fast lane."""

    def __init__(self, runner: web.BaseRunner, sock: socket.socket, lane: Lane) -> None:
        super().__init__(runner, sock)
        self._lane = lane

    def _connection(self, manager: web.Server, **options: Any) -> Connection:
        return Connection(manager, self._lane, **options)


def is_tested() -> bool:
    """Whether the fast lane was tested with this aiohttp."""
    return aiohttp.__version__ in TESTED
