"""The JSON of the workbench: what comes in and what goes out. Sums are whole kopecks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from server.reconciliation.workbench import (
    AgentChoice,
    KindTotal,
    LineRow,
    MoveRow,
    PaymentRow,
    RefusalRow,
    RegistryBrief,
    TwinRow,
)

Version = Annotated[int, msgspec.Meta(ge=1, description="as the person saw the case")]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]

# --- what comes in ----------------------------------------------------------------------------


class Seen(msgspec.Struct, frozen=True):
    """An action on a case as the person saw it."""

    version: Version


class Resolve(msgspec.Struct, frozen=True):
    """A decision: `assign` needs an account, `match` a payment, `accept` may say a bucket."""

    action: Literal["post", "assign", "match", "return", "accept", "reverse"]
    reason: Reason
    version: Version
    account: Annotated[str, msgspec.Meta(max_length=30)] = ""
    payment_id: Annotated[int, msgspec.Meta(ge=0)] = 0
    bucket: Literal["", "already_online", "other_recipient", "fee", "rounding"] = ""


class Reject(msgspec.Struct, frozen=True):
    """The second person does not agree."""

    reason: Reason
    version: Version


# --- what goes out ----------------------------------------------------------------------------


class FormatChoice(msgspec.Struct, frozen=True):
    """A registry format that can be read."""

    name: str
    title: str


class Choices(msgspec.Struct, frozen=True):
    """What the pages offer to choose from."""

    agents: list[AgentChoice]
    formats: list[FormatChoice]
    kinds: list[str]
    states: list[str]
    file_bytes_max: int
    second_person_above_kopecks: int | None


class Person(msgspec.Struct, frozen=True):
    """Somebody of the office, or the system."""

    login: str
    name: str


class RegistryShown(msgspec.Struct, frozen=True):
    """A registry; the buckets add up to the computed total. `open` counts undone cases."""

    registry_id: int
    agent: str
    agent_title: str
    file_name: str
    format: str
    encoding: str
    lenient: bool
    number: str
    day: dt.date | None
    lines: int
    bad_lines: int
    declared_total_kopecks: int | None
    computed_total_kopecks: int
    matched: int
    mismatches: Mapping[str, int]
    open: int
    resolved: int
    closed: int
    state: str
    buckets: Mapping[str, int]
    imported_at: dt.datetime
    imported_by: Person
    corrects: int | None
    corrected_by: int | None
    already_imported: bool
    payer_fee_kopecks: int | None
    """Taken from the payers on top of the lines' sums; null = the file says nothing of fees."""
    withheld_kopecks: int | None
    """Kept back by the agent: it transfers the computed total less this."""
    closed_at: dt.datetime | None
    closed_by: Person | None


class RegistryList(msgspec.Struct, frozen=True):
    """A page of registries, the newest first; `next` continues, null = that was all. Count and
    total are those of all registries that the filter lets through."""

    registries: list[RegistryShown]
    next: int | None
    count: int
    total_kopecks: int
    refusals: list[RefusalRow]


class RegistryDetail(msgspec.Struct, frozen=True):
    """A registry with a page of its lines."""

    registry: RegistryShown
    lines: list[LineRow]
    next: int | None


class CaseListed(msgspec.Struct, frozen=True):
    """A case in a list."""

    mismatch_id: int
    kind: str
    state: str
    version: int
    agent: str
    agent_title: str
    registry_id: int | None
    registry_day: dt.date | None
    line_number: int | None
    operation: str
    account: str
    amount_kopecks: int
    opened_at: dt.datetime
    assignee: Person | None
    waits_for_second: bool


class CaseList(msgspec.Struct, frozen=True):
    """A page of cases; count, total and kinds are those of everything the filter lets through."""

    mismatches: list[CaseListed]
    next: int | None
    count: int
    total_kopecks: int
    kinds: list[KindTotal]


class LineShown(msgspec.Struct, frozen=True):
    """What the file says: the line as it can be read, and where its kopecks stand now."""

    line_id: int
    number: int
    operation: str
    account: str
    amount_kopecks: int | None
    paid_on: dt.date | None
    paid_at: dt.datetime | None
    fault: str
    column: int
    raw: str
    details: Mapping[str, Any]
    buckets: Mapping[str, int]


class ServiceDetail(msgspec.Struct, frozen=True):
    """The debt for one service; negative when paid ahead."""

    service: str
    name: str
    debt_kopecks: int


class AccountDetail(msgspec.Struct, frozen=True):
    """An account as a check shows it; the services add up to the debt."""

    account: str
    state: str
    holder: str
    address: str
    debt_kopecks: int
    services: list[ServiceDetail]


class AccountList(msgspec.Struct, frozen=True):
    """Accounts, the likeliest first."""

    accounts: list[AccountDetail]


class DecisionOffered(msgspec.Struct, frozen=True):
    """A decision that may be taken now; `buckets` are where accepted kopecks may go."""

    action: str
    buckets: list[str]


class ProposalShown(msgspec.Struct, frozen=True):
    """A decision that waits for a second person, or (`claimed`) is being carried out."""

    action: str
    reason: str
    account: str
    payment_id: int
    bucket: str | None
    claimed: bool
    by: Person


class HistoryShown(msgspec.Struct, frozen=True):
    """One thing that was done with the case."""

    happened_at: dt.datetime
    by: Person
    action: str
    reason: str
    details: Mapping[str, Any]


class CaseShown(msgspec.Struct, frozen=True):
    """The whole case: what the bank says, what we have, what may be done, what was done."""

    mismatch_id: int
    kind: str
    state: str
    version: int
    agent: str
    agent_title: str
    amount_kopecks: int
    undecided_kopecks: int
    registry: RegistryBrief | None
    opened_at: dt.datetime
    line: LineShown | None
    payment: PaymentRow | None
    twin: TwinRow | None
    other_payment: PaymentRow | None
    """SAME_SUM_TWICE: the earlier of the two."""
    other_agent_title: str
    account: AccountDetail | None
    payment_account: AccountDetail | None
    candidates: list[PaymentRow]
    details: Mapping[str, Any]
    decisions: list[DecisionOffered]
    needs_second_person: bool
    assignee: Person | None
    proposal: ProposalShown | None
    outcome: str
    decided_by: Person | None
    confirmed_by: Person | None
    decided_at: dt.datetime | None
    reason: str
    moves: list[MoveRow]
    history: list[HistoryShown]
