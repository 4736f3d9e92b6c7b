"""A protocol is a value: a frozen record of pure functions between bytes and commands.

`load()` finds every sub-package that has `codec.CODEC`; there is no list to edit.
"""

from __future__ import annotations

import datetime as dt
import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from server.accounts import Meter, ServiceNames
from server.agents import Agent
from server.messages import Command, Outcome
from server.protocols.facts import Facts
from server.refusals import Refusal

Headers = Mapping[str, str]


class Operation(Enum):
    """What a request asks for, as far as the codes of a protocol tell operations apart."""

    CHECK = "check"
    PAY = "pay"
    HOLD = "hold"
    CONFIRM = "confirm"
    CANCEL = "cancel"
    STATUS = "status"
    STATEMENT = "statement"
    READING = "reading"
    CHANGE_SECRET = "change_secret"
    FIND = "find"
    BATCH = "batch"
    CLOSE_DAY = "close_day"
    DAY = "day"
    UNKNOWN = "unknown"
    """The operation could not be read from the request."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as received; nothing in it is decoded but header names (lower case)."""

    method: str
    path: str
    query: str
    """The raw, still percent-encoded query string."""
    headers: Headers
    body: bytes
    agent: Agent
    received_at: dt.datetime
    """Aware, UTC."""


@dataclass(frozen=True, slots=True)
class Response:
    """One response; Content-Length and Date are the transport's."""

    body: bytes
    content_type: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """What a refusal is on the wire: the protocol's code, a text for people, the HTTP status."""

    code: str
    text: str
    status: int = 200


@dataclass(frozen=True, slots=True)
class Setting:
    """A dialect switch of a protocol, set for each agent.

    It takes one of `choices`, or a text that `pattern` matches whole, or any text.
    """

    name: str
    default: str
    choices: tuple[str, ...] = ()
    pattern: str = ""

    def of(self, agent: Agent) -> str:
        """The agent's value, or the default."""
        return agent.setting(self.name, self.default)

    def fault(self, value: str) -> str:
        """What is wrong with a value; empty when nothing is."""
        if self.choices and value not in self.choices:
            return f"{self.name} = {value!r} is none of {', '.join(self.choices)}"
        if self.pattern and re.fullmatch(self.pattern, value) is None:
            return f"{self.name} = {value!r} is not of the form {self.pattern}"
        return ""


@dataclass(frozen=True, slots=True)
class Verified:
    """A valid signature. A `replay_key` may be used once until `expires`."""

    replay_key: str = ""
    expires: dt.datetime | None = None


Recognise = Callable[[bytes, int, int], tuple[bytes, bytes, int] | None]
"""Bytes with a query or a form body from .. to -> account in ASCII, echo, the sum asked about in
kopecks (0 = none); or None."""

Render = Callable[[str, str, int, ServiceNames, list[int], tuple[Meter, ...]], bytes]
"""Holder, address, debt, services and the debt of each in kopecks, meters -> a piece of a reply."""


@dataclass(frozen=True, slots=True)
class Fast:
    """How plain checks of one agent are answered without a command and an outcome in between.

    `recognise` takes nothing but what `verify` and `decode` would accept as a check of that
    account; whatever is not exactly the plain form is None and goes the long way. The reply to it
    is `opening` + echo + what `render` makes of an active account: byte for byte what `encode`
    writes. `render` is a pure function; equal `dialect`s mean equal renderers.
    """

    recognise: Recognise
    opening: Callable[[dt.datetime], bytes]
    """Of the time at which the request was received, if `timed`."""
    render: Render
    content_type: str
    dialect: tuple[str, ...]
    methods: frozenset[str] = frozenset({"GET", "POST"})
    """A GET's query is recognised, or the body of a POST that has no query."""
    media_types: frozenset[str] = frozenset()
    """Of a POST, lower case and without parameters."""
    timed: bool = False
    shows_meters: bool = False


Secrets = Mapping[str, str]
CodeTable = Mapping[tuple[Operation, Refusal], Code]


def _accept(request: Request, secrets: Secrets, now: dt.datetime) -> Verified:
    return Verified()


def _unsigned(request: Request, response: Response, secrets: Secrets) -> Response:
    return response


@dataclass(frozen=True, slots=True)
class Codec:
    """A protocol. See docs/architecture.md for what each function may and must do.

    `verify` raises Refused(NOT_AUTHENTIC); `decode` raises Refused; `encode` never raises.
    `documents` maps a query string (such as `wsdl`) to a function from the service's own address
    to (content type, bytes).
    `codes` is total over (operation in `operations`, Refusal); `repeatable` holds the wire codes
    after which the network repeats the request. A code with the status 503 stands for UNAVAILABLE.
    `duplicate` is the code of a repeated success where the protocol has one of its own.
    `settings` are the dialect switches that its README documents.
    `fast` makes the fast lane's functions for an agent, where the agent's dialect allows them.
    `files` are what its network is handed before the start, by their names.
    `facts` is what its code does not say.
    `body_bytes_max` is what its longest request needs, where that is more than others may send.
    """

    name: str
    title: str
    operations: frozenset[Operation]
    decode: Callable[[Request], Command]
    encode: Callable[[Request, Outcome], Response]
    codes: CodeTable
    repeatable: frozenset[str]
    ok: str = "0"
    duplicate: str = ""
    settings: tuple[Setting, ...] = ()
    verify: Callable[[Request, Secrets, dt.datetime], Verified] = _accept
    sign: Callable[[Request, Response, Secrets], Response] = _unsigned
    fast: Callable[[Agent], Fast | None] | None = None
    documents: Mapping[str, Callable[[str], tuple[str, bytes]]] = field(default_factory=dict)
    files: Mapping[str, Callable[[Agent], bytes]] = field(default_factory=dict)
    facts: Facts | None = None
    body_bytes_max: int = 0


UNAVAILABLE = Response(b"", "text/plain", status=503)
"""TRY_LATER for protocols without a repeatable code: the network sees a failed exchange."""


def setting_faults(
    codec: Codec, settings: Mapping[str, str], others: Collection[str] = ()
) -> tuple[str, ...]:
    """What is wrong with an agent's settings for this protocol, a sentence each.

    `others` are names that something else than the protocol understands.
    """
    known = {setting.name: setting for setting in codec.settings}
    unknown = [
        f"{codec.name} has no setting {name}"
        for name in settings
        if name not in known and name not in others
    ]
    wrong = [
        f"{codec.name}: {known[name].fault(value)}"
        for name, value in settings.items()
        if name in known and known[name].fault(value)
    ]
    return (*unknown, *wrong)


@cache
def load() -> Mapping[str, Codec]:
    """Every protocol by its folder's name."""
    found: dict[str, Codec] = {}
    for module in pkgutil.iter_modules(__path__):
        name = f"{__name__}.{module.name}"
        if not module.ispkg or importlib.util.find_spec(f"{name}.codec") is None:
            continue
        codec: Codec = importlib.import_module(f"{name}.codec").CODEC
        assert codec.name == module.name, f"{module.name}: the codec calls itself {codec.name}"
        found[codec.name] = codec
    return found
