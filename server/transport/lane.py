"""What all connections of the fast lane share: agents' plans, the clock, the log, the numbers.

It holds no rule of the business. It answers a check of an active account within the agent's limits
with what the protocol's fast pair makes of the snapshot at hand; any other outcome is
server.transport.answer's, without aiohttp around it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Protocol

from aiohttp.http import SERVER_SOFTWARE

from server.agents import Agent
from server.protocols import Codec, Fast, Recognise, Render, Request, Response
from server.refusals import Refused
from server.transport import heads, metrics
from server.transport.access_log import AccessLog, line_template
from server.transport.admission import Admission, Networks, admission, is_guarded, peer_of
from server.transport.answer import Answering
from server.transport.limits import Rates

Found = bytes | Refused | None
Question = tuple[str, bytes, int]
"""Account, what the reply repeats, the sum asked about in kopecks."""

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_TICK_SECONDS = 0.05
_STAMP_SECONDS = 0.001
_HEADS_MAX = 2000


class _Lengths(dict[int, bytes]):
    """Content-Length as bytes."""

    def __missing__(self, length: int) -> bytes:
        return b"%d" % length


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Pieces(Protocol):
    """What a renderer has made of accounts; `hits` are what was found in `hot`."""

    hot: dict[str, bytes]
    hits: int

    def get(self, number: str) -> bytes | None:
        """A piece that is not in `hot`."""
        ...

    def keep(self, number: str, snapshot: bytes) -> bytes | None:
        """Make the piece of an account that was asked for again."""
        ...

    @property
    def make(self) -> Callable[[bytes], bytes | None]:
        """The piece for a snapshot; None = it takes the long way."""
        ...


class Lookup(Protocol):
    """Where the fast lane finds accounts: server.lookup.accounts.NearCache."""

    keeps: bool
    """Whether anything is ever at hand."""

    def is_trusted(self, now: float) -> bool:
        """Whether what is at hand may be believed, as of now (monotonic). Asked by every check."""
        ...

    def at_hand(self, number: str) -> bytes | None:
        """The snapshot, b"" = certainly no such account, None = ask."""
        ...

    def fetch(self, number: str, asker: Callable[[Found], None]) -> None:
        """Tell it later, or perhaps before this returns; after `is_trusted`."""
        ...

    def pieces(self, dialect: tuple[str, ...], render: Render, with_meters: bool) -> Pieces:
        """What `render` makes of accounts."""
        ...


class Plan:
    """How an agent's plain checks are answered; what can be known beforehand, as bytes."""

    __slots__ = (
        "admitted",
        "agent",
        "amount_max",
        "amount_min",
        "codec",
        "fast",
        "get",
        "get_size",
        "head",
        "is_guarded",
        "is_rated",
        "line_of_get",
        "line_of_post",
        "opened_at",
        "opening",
        "opening_size",
        "path",
        "pieces",
        "post",
        "post_heads",
        "post_size",
        "recognise",
        "tally",
    )

    def __init__(
        self, agent: Agent, codec: Codec, fast: Fast, pieces: Pieces, tally: metrics.Tally
    ) -> None:
        limits = agent.limits
        self.agent = agent
        self.codec = codec
        self.fast = fast
        self.pieces = pieces
        self.tally = tally
        self.path = f"/pay/{agent.name}"
        self.recognise: Recognise = fast.recognise
        self.get = f"GET {self.path}?".encode() if "GET" in fast.methods else b"\n"
        self.get_size = len(self.get)
        self.post = f"POST {self.path} HTTP/1.1\r\n".encode() if "POST" in fast.methods else b"\n"
        self.post_size = len(f"POST {self.path}")
        self.post_heads: dict[bytes, int] = {}
        """Length of the body by what follows the target; -1 = not plain."""
        self.is_guarded = is_guarded(agent)
        self.admitted: set[tuple[str, bytes]] = set()
        """Addresses and headers that were let in where it depends on the headers."""
        self.is_rated = bool(
            limits.requests_per_second_max or limits.unknown_accounts_per_minute_max
        )
        self.amount_min = limits.amount_min.kopecks
        self.amount_max = limits.amount_max.kopecks
        self.head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {fast.content_type}\r\nContent-Length: ".encode()
        )
        self.line_of_get = line_template(agent.name, "GET")
        self.line_of_post = line_template(agent.name, "POST")
        self.opened_at: dt.datetime | None = None
        self.opening = b""
        self.opening_size = 0

    def open_at(self, moment: dt.datetime) -> None:
        """Make the beginning of replies anew where it tells the time."""
        if self.opened_at is None or (self.fast.timed and moment is not self.opened_at):
            self.opened_at = moment
            self.opening = self.fast.opening(moment)
            self.opening_size = len(self.opening)

    def post_length(self, block: bytes) -> int:
        """How long the body is after these headers; -1 = they are not those of a plain POST."""
        length = self.post_heads.get(block)
        if length is None:
            plain = heads.read(block)
            fits = plain is not None and plain.media_type in self.fast.media_types
            length = plain.length if plain is not None and fits else -1
            if len(self.post_heads) >= _HEADS_MAX:
                self.post_heads.clear()
            self.post_heads[block] = length
        return length


