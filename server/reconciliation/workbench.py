"""What the accountants' workbench asks of the store, and the rows it is given. Sums in kopecks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from server.accounts import AccountView
from server.reconciliation.intake import RegistrySummary, Terms, Upload
from server.reconciliation.mismatches import AuditEntry

UNDONE = "undone"
"""A filter: open and assigned cases together."""


@dataclass(frozen=True, slots=True)
class AgentChoice:
    """An agent whose registries may be brought in."""

    name: str
    title: str
    protocol: str
    zone: str
    """IANA zone of its wall clock."""


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """A file that was not imported, and why."""

    agent: str
    file_name: str
    refused_at: dt.datetime
    refused_to: str
    message: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class RegistryBrief:
    """What a case tells of its registry."""

    registry_id: int
    file_name: str
    format: str
    number: str
    day: dt.date | None
    declared_total_kopecks: int | None
    computed_total_kopecks: int


@dataclass(frozen=True, slots=True)
class TwinRow:
    """Another line of the agent with the same number."""

    registry_id: int
    registry_day: dt.date | None
    file_name: str
    number: int
    operation: str
    account: str
    amount_kopecks: int | None
    paid_on: dt.date | None
    payment_id: int | None


@dataclass(frozen=True, slots=True)
class LineRow:
    """A registry's line as the file has it; its buckets, payment and case as they stand now."""

    line_id: int
    number: int
    operation: str
    account: str
    amount_kopecks: int | None
    paid_on: dt.date | None
    paid_time: dt.time | None
    fault: str
    column: int
    buckets: Mapping[str, int]
    payment_id: int | None
    mismatch_id: int | None


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """All of them together; empty = any. `text` is the beginning of an account or a number."""

    registry: int | None = None
    kind: str = ""
    state: str = ""
    agent: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case in a list."""

    mismatch_id: int
    kind: str
    state: str
    version: int
    agent: str
    registry_id: int | None
    """None for a case that no file gave rise to."""
    registry_day: dt.date | None
    line_number: int | None
    operation: str
    account: str
    amount_kopecks: int
    opened_at: dt.datetime
    assignee: str
    waits_for_second: bool


@dataclass(frozen=True, slots=True)
class KindTotal:
    """How many cases of a kind, and their kopecks together."""

    kind: str
    count: int
    total_kopecks: int


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A recorded payment."""

    payment_id: int
    agent: str
    agent_payment_id: str
    account: str
    amount_kopecks: int
    paid_at: dt.datetime
    recorded_at: dt.datetime
    business_day: dt.date
    state: str
    by_registry: bool
    """It reached us by a registry only."""


@dataclass(frozen=True, slots=True)
class MoveRow:
    """Kopecks of a line that went from one bucket to another."""

    from_bucket: str
    to_bucket: str
    kopecks: int
    happened_at: dt.datetime
    actor: str


class Workbench(Protocol):
    """The store behind the pages. Every method may raise OutcomeUnknown."""

    async def agents(self) -> tuple[AgentChoice, ...]:
        """All of them, by title."""
        ...

    async def names(self, logins: Collection[str]) -> Mapping[str, str]:
        """How these people are called; who is not staff is left out."""
        ...

    async def import_registry(
        self, upload: Upload, agent: str, actor: str, terms: Terms, bytes_max: int
    ) -> RegistrySummary:
        """Raises FileRefused, LookupError (no such agent), UnknownFormat."""
        ...

    async def registries(
        self, agent: str, before: int | None, limit: int
    ) -> tuple[RegistrySummary, ...]:
        """The newest first."""
        ...

    async def registry_totals(self, agent: str) -> tuple[int, int]:
        """How many there are, and their computed totals together."""
        ...

    async def registry(self, registry_id: int) -> RegistrySummary:
        """Raises LookupError."""
        ...

    async def registry_brief(self, registry_id: int) -> RegistryBrief:
        """Raises LookupError."""
        ...

    async def close_registry(self, registry_id: int, actor: str) -> None:
        """It and its cases are final. Raises LookupError, NotAllowed, SecondPersonNeeded."""
        ...

    async def refusals(self, limit: int) -> tuple[RefusalRow, ...]:
        """Files that were refused and not imported since, the newest first."""
        ...

    async def lines(self, registry_id: int, after: int, limit: int) -> tuple[LineRow, ...]:
        """In the file's order; `after` is the last line_id of the page before."""
        ...

    async def case_rows(self, wanted: CaseFilter, after: int, limit: int) -> tuple[CaseRow, ...]:
        """By id; `after` is the last id of the page before."""
        ...

    async def kind_totals(self, wanted: CaseFilter) -> tuple[KindTotal, ...]:
        """Of every kind that the filter lets through; the filter's own kind does not count."""
        ...

    async def payment(self, payment_id: int) -> PaymentRow | None:
        """By our number."""
        ...

    async def candidates(self, mismatch_id: int) -> tuple[PaymentRow, ...]:
        """Payments that the case's line might be, the likeliest first."""
        ...

    async def twin(self, mismatch_id: int) -> TwinRow | None:
        """The first other line of the agent with the number of the case's line."""
        ...

    async def moves(self, mismatch_id: int) -> tuple[MoveRow, ...]:
        """What the case's kopecks did, oldest first."""
        ...

    async def history(self, mismatch_id: int) -> tuple[AuditEntry, ...]:
        """Its audit rows, oldest first."""
        ...

    async def account(self, number: str) -> AccountView | None:
        """As a check shows it."""
        ...

    async def similar_accounts(self, number: str, limit: int) -> tuple[AccountView, ...]:
        """Accounts whose number is one slip away, the likeliest first; closed ones last."""
        ...
