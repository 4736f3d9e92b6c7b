"""Mismatches: kinds, states, what may be done with each, and one transition table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from server.money import Money


class Kind(Enum):
    """What is wrong. A line has at most one, the gravest."""

    NOT_RECORDED = "NOT_RECORDED"
    """In the registry, not in our ledger, and the account may be paid to: it can be posted."""
    NOT_IN_REGISTRY = "NOT_IN_REGISTRY"
    """In our ledger for that agent and day, not in the file."""
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"
    ACCOUNT_DIFFERS = "ACCOUNT_DIFFERS"
    DATE_DIFFERS = "DATE_DIFFERS"
    """By more days than the agent's window."""
    UNIDENTIFIED = "UNIDENTIFIED"
    """There is no such account."""
    DUPLICATE_LINE = "DUPLICATE_LINE"
    BAD_LINE = "BAD_LINE"
    TOTAL_DIFFERS = "TOTAL_DIFFERS"
    CLOSED_ACCOUNT = "CLOSED_ACCOUNT"
    REVERSAL_ASKED = "REVERSAL_ASKED"
    """No file: an agent wants a payment back that it may no longer take back by itself."""
    SAME_SUM_TWICE = "SAME_SUM_TWICE"
    """No file: an account was credited the same sum through two agents within minutes."""
    FAST_TERMINAL = "FAST_TERMINAL"
    """No file: a terminal pays, or names accounts that there are not, faster than people can."""
    FEE_DIFFERS = "FEE_DIFFERS"
    """A file tells other fees of a payment than were told before."""


class Bucket(Enum):
    """Where a line's kopecks stand."""

    POSTED = "posted"
    ALREADY_ONLINE = "already_online"
    OTHER_RECIPIENT = "other_recipient"
    UNIDENTIFIED = "unidentified"
    RETURNED = "returned"
    FEE = "fee"
    ROUNDING = "rounding"
    PENDING = "pending"


UNDECIDED = (Bucket.PENDING, Bucket.UNIDENTIFIED)
"""The buckets that a decision empties."""


class State(Enum):
    """Where a case stands."""

    OPEN = "open"
    ASSIGNED = "assigned"
    """Somebody has taken it, or a decision is being carried out or waits for a second person."""
    RESOLVED = "resolved"
    CLOSED = "closed"


class Action(Enum):
    """What happens to a case."""

    TAKE = "take"
    RELEASE = "release"
    PROPOSE = "propose"
    """A decision is claimed before the ledger is asked, or waits for a second person."""
    WITHDRAW = "withdraw"
    """A proposed decision did not come to pass."""
    POST = "post"
    """Credit the account of the line."""
    ASSIGN = "assign"
    """Credit another account."""
    MATCH = "match"
    """It is a payment that we have."""
    RETURN = "return"
    """The money goes back."""
    ACCEPT = "accept"
    """It stays as it is, for a reason."""
    REVERSE = "reverse"
    """Take the payment's money off the account: an opposite entry on an open day."""
    SUPERSEDE = "supersede"
    """A corrected file changed or withdrew the line."""
    FIND = "find"
    """A later file has the missing payment."""
    CLOSE = "close"


DECISIONS = frozenset(
    {Action.POST, Action.ASSIGN, Action.MATCH, Action.RETURN, Action.ACCEPT, Action.REVERSE}
)
POSTING = frozenset({Action.POST, Action.ASSIGN})

TRANSITIONS: Mapping[tuple[State, Action], State] = {
    (State.OPEN, Action.TAKE): State.ASSIGNED,
    (State.ASSIGNED, Action.TAKE): State.ASSIGNED,
    (State.ASSIGNED, Action.RELEASE): State.OPEN,
    (State.OPEN, Action.PROPOSE): State.ASSIGNED,
    (State.ASSIGNED, Action.PROPOSE): State.ASSIGNED,
    (State.ASSIGNED, Action.WITHDRAW): State.ASSIGNED,
    **{(state, action): State.RESOLVED
       for state in (State.OPEN, State.ASSIGNED) for action in DECISIONS},
    **{(state, action): State.CLOSED
       for state in (State.OPEN, State.ASSIGNED) for action in (Action.SUPERSEDE, Action.FIND)},
    (State.RESOLVED, Action.CLOSE): State.CLOSED,
}  # fmt: skip