class Lane:
    """See the module. `wall_clock` returns aware UTC times."""

    def __init__(
        self,
        agents: Callable[[], Mapping[str, Agent]],
        codecs: Mapping[str, Codec],
        lookup: Lookup,
        answering: Answering,
        rates: Rates,
        *,
        head_bytes_max: int,
        body_bytes_max: int,
        proxies: Networks = (),
        wall_clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        log: AccessLog | None = None,
    ) -> None:
        self._agents = agents
        self._codecs = codecs
        self._answering = answering
        self._wall_clock = wall_clock
        self._known: Mapping[str, Agent] | None = None
        self._tallies: dict[str, metrics.Tally] = {}
        self._get_heads: set[bytes] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0
        self.lookup = lookup
        self.is_trusted = lookup.is_trusted
        self.lengths = _Lengths((length, b"%d" % length) for length in range(8192))
        self.rates = rates
        self.head_bytes_max = head_bytes_max
        self.body_bytes_max = body_bytes_max
        self.proxies = proxies
        self.log = log or AccessLog()
        self.note = self.log.lines.append
        self.plans: dict[bytes, Plan] = {}
        """By the agent's name; a new object whenever agents have changed."""
        self.due = 0.0
        """When `refresh` is to be called; monotonic."""
        self.moment = wall_clock()
        self.stamp = ""
        self.date = b""
        """The headers after Content-Length, and the empty line."""

    def start(self) -> None:
        """Begin to write the log and the metrics now and then."""
        self.refresh(time.monotonic())
        self._tick()

    async def stop(self) -> None:
        """Write what is left."""
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.flush()

    def _tick(self) -> None:
        self.flush()
        self._timer = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)

    def flush(self) -> None:
        """Write log and metrics now."""
        self.log.flush()
        for tally in self._tallies.values():
            tally.flush()

    def refresh(self, now: float) -> None:
        """The time as text, and whatever else has changed within a millisecond."""
        self.due = now + _STAMP_SECONDS
        moment = self.moment = self._wall_clock()
        self.stamp = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
        second = int(moment.timestamp())
        if second != self._second:
            self._second = second
            self.date = _last_headers(moment)
        agents = self._agents()
        if agents is not self._known:
            self._known = agents
            self.plans = {
                name.encode(): plan
                for name, agent in agents.items()
                if (plan := self._plan(agent)) is not None
            }
        for plan in self.plans.values():
            plan.open_at(moment)
        if self.log.is_full():
            self.log.flush()

    def _plan(self, agent: Agent) -> Plan | None:
        codec = self._codecs.get(agent.protocol)
        if codec is None or codec.fast is None or _NAME.fullmatch(agent.name) is None:
            return None
        fast = codec.fast(agent)
        if fast is None:
            return None
        pieces = self.lookup.pieces(fast.dialect, fast.render, fast.shows_meters)
        tally = self._tallies.setdefault(agent.name, metrics.Tally(agent.name))
        return Plan(agent, codec, fast, pieces, tally)

    def admits(self, plan: Plan) -> bool:
        """Whether the agent's rates allow one more request."""
        try:
            self.rates.admit(plan.agent)
        except Refused:
            return False
        return True

    def may_send(self, plan: Plan, address: str, block: bytes) -> bool:
        """Whether who sends from there, with these headers, may speak for the agent."""
        if (address, block) in plan.admitted:
            return True
        fields = heads.fields(block)
        peer = peer_of(address, fields, self.proxies)
        if admission(plan.agent, peer, fields) is not Admission.ADMITTED:
            return False
        if len(plan.admitted) >= _HEADS_MAX:
            plan.admitted.clear()
        plan.admitted.add((address, block))
        return True

    def is_plain_get(self, block: bytes) -> bool:
        """Whether these headers may follow a plain GET."""
        if block in self._get_heads:
            return True
        plain = heads.read(block)
        if plain is None or plain.length != -1:
            return False
        if len(self._get_heads) >= _HEADS_MAX:
            self._get_heads.clear()
        self._get_heads.add(block)
        return True

    def look(self, plan: Plan, account: str) -> tuple[bytes | None, bytes | None]:
        """The piece of the reply and the snapshot, as far as they are at hand; trust is given."""
        if not self.lookup.keeps:
            return None, None
        pieces = plan.pieces
        piece = pieces.hot.get(account)
        if piece is not None:
            pieces.hits += 1
            return piece, None
        piece = pieces.get(account)
        if piece is not None:
            return piece, None
        snapshot = self.lookup.at_hand(account)
        if snapshot:
            piece = pieces.keep(account, snapshot)
        return piece, snapshot

    def compose(self, plan: Plan, question: Question, piece: bytes, line: str) -> bytes:
        """The answer to a check that went well, and its line in the access log."""
        account, echo, _ = question
        self.note(line % (account[-3:], self.stamp))
        size = plan.opening_size + len(echo) + len(piece)
        return b"".join((plan.head, self.lengths[size], self.date, plan.opening, echo, piece))

    def answer_long(
        self, plan: Plan, request: Request, told: Callable[[bytes], None], *, is_admitted: bool
    ) -> None:
        """The whole pipeline; `told` gets the answer with its head."""
        task = asyncio.create_task(self._answer_long(plan, request, told, is_admitted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_long(
        self, plan: Plan, request: Request, told: Callable[[bytes], None], is_admitted: bool
    ) -> None:
        started = time.perf_counter()
        response = await self._answering.answer(plan.codec, request, is_admitted=is_admitted)
        metrics.SECONDS.labels(plan.agent.name).observe(time.perf_counter() - started)
        self.refresh(time.monotonic())
        told(self._rendered(response))

    def _rendered(self, response: Response) -> bytes:
        reason = HTTPStatus(response.status).phrase
        headers = (("Content-Type", response.content_type), *response.headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        head = f"HTTP/1.1 {response.status} {reason}\r\n{lines}"
        length = b"Content-Length: %d" % len(response.body)
        return head.encode() + length + self.date + response.body


def _last_headers(moment: dt.datetime) -> bytes:
    date = (
        f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} {moment.year}"
        f" {moment:%H:%M:%S} GMT"
    )
    return f"\r\nDate: {date}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n".encode()
