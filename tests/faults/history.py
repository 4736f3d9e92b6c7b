"""What was asked, when, and what was said to it: all that the checker is given."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.networks import Answer, Said

now = time.monotonic
"""Seconds on the one clock of a run; it never jumps."""


@dataclass(slots=True)
class Try:
    """One request and what came of it; `answer` None = nothing came."""

    host: int
    started: float
    ended: float = float("inf")
    answer: Answer | None = None
    is_dropped: bool = False
    """The agent hung up without waiting."""

    @property
    def said(self) -> Said | None:
        return self.answer.said if self.answer else None


@dataclass(slots=True)
class Claim:
    """A payment that an agent wants to be credited, with everything it sent about it."""

    agent: str
    key: str
    account: str
    kopecks: int
    is_payable: bool = True
    """False = it must be refused for good, whatever else happens."""
    tries: list[Try] = field(default_factory=list)
    cancels: list[Try] = field(default_factory=list)
    conflicts: list[Try] = field(default_factory=list)
    """The same id with another sum or account."""

    @property
    def first_sent(self) -> float:
        return min((each.started for each in self.tries), default=float("inf"))

    def answers(self, said: Said) -> list[Try]:
        """The tries that were answered so."""
        return [each for each in self.tries if each.said is said]

    @property
    def is_credited(self) -> bool:
        """Whether the agent was told that it has the money, be it that it was cancelled later."""
        return bool(self.answers(Said.DONE) or self.answers(Said.CANCELLED))

    @property
    def is_refused(self) -> bool:
        """Whether the agent was told for good that it has not."""
        return bool(self.answers(Said.REFUSED))

    @property
    def is_settled(self) -> bool:
        """Whether the agent knows."""
        return self.is_credited or self.is_refused

    @property
    def cancel_sent(self) -> float:
        return min((each.started for each in self.cancels), default=float("inf"))

    @property
    def is_cancelled(self) -> bool:
        """Whether the agent was told so."""
        return any(each.said in (Said.DONE, Said.CANCELLED) for each in self.cancels)


@dataclass(slots=True)
class Look:
    """A check."""

    agent: str
    account: str
    asked: Try


@dataclass(slots=True)
class Charge:
    """A row that billing inserted."""

    account: str
    kopecks: int
    started: float
    ended: float = float("inf")
    """When its commit was told; never, when it was not."""
    is_recorded: bool = False
    is_lost: bool = False
    """Not told, and sent to a primary that is gone for good: it may have been there for a while."""


@dataclass(slots=True)
class Closing:
    """Billing closed an account, or tried to, and does not open it in this run."""

    account: str
    started: float


@dataclass(slots=True)
class History:
    """One run."""

    began: float = field(default_factory=now)
    calm_until: float = 0.0
    healed: float = 0.0
    claims: list[Claim] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    last_looks: list[Look] = field(default_factory=list)
    """Asked when nothing moved any more."""
    charges: list[Charge] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)

    def tries(self) -> Iterator[Try]:
        """Everything that was sent."""
        for claim in self.claims:
            yield from (*claim.tries, *claim.cancels, *claim.conflicts)
        for look in self.looks:
            yield look.asked


@dataclass(frozen=True, slots=True)
class Recorded:
    """A payment as PostgreSQL has it."""

    agent: str
    key: str
    account: str
    kopecks: int
    state: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is so, seen from outside when nothing moves any more."""

    debts_before: dict[str, int]
    debts: dict[str, int]
    credited: dict[str, int]
    """Kopecks that the paid lanes rose by during the run."""
    payments: tuple[Recorded, ...]
    """Those of this run."""
    differences: tuple[str, ...] = ()
    """What the ledger proof found."""
    verified: dict[str, int] = field(default_factory=dict)
    """Redis against PostgreSQL: missing, stale, extra."""
