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
from server.transport.access_log import AccessLog, Lines
from server.transport.admission import Admission, Networks, admission, is_guarded, peer_of
from server.transport.answer import Answering
from server.transport.limits import Rate, Rates

Found = bytes | Refused | None
Question = tuple[bytes, bytes, int]
"""Account, what the reply repeats, the sum asked about in kopecks."""

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_TICK_SECONDS = 0.05
_STAMP_SECONDS = 0.001
_HEADS_MAX = 2000


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Pieces(Protocol):
    """What a renderer has made of accounts."""

    hot: dict[bytes, bytes]

    def get(self, number: bytes) -> bytes | None:
        """A piece that is not in `hot`."""
        ...

    def keep(self, number: bytes, snapshot: bytes) -> bytes | None:
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

    def note_hits(self, count: int) -> None:
        """So many checks were answered from what was at hand."""
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
        "fronts",
        "get",
        "gets",
        "head",
        "is_guarded",
        "opened_at",
        "opening",
        "path",
        "pieces",
        "post",
        "post_heads",
        "posts",
        "rate",
        "recognise",
        "tally",
    )

    def __init__(
        self,
        agent: Agent,
        codec: Codec,
        fast: Fast,
        pieces: Pieces,
        rate: Rate,
        tally: metrics.Tally,
    ) -> None:
        self.agent = agent
        self.codec = codec
        self.fast = fast
        self.pieces = pieces
        self.rate = rate
        self.tally = tally
        self.path = f"/pay/{agent.name}"
        self.recognise: Recognise = fast.recognise
        self.get = f"GET {self.path}?".encode() if "GET" in fast.methods else b"\n"
        self.post = f"POST {self.path} HTTP/1.1\r\n".encode() if "POST" in fast.methods else b"\n"
        self.post_heads: dict[bytes, int] = {}
        """Length of the body by what follows the target; -1 = not plain."""
        self.is_guarded = is_guarded(agent)
        self.admitted: set[tuple[str, bytes]] = set()
        """Addresses and headers that were let in where it depends on the headers."""
        self.amount_min = agent.limits.amount_min.kopecks
        self.amount_max = agent.limits.amount_max.kopecks
        self.head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {fast.content_type}\r\nContent-Length: ".encode()
        )
        self.fronts: dict[int, bytes] = {}
        """The head with all headers, of this second, by how much follows the opening."""
        self.gets, self.posts = tally.gets, tally.posts
        self.opened_at: dt.datetime | None = None
        self.opening = b""

    def end(self) -> None:
        """The agent has changed: who still has this plan is to look for another."""
        self.recognise = _nothing

    def open_at(self, moment: dt.datetime) -> None:
        """Make the beginning of replies anew where it tells the time."""
        if self.opened_at is None or (self.fast.timed and moment is not self.opened_at):
            self.opened_at = moment
            self.opening = self.fast.opening(moment)

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


def _nothing(_data: bytes, _start: int, _end: int) -> None:
    """Recognises no check."""


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
        self._lines: dict[tuple[str, str], Lines] = {}
        self._get_heads: set[bytes] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0
        self.lookup = lookup
        self.is_trusted = lookup.is_trusted
        self.rates = rates
        self.head_bytes_max = head_bytes_max
        self.body_bytes_max = body_bytes_max
        self.proxies = proxies
        self.log = log or AccessLog()
        self.plans: dict[bytes, Plan] = {}
        """By the agent's name; a new object whenever agents have changed."""
        self.due = 0.0
        """When `refresh` is to be called; monotonic."""
        self.moment = wall_clock()
        self.stamp = ""
        self.date = b""
        """The headers after Content-Length, and the empty line; of this second."""

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
        self._gather()
        self.log.flush()
        for tally in self._tallies.values():
            self.lookup.note_hits(tally.flush())

    def _gather(self) -> None:
        """Lines and numbers of what was answered in this millisecond."""
        for name, tally in self._tallies.items():
            if tally.gets:
                self._write(tally, tally.gets, name, "GET")
            if tally.posts:
                self._write(tally, tally.posts, name, "POST")

    def _write(self, tally: metrics.Tally, accounts: list[bytes], name: str, method: str) -> None:
        lines = self._lines.get((name, method))
        if lines is None:
            lines = self._lines[name, method] = Lines(name, method)
        self.log.add(lines.of(accounts, self.stamp))
        tally.answered += len(accounts)
        accounts.clear()

    def refresh(self, now: float) -> None:
        """The time as text, and whatever else has changed within a millisecond."""
        self.due = now + _STAMP_SECONDS
        self._gather()
        moment = self.moment = self._wall_clock()
        self.stamp = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
        agents = self._agents()
        if agents is not self._known:
            self._learn(agents)
        second = int(moment.timestamp())
        if second != self._second:
            self._second = second
            self.date = _last_headers(moment)
            for plan in self.plans.values():
                plan.fronts.clear()
        for plan in self.plans.values():
            self.rates.renew(plan.agent, plan.rate)
            plan.open_at(moment)
        if self.log.is_full():
            self.log.flush()

    def _learn(self, agents: Mapping[str, Agent]) -> None:
        self._known = agents
        for plan in self.plans.values():
            plan.end()
        made = ((name, self._plan(agent)) for name, agent in agents.items())
        self.plans = {name.encode(): plan for name, plan in made if plan is not None}

    def _plan(self, agent: Agent) -> Plan | None:
        codec = self._codecs.get(agent.protocol)
        if codec is None or codec.fast is None or _NAME.fullmatch(agent.name) is None:
            return None
        fast = codec.fast(agent)
        if fast is None:
            return None
        pieces = self.lookup.pieces(fast.dialect, fast.render, fast.shows_meters)
        tally = self._tallies.setdefault(agent.name, metrics.Tally(agent.name))
        return Plan(agent, codec, fast, pieces, self.rates.of(agent), tally)

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

    def look(self, plan: Plan, account: bytes) -> tuple[bytes | None, bytes | None]:
        """The piece of the reply and the snapshot, as far as they are at hand; trust is given."""
        if not self.lookup.keeps:
            return None, None
        pieces = plan.pieces
        piece = pieces.hot.get(account) or pieces.get(account)
        if piece is not None:
            return piece, None
        snapshot = self.lookup.at_hand(account.decode())
        if snapshot:
            piece = pieces.keep(account, snapshot)
        return piece, snapshot

    def front(self, plan: Plan, length: int) -> bytes:
        """The head of an answer whose body has `length` bytes behind its opening."""
        length_written = b"%d" % (len(plan.opening) + length)
        front = plan.fronts[length] = plan.head + length_written + self.date
        return front

    def compose(self, plan: Plan, question: Question, piece: bytes, *, is_post: bool) -> bytes:
        """The answer to a check that went well; it is noted as given."""
        account, echo, _ = question
        (plan.posts if is_post else plan.gets).append(account)
        length = len(echo) + len(piece)
        front = plan.fronts.get(length) or self.front(plan, length)
        return b"".join((front, plan.opening, echo, piece))

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
