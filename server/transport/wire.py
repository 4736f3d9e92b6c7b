"""The fast lane: plain checks are answered from the bytes, before aiohttp makes a request of them.

aiohttp's own connection class with a look at the bytes first. A whole, plain check of an agent
whose protocol has a fast pair is answered here; everything else goes to aiohttp byte for byte.
What keeps that safe:

- New bytes are looked at only while aiohttp is between messages: all it was given ended exactly
  where a message ends (`Framing`, which must agree with aiohttp's own count), and that message is
  answered. What one peer smuggles in a body is never read as a request.
- Answers leave in the order of their requests: while one is still being looked up, what follows
  waits behind it or is not read at all.
- A peer that does not read is not read from either.
- aiohttp's idle timer is moved on with every answer.

This uses what aiohttp does not promise to keep. `TESTED` says where it was tested; with any other
version the server starts without the fast lane and says so.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from server.transport.admission import is_among
from server.transport.framing import Framing
from server.transport.lane import Lane, Plan, Question
from server.transport.metrics import FIRST_BOUND
from server.transport.slots import Slot

TESTED = frozenset({"3.14.5"})
"""Versions of aiohttp that tests/transport was run with."""

_log = structlog.get_logger("wire")
_monotonic = time.monotonic
QUERY_BYTES_MAX = 2048
"""Longer ones are not recognised."""
_AT_ONCE_MAX = 64  # requests of one connection before others have their turn
_TARGET = re.compile(rb"(?:GET|POST) /pay/([A-Za-z0-9_-]+)[? ]")
_VERSION = b" HTTP/1.1\r\n"
_HEAD_END = b"\r\n\r\n"
_NO_BLOCK = b"\0"
_ABSENT = b""
_to_nobody: Callable[[bytes], object] = len  # the peer is gone
_Read = tuple[Plan, Question, int, str]
"""Whose request it is, what it asks, where it ends, its line in the access log."""


class Connection(RequestHandler):
    """See the module."""

    __slots__ = (
        "_address",
        "_block",
        "_block_size",
        "_framing",
        "_held",
        "_is_asked",
        "_is_open",
        "_is_proxied",
        "_is_reading_held",
        "_plan",
        "_plans",
        "_slots",
        "_slots_done",
        "_write",
        "lane",
    )

    def __init__(self, manager: web.Server, lane: Lane, **options: Any) -> None:
        super().__init__(manager, **options)
        self._write: Callable[[bytes], object] = _to_nobody
        self.lane = lane
        self._framing = Framing()
        self._is_open = False
        """Whether the next bytes begin a message and may be answered at once."""
        self._held = b""
        """Bytes whose turn has not come."""
        self._is_reading_held = False
        self._slots: deque[Slot] = deque()
        self._slots_done: asyncio.Future[None] | None = None
        self._plans = lane.plans
        self._plan: Plan | None = None
        self._address = ""
        self._is_proxied = self._is_asked = False
        """Whether a proxy of ours is at the other end; whether the headers say who asks."""
        self._block = _NO_BLOCK
        """The headers of the last GET: the same peer sends the same ones again."""
        self._block_size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self._write = self.transport.write
        peer = self.transport.get_extra_info("peername")
        self._address = peer[0] if isinstance(peer, tuple) else ""
        self._is_proxied = is_among(self._address, self.lane.proxies)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._write = _to_nobody
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The hot path: one whole GET with the headers that this peer has sent before."""
        if not self._is_open:
            self._receive_later(data)
            return
        lane = self.lane
        started = _monotonic()
        if started >= lane.due:
            lane.refresh(started)
        plan = self._plan
        if (
            plan is None
            or self._plans is not lane.plans
            or not data.startswith(plan.get)
            or not data.endswith(self._block)
            or (question := plan.recognise(data[plan.get_size : -self._block_size])) is None
        ):
            self._receive(data, started)
            return
        account, echo, amount = question
        if plan.is_rated and not lane.admits(plan):
            self._take_slot(Slot(self, plan, question, (data, 0, len(data)), started, False), b"")
            return
        piece = snapshot = None
        if lane.is_trusted(started):
            piece = plan.pieces.hot.get(account)
            if piece is None:
                piece, snapshot = lane.look(plan, account)
            else:
                plan.pieces.hits += 1
        if piece is None or (amount and not plan.amount_min <= amount <= plan.amount_max):
            place = (data, 0, len(data))
            self._take_slot(Slot(self, plan, question, place, started, True), snapshot)
            return
        lane.note(plan.line_of_get % (account[-3:], lane.stamp))
        length = lane.lengths[plan.opening_size + len(echo) + len(piece)]
        self._write(b"".join((plan.head, length, lane.date, plan.opening, echo, piece)))
        self._next_keepalive_close_time = started + self._keepalive_timeout
        tally = plan.tally
        tally.from_memory += 1
        seconds = _monotonic() - started
        tally.seconds += seconds
        if seconds > FIRST_BOUND:
            tally.note_slow(seconds, 1)

    def _receive(self, data: bytes, started: float) -> None:
        """Any bytes that begin a message: many requests at once, other agents, POSTs, the rest."""
        lane = self.lane
        if self._plans is not lane.plans:
            self._plans, self._plan = lane.plans, None
        answers: list[bytes] = []
        last: Plan | None = None
        at, size, room = 0, len(data), _AT_ONCE_MAX
        while at < size and room:
            read = self._read(data, at)
            if read is None:
                break
            plan, question, end, line = read
            if plan is not last:
                self._send(last, answers, started)
                answers, last = [], plan
            account, _, amount = question
            is_admitted = not plan.is_rated or lane.admits(plan)
            piece: bytes | None = None
            snapshot: bytes | None = None if is_admitted else _ABSENT
            if is_admitted and lane.is_trusted(started):
                piece, snapshot = lane.look(plan, account)
            within = not amount or plan.amount_min <= amount <= plan.amount_max
            if piece is not None and within and not self._slots:
                answers.append(lane.compose(plan, question, piece, line))
            else:
                self._send(last, answers, started)
                answers = []
                place = (data, at, end)
                slot = Slot(self, plan, question, place, started, is_admitted)
                self._take_slot(slot, snapshot)
            at = end
            room -= 1
        self._send(last, answers, started)
        if at < size:
            self._leave(data[at:], is_not_plain=room > 0)

    def _take_slot(self, slot: Slot, snapshot: bytes | None) -> None:
        self._is_open = False
        self._slots.append(slot)
        slot.find(snapshot)

    def _read(self, data: bytes, at: int) -> _Read | None:
        """The plain check that begins at `at`; None = there is none, or not a whole one."""
        plan = self._plan
        if plan is None or not data.startswith(plan.get, at):
            plan = self._plan = self._find_plan(data, at)
            if plan is None:
                return None
            if data.startswith(plan.post, at):
                return self._read_post(plan, data, at)
            if not data.startswith(plan.get, at):
                return None
        target_end = data.find(_VERSION, at)
        if data.startswith(self._block, target_end):
            end = target_end + self._block_size
        else:
            end = self._learn_block(plan, data, target_end)
        if not end:
            return None
        question = plan.recognise(data[at + plan.get_size : target_end])
        return None if question is None else (plan, question, end, plan.line_of_get)

    def _read_post(self, plan: Plan, data: bytes, at: int) -> _Read | None:
        block_at = at + plan.post_size
        body_at = data.find(_HEAD_END, block_at) + len(_HEAD_END)
        if body_at < block_at or body_at - at > self.lane.head_bytes_max:
            return None
        block = data[block_at:body_at]
        length = plan.post_length(block)
        end = body_at + length
        if length < 0 or length > self.lane.body_bytes_max or end > len(data):
            return None
        if self._is_asked and not self.lane.may_send(plan, self._address, block):
            return None
        question = plan.recognise(data[body_at:end])
        return None if question is None else (plan, question, end, plan.line_of_post)

    def _find_plan(self, data: bytes, at: int) -> Plan | None:
        """The agent named in the request line, if this peer may speak for it."""
        target = _TARGET.match(data, at)
        plan = self.lane.plans.get(target[1]) if target else None
        if plan is None:
            return None
        self._is_asked = plan.is_guarded or self._is_proxied
        if self._is_asked:  # headers that let one agent in say nothing about another
            self._block, self._block_size = _NO_BLOCK, 0
            return plan
        return plan if self.lane.may_send(plan, self._address, b"") else None

    def _learn_block(self, plan: Plan, data: bytes, at: int) -> int:
        """Where the headers after the target end, if they are plain and let the peer in; else 0."""
        end = data.find(_HEAD_END, at) + len(_HEAD_END)
        if at < 0 or end < len(_HEAD_END):
            return 0
        block = data[at:end]
        # With room for the longest plain query, no request with these headers is too long.
        if len(block) + QUERY_BYTES_MAX > self.lane.head_bytes_max:
            return 0
        if not self.lane.is_plain_get(block):
            return 0
        if self._is_asked and not self.lane.may_send(plan, self._address, block):
            return 0
        self._block, self._block_size = block, len(block)
        return end

    def _send(self, plan: Plan | None, answers: list[bytes], started: float) -> None:
        if not answers or plan is None:
            return
        self._write(answers[0] if len(answers) == 1 else b"".join(answers))
        plan.tally.note_from_memory(len(answers), _monotonic() - started)
        self._next_keepalive_close_time = started + self._keepalive_timeout

    def flush(self, now: float) -> None:
        """Send the answers whose turn it is; with none left to wait for, go on reading."""
        slots = self._slots
        while slots and slots[0].answer:
            self._write(slots.popleft().answer)
        if slots:
            return
        self._next_keepalive_close_time = now + self._keepalive_timeout
        if self._slots_done is not None and not self._slots_done.done():
            self._slots_done.set_result(None)
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
        return (
            waiter is not None
            and not waiter.done()
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
        if self._slots or self._paused or not self._is_between_messages():
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
        if self._slots or self._held:  # it only looks idle
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        super()._process_keepalive()

    def close(self) -> None:
        self._is_open = False
        super().close()

    def force_close(self) -> None:
        self._is_open = False
        self._write = _to_nobody
        super().force_close()

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """What is being looked up is still answered."""
        self._is_open = False
        if self._slots and self.transport is not None:
            self._slots_done = self._loop.create_future()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._slots_done
        await super().shutdown(timeout)


class FastSite(web.SockSite):
    """A site whose connections have a fast lane."""

    def __init__(self, runner: web.BaseRunner, sock: socket.socket, lane: Lane) -> None:
        super().__init__(runner, sock)
        self._lane = lane

    async def start(self) -> None:
        """Listen."""
        await web.BaseSite.start(self)
        manager = self._runner.server
        assert manager is not None
        loop = asyncio.get_running_loop()

        def connection() -> Connection:
            return Connection(manager, self._lane, loop=loop, **manager._kwargs)

        self._server = await loop.create_server(
            connection, sock=self._sock, ssl=self._ssl_context, backlog=self._backlog
        )


def is_tested() -> bool:
    """Whether the fast lane was tested with this aiohttp."""
    return aiohttp.__version__ in TESTED