OUTCOMES: Mapping[Action, str] = {
    Action.POST: "posted",
    Action.ASSIGN: "posted",
    Action.MATCH: "matched",
    Action.RETURN: "returned",
    Action.ACCEPT: "accepted",
    Action.REVERSE: "reversed",
    Action.SUPERSEDE: "superseded",
    Action.FIND: "found",
}

_ANY = frozenset({Action.ASSIGN, Action.MATCH, Action.RETURN, Action.ACCEPT})
DECISIONS_OF: Mapping[Kind, frozenset[Action]] = {
    Kind.NOT_RECORDED: _ANY | {Action.POST},
    Kind.CLOSED_ACCOUNT: _ANY | {Action.POST},  # the ledger refuses until it is opened again
    Kind.DUPLICATE_LINE: _ANY | {Action.POST},
    Kind.UNIDENTIFIED: _ANY,
    Kind.BAD_LINE: _ANY,
    Kind.AMOUNT_DIFFERS: frozenset({Action.RETURN, Action.ACCEPT}),
    Kind.ACCOUNT_DIFFERS: frozenset({Action.ACCEPT}),
    Kind.DATE_DIFFERS: frozenset({Action.ACCEPT}),
    Kind.NOT_IN_REGISTRY: frozenset({Action.ACCEPT}),
    Kind.TOTAL_DIFFERS: frozenset({Action.ACCEPT}),
    Kind.REVERSAL_ASKED: frozenset({Action.REVERSE, Action.ACCEPT}),
    Kind.SAME_SUM_TWICE: frozenset({Action.REVERSE, Action.ACCEPT}),
    Kind.FAST_TERMINAL: frozenset({Action.ACCEPT}),
    Kind.FEE_DIFFERS: frozenset({Action.ACCEPT}),
}

ACCEPTED_INTO: Mapping[Kind, tuple[Bucket, ...]] = {
    Kind.NOT_RECORDED: (Bucket.OTHER_RECIPIENT, Bucket.FEE, Bucket.ROUNDING),
    Kind.CLOSED_ACCOUNT: (Bucket.OTHER_RECIPIENT, Bucket.FEE, Bucket.ROUNDING),
    Kind.UNIDENTIFIED: (Bucket.OTHER_RECIPIENT, Bucket.ALREADY_ONLINE, Bucket.FEE, Bucket.ROUNDING),
    Kind.BAD_LINE: (Bucket.OTHER_RECIPIENT, Bucket.ALREADY_ONLINE, Bucket.FEE, Bucket.ROUNDING),
    Kind.DUPLICATE_LINE: (Bucket.ALREADY_ONLINE, Bucket.OTHER_RECIPIENT),
    Kind.AMOUNT_DIFFERS: (Bucket.FEE, Bucket.ROUNDING, Bucket.OTHER_RECIPIENT),
    Kind.ACCOUNT_DIFFERS: (Bucket.ALREADY_ONLINE,),
}
"""Where accepted kopecks may go; the first is meant when nothing is said."""

ROUNDING_MAX = Money(99)


class NotAllowed(Exception):
    """The decision does not fit the case. Two whole sentences for people: Russian, English."""

    def __init__(self, russian: str, english: str) -> None:
        super().__init__(russian)
        self.texts = (russian, english)


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decides about a case."""

    action: Action
    reason: str
    account: str = ""
    """ASSIGN: the account to credit."""
    payment_id: int = 0
    """MATCH: the payment that it is."""
    bucket: Bucket | None = None
    """ACCEPT: where the undecided kopecks go; None = the usual one of the kind."""

    def json(self) -> dict[str, object]:
        """As it is kept with the case."""
        return {
            "action": self.action.value,
            "reason": self.reason,
            "account": self.account,
            "payment_id": self.payment_id,
            "bucket": self.bucket.value if self.bucket else None,
        }

    def same_as(self, kept: Mapping[str, object]) -> bool:
        """Whether the kept decision would do the same; reasons may differ."""
        mine = self.json()
        return all(mine[key] == kept.get(key) for key in mine if key != "reason")


def kept_decision(kept: Mapping[str, object]) -> Decision:
    """The decision that is kept with a case."""
    bucket = kept.get("bucket")
    return Decision(
        Action(str(kept["action"])),
        str(kept["reason"]),
        account=str(kept.get("account") or ""),
        payment_id=int(str(kept.get("payment_id") or 0)),
        bucket=Bucket(str(bucket)) if bucket else None,
    )


@dataclass(frozen=True, slots=True)
class CaseLine:
    """The line of a case as the file has it."""

    line_id: int
    number: int
    operation: str
    account: str
    amount: Money | None
    paid_on: dt.date | None
    paid_at: dt.datetime | None
    """The moment, from the agent's zone; noon when the file has no time."""
    business_day: dt.date | None
    fault: str
    column: int
    raw: str
    details: Mapping[str, object]
    positions: Mapping[Bucket, Money]


