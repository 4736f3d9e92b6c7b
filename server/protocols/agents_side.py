"""The other side of a protocol: what a network sends, what it makes of our answer, how it repeats.

A folder's `agent.py` ends in a record, `NETWORK`: pure functions, from which simulators drive a
server. Who sends, pauses and counts is the simulator's matter.
"""

from __future__ import annotations

import datetime as dt
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache

import server.protocols
from server.agents import Agent
from server.money import Money, MoneyError
from server.protocols import Operation, Response, Secrets


@dataclass(frozen=True, slots=True)
class Intent:
    """One payment as its network knows it, through all the requests about it."""

    agent_payment_id: str
    """The network's number; `Network.payment_id` makes one that the protocol allows."""
    account: str
    amount: Money
    paid_at: dt.datetime
    """Aware. A repeat keeps it."""
    sent_at: dt.datetime
    """Aware: when this request goes out, for protocols that date or salt every message."""
    payment_id: str = ""
    """Our number, once a reply has named it."""
    reason: str = ""
    """Why it is cancelled, where the protocol says so."""
    readings: tuple[tuple[str, str], ...] = ()
    """(meter, reading as it is written)."""
    nonce: str = ""
    """Hex digits that no other request has, for protocols that salt or name every message."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it goes out, to the agent's address."""

    method: str
    query: str = ""
    """Raw, percent-encoded."""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    path_suffix: str = ""
    """What follows the agent's address, such as `/prepare`."""


class Decision(Enum):
    """What a network makes of a reply."""

    ACCEPTED = "accepted"
    """Done; for a status: the money is credited."""
    REFUSED = "refused"
    """Never will be, under this number; for a status: the money is not credited."""
    REPEAT = "repeat"
    """Nothing is known: the same request again, after a pause. Every unreadable reply is this."""
    ASK_STATUS = "ask_status"
    """Something is there under this number; whether it is this payment, the status must say."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A reply, as its network reads it."""

    decision: Decision
    code: str = ""
    """The protocol's code; empty when there was none to read."""
    payment_id: str = ""
    """Our number, where the reply names it."""
    debt: Money | None = None
    """What a check says is owed, negative when paid ahead."""


UNREADABLE = Verdict(Decision.REPEAT)


@dataclass(frozen=True, slots=True)
class Habits:
    """How a network behaves when the answer is not a plain yes."""

    pauses_seconds: tuple[int, ...]
    """Before the first repeat, the second …; the last one recurs."""
    lifetime_seconds: int
    """How long it repeats after the first attempt."""
    timeout_seconds: int = 60
    """How long it waits for one answer."""
    cash_back: bool = True
    """Whether a final refusal of a payment gives the payer the money back."""
    at_the_end: Decision = Decision.REFUSED
    """What it takes an unanswered PAY or CONFIRM for when the lifetime is over."""


@dataclass(frozen=True, slots=True)
class Period:
    """What a list is asked for: payments whose `paid_at` lies in it, both ends included."""

    since: dt.datetime
    until: dt.datetime
    sent_at: dt.datetime
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """One credited payment of such a list."""

    agent_payment_id: str
    amount: Money


Ask = Callable[[Intent, Agent, Secrets], Exchange]
Read = Callable[[Operation, Exchange, Response, Agent, Secrets], Verdict]


@dataclass(frozen=True, slots=True)
class Statements:
    """How a network fetches the list of its credited payments.

    `read` gets the agent and the secrets as well; None = the reply is no list.
    """

    ask: Callable[[Period, Agent, Secrets], Exchange]
    read: Callable[[Response, Agent, Secrets], tuple[Listed, ...] | None]


@dataclass(frozen=True, slots=True)
class Network:
    """A protocol's client side.

    `asks` has a function for each operation that the network can ask for. A payment is PAY, or HOLD
    and then CONFIRM. `read` gets what was asked, the request and the reply, since some replies are
    signed over the request; it never raises. Both get the agent's settings, and the secrets of the
    agent's side: shared ones as the server has them, `agent_private_key` and `server_public_key`
    where there are key pairs.

    Where CANCEL undoes only what is credited, `abandon` gives up what is held. `before_cancel` must
    be asked and accepted first. Replies to both are read as those to CANCEL. `statements` is there
    where the protocol reconciles.
    """

    asks: Mapping[Operation, Ask]
    read: Read
    habits: Habits
    abandon: Ask | None = None
    before_cancel: Ask | None = None
    statements: Statements | None = None
    payment_id: Callable[[int], str] = str
    """The network's own number for its n-th payment, n from 1 to 10^12."""


def money(text: str, *, comma: bool = False, kopecks: bool = False) -> Money | None:
    """A sum in a reply, perhaps negative; None when it is none."""
    digits = text.removeprefix("-")
    try:
        found = Money.parse_kopecks(digits) if kopecks else Money.parse(digits, comma=comma)
    except MoneyError:
        return None
    return found if digits == text else -found


@cache
def networks() -> Mapping[str, Network]:
    """The client side of every protocol that has one, by its folder's name."""
    found: dict[str, Network] = {}
    for module in pkgutil.iter_modules(server.protocols.__path__):
        name = f"{server.protocols.__name__}.{module.name}"
        if module.ispkg and importlib.util.find_spec(f"{name}.agent") is not None:
            network: Network = importlib.import_module(f"{name}.agent").NETWORK
            found[module.name] = network
    return found