@dataclass(frozen=True, slots=True)
class Case:
    """A mismatch with what a decision needs."""

    mismatch_id: int
    agent: str
    registry_id: int
    """0 for a case that no file gave rise to."""
    kind: Kind
    state: State
    version: int
    amount: Money
    """What is at stake."""
    line: CaseLine | None
    payment_id: int | None
    post_as: str
    details: Mapping[str, object]
    opened_at: dt.datetime
    assignee: str = ""
    proposal: Mapping[str, object] | None = None
    proposed_by: str = ""
    outcome: str = ""
    decided_by: str = ""
    confirmed_by: str = ""
    decided_at: dt.datetime | None = None
    reason: str = ""

    @property
    def decisions(self) -> frozenset[Action]:
        """What may be decided now."""
        if (self.state, Action.ACCEPT) not in TRANSITIONS:
            return frozenset()
        allowed = DECISIONS_OF[self.kind]
        if self.payment_id is not None:
            allowed -= {Action.POST, Action.ASSIGN, Action.MATCH}
        if self.line is None or self.undecided == Money(0):
            allowed -= {Action.RETURN}
        if self.line is None or self.line.amount is None or self.line.amount <= Money(0):
            allowed -= POSTING
        if "more" in self.details:
            allowed -= {Action.REVERSE}  # it stands for many payments
        return allowed

    @property
    def undecided(self) -> Money:
        """The line's kopecks in the buckets that a decision empties."""
        positions: Mapping[Bucket, Money] = self.line.positions if self.line else {}
        return Money(sum(positions[bucket].kopecks for bucket in UNDECIDED if bucket in positions))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recorded payment that the line might be."""

    payment_id: int
    agent: str
    agent_payment_id: str
    account: str
    amount: Money
    paid_at: dt.datetime
    business_day: dt.date
    state: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did."""

    audit_id: int
    happened_at: dt.datetime
    actor: str
    action: str
    reason: str
    details: Mapping[str, object] = field(default_factory=dict)


def check(case: Case, decision: Decision) -> Decision:
    """The decision, completed. Raises NotAllowed when it does not fit the case."""
    if decision.action not in case.decisions:
        raise NotAllowed(
            "Это решение для такого дела сейчас невозможно.",
            "This decision cannot be taken on such a case now.",
        )
    if not decision.reason.strip():
        raise NotAllowed("Нужна причина решения.", "A reason is needed.")
    match decision.action:
        case Action.ASSIGN if not decision.account:
            raise NotAllowed(
                "Нужен лицевой счёт, на который разнести.", "The account to credit is needed."
            )
        case Action.MATCH if not decision.payment_id:
            raise NotAllowed("Нужен номер платежа.", "The payment's number is needed.")
        case Action.ACCEPT:
            return _with_bucket(case, decision)
        case _:
            return decision


def _with_bucket(case: Case, decision: Decision) -> Decision:
    allowed = ACCEPTED_INTO.get(case.kind, ())
    if not case.undecided:
        if decision.bucket is not None:
            raise NotAllowed(
                "Нет копеек, которые можно отнести.", "No kopecks are left to be put anywhere."
            )
        return decision
    bucket = decision.bucket or allowed[0]
    if bucket not in allowed:
        raise NotAllowed(
            "Деньги такого дела туда отнести нельзя.", "The money of such a case cannot go there."
        )
    if bucket is Bucket.ROUNDING and not -ROUNDING_MAX <= case.undecided <= ROUNDING_MAX:
        raise NotAllowed(
            "Округление бывает только меньше рубля.", "Rounding is always less than a rouble."
        )
    return Decision(decision.action, decision.reason, bucket=bucket)
