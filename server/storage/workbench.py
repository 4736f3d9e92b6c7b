"""The workbench's store: lists with their totals, and what surrounds one case. It only reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

import asyncpg

from server.accounts import AccountView
from server.reconciliation.intake import RegistrySummary, Terms, Upload
from server.reconciliation.mismatches import AuditEntry
from server.reconciliation.similar import similar_numbers
from server.reconciliation.workbench import (
    UNDONE,
    AgentChoice,
    CaseFilter,
    CaseRow,
    KindTotal,
    LineRow,
    MoveRow,
    PaymentRow,
    RefusalRow,
    RegistryBrief,
    TwinRow,
)
from server.storage import mismatches, registries
from server.storage.accounts import account_view
from server.storage.connection import lent
from server.storage.lost import lost_is_unknown
from server.storage.registry_closing import close_registry

_FILE_SECONDS = 300.0
"""For work on all lines of a registry, which may be many."""


class PostgresWorkbench:
    """Implements server.reconciliation.workbench.Workbench."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    @lost_is_unknown
    async def agents(self) -> tuple[AgentChoice, ...]:
        """All of them, by title."""
        async with lent(self._pool) as connection:
            rows = await connection.fetch(
                "select name, case title when '' then name else title end as title, protocol, zone"
                " from ledger.agents order by lower(title), name"
            )
        return tuple(AgentChoice(**row) for row in rows)

    @lost_is_unknown
    async def names(self, logins: Collection[str]) -> Mapping[str, str]:
        """How these people are called."""
        async with lent(self._pool) as connection:
            rows = await connection.fetch(
                "select login, name from recon.staff where login = any($1::text[])", list(logins)
            )
        return {row["login"]: row["name"] for row in rows}

    @lost_is_unknown
    async def import_registry(
        self, upload: Upload, agent: str, actor: str, terms: Terms, bytes_max: int
    ) -> RegistrySummary:
        """Take a file in and match it."""
        async with lent(self._pool, _FILE_SECONDS) as connection:
            return await registries.import_registry(
                connection, upload, agent=agent, actor=actor, terms=terms, bytes_max=bytes_max
            )

    @lost_is_unknown
    async def registries(
        self, agent: str, before: int | None, limit: int
    ) -> tuple[RegistrySummary, ...]:
        """The newest first."""
        async with lent(self._pool) as connection:
            return await registries.registries(
                connection, agent=agent or None, before=before, limit=limit
            )

    @lost_is_unknown
    async def registry_totals(self, agent: str) -> tuple[int, int]:
        """How many there are, and their computed totals together."""
        async with lent(self._pool) as connection:
            row = await connection.fetchrow(
                "select count(*) as count,"
                " coalesce(sum(computed_total_kopecks), 0)::bigint as total"
                " from recon.registries where $1::text = '' or agent = $1",
                agent,
            )
        assert row is not None
        return row["count"], row["total"]

    @lost_is_unknown
    async def registry(self, registry_id: int) -> RegistrySummary:
        """Raises LookupError."""
        async with lent(self._pool) as connection:
            return await registries.registry(connection, registry_id)

    @lost_is_unknown
    async def registry_brief(self, registry_id: int) -> RegistryBrief:
        """Raises LookupError."""
        async with lent(self._pool) as connection:
            row = await connection.fetchrow(_BRIEF, registry_id)
        if row is None:
            raise LookupError(f"no registry {registry_id}")
        return RegistryBrief(**row)

    @lost_is_unknown
    async def close_registry(self, registry_id: int, actor: str) -> None:
        """It and its cases are final."""
        async with lent(self._pool, _FILE_SECONDS) as connection:
            await close_registry(connection, registry_id, actor)

    @lost_is_unknown
    async def refusals(self, limit: int) -> tuple[RefusalRow, ...]:
        """The last refusal of each file that is not imported still."""
        async with lent(self._pool) as connection:
            rows = await connection.fetch(_REFUSALS, limit)
        return tuple(RefusalRow(**row) for row in rows)

    @lost_is_unknown
    async def lines(self, registry_id: int, after: int, limit: int) -> tuple[LineRow, ...]:
        """In the file's order."""
        async with lent(self._pool) as connection:
            found = await registries.registry_lines(
                connection, registry_id, after=after, limit=limit
            )
        return tuple(LineRow(**dataclasses.asdict(line)) for line in found)

    @lost_is_unknown
    async def case_rows(self, wanted: CaseFilter, after: int, limit: int) -> tuple[CaseRow, ...]:
        """By id."""
        async with lent(self._pool) as connection:
            rows = await connection.fetch(
                _sql(_CASE_ROWS, wanted), *_values(wanted), wanted.kind, after, limit
            )
        return tuple(CaseRow(**row) for row in rows)

    @lost_is_unknown
    async def kind_totals(self, wanted: CaseFilter) -> tuple[KindTotal, ...]:
        """Of every kind that the filter lets through."""
        async with lent(self._pool) as connection:
            rows = await connection.fetch(_sql(_KIND_TOTALS, wanted), *_values(wanted))
        return tuple(KindTotal(**row) for row in rows)

    @lost_is_unknown
    async def payment(self, payment_id: int) -> PaymentRow | None:
        """By our number."""
        async with lent(self._pool) as connection:
            rows = await connection.fetch(PAYMENTS, [payment_id])
        return PaymentRow(**rows[0]) if rows else None

    @lost_is_unknown
    async def candidates(self, mismatch_id: int) -> tuple[PaymentRow, ...]:
        """The likeliest first."""
        async with lent(self._pool) as connection:
            found = await mismatches.candidates(connection, mismatch_id)
            rows = await connection.fetch(PAYMENTS, [each.payment_id for each in found])
        return tuple(PaymentRow(**row) for row in rows)

    @lost_is_unknown
    async def twin(self, mismatch_id: int) -> TwinRow | None:
        """The earliest other line with the number."""
        async with lent(self._pool) as connection:
            row = await connection.fetchrow(_TWIN, mismatch_id)
        return TwinRow(**row) if row else None

    @lost_is_unknown
    async def moves(self, mismatch_id: int) -> tuple[MoveRow, ...]:
        """Oldest first."""
        async with lent(self._pool) as connection:
            rows = await connection.fetch(_MOVES, mismatch_id)
        return tuple(MoveRow(**row) for row in rows)

    @lost_is_unknown
    async def history(self, mismatch_id: int) -> tuple[AuditEntry, ...]:
        """Oldest first."""
        async with lent(self._pool) as connection:
            return await mismatches.history(connection, mismatch_id)

    @lost_is_unknown
    async def account(self, number: str) -> AccountView | None:
        """As a check shows it."""
        async with lent(self._pool) as connection:
            return await account_view(connection, number)

    @lost_is_unknown
    async def similar_accounts(self, number: str, limit: int) -> tuple[AccountView, ...]:
        """One slip away."""
        async with lent(self._pool) as connection:
            rows = await connection.fetch(_SIMILAR, list(similar_numbers(number)), limit)
            views = [await account_view(connection, row["account"]) for row in rows]
        return tuple(view for view in views if view is not None)


def _sql(text: str, wanted: CaseFilter) -> str:
    """A registry's cases include those of earlier registries that it tells of again."""
    source = "recon.mismatches" if wanted.registry is None else "recon.cases($1)"
    return text.format(cases=_CASES.format(source=source))


def _values(wanted: CaseFilter) -> tuple[int | None, list[str], str, str]:
    states = ["open", "assigned"] if wanted.state == UNDONE else [wanted.state]
    return wanted.registry, states if wanted.state else [], wanted.agent, wanted.text


_CASES = """
select m.id as mismatch_id, m.kind::text, m.state, m.version, m.agent, m.registry as registry_id,
       r.day as registry_day, l.number as line_number,
       coalesce(l.operation, m.details -> 'payment' ->> 'agent_payment_id',
                m.details ->> 'terminal', '') as operation,
       coalesce(l.account, m.details -> 'payment' ->> 'account', '') as account,
       m.amount_kopecks, m.opened_at, m.assignee,
       m.proposal is not null and not coalesce((m.proposal ->> 'claimed')::boolean, false)
         as waits_for_second
  from {source} m
  left join recon.registries r on r.id = m.registry
  left join recon.lines l on l.id = m.line
 where ($1::bigint is null or true)
   and (cardinality($2::text[]) = 0 or m.state = any($2))
   and ($3::text = '' or m.agent = $3)
   and ($4::text = '' or starts_with(l.account, $4) or starts_with(l.operation, $4)
        or starts_with(m.details -> 'payment' ->> 'account', $4)
        or starts_with(m.details -> 'payment' ->> 'agent_payment_id', $4)
        or m.payment_id::text = $4)
"""
_CASE_ROWS = """
select * from ({cases}) c where ($5::text = '' or kind = $5) and mismatch_id > $6
 order by mismatch_id limit $7
"""
_KIND_TOTALS = """
select kind, count(*) as count, sum(amount_kopecks)::bigint as total_kopecks
  from ({cases}) c group by kind order by kind
"""
PAYMENTS = """
select p.payment_id, p.agent, p.agent_payment_id, p.account, p.amount_kopecks, p.paid_at,
       p.recorded_at, p.business_day, p.registry_line is not null as by_registry,
       (select e.kind from ledger.payment_event e
         where e.payment_id = p.payment_id and e.payment_recorded_at = p.recorded_at
         order by e.seq desc limit 1) as state
  from unnest($1::bigint[]) with ordinality as wanted(payment_id, place)
  join ledger.payment p on p.payment_id = wanted.payment_id
 order by wanted.place
"""
_SIMILAR = """
select b.account
  from unnest($1::text[]) with ordinality as wanted(account, place)
  join ledger.account_billed b on b.account = wanted.account
 order by (b.state = 'closed'), wanted.place limit $2
"""
_BRIEF = """
select r.id as registry_id, f.name as file_name, r.format, r.number, r.day,
       r.declared_total_kopecks, r.computed_total_kopecks
  from recon.registries r join recon.files f on f.id = r.file where r.id = $1
"""
_TWIN = """
select l.registry as registry_id, r.day as registry_day, f.name as file_name, l.number,
       l.operation, l.account, l.amount_kopecks, l.paid_on, l.payment_id
  from recon.mismatches m
  join recon.lines own on own.id = m.line and own.operation <> ''
  join recon.lines l on l.agent = own.agent and l.operation = own.operation and l.id <> own.id
   and l.same_as is null and l.superseded_by is null and l.fault = ''
  join recon.registries r on r.id = l.registry
  join recon.files f on f.id = r.file
 where m.id = $1 order by (l.payment_id is null), l.id limit 1
"""
_MOVES = """
select v.from_bucket::text, v.to_bucket::text, v.kopecks, a.happened_at, a.actor
  from recon.moves v join recon.audit a on a.id = v.audit
 where v.mismatch = $1 order by v.id
"""
_REFUSALS = """
select f.agent, f.name as file_name, r.refused_at, r.refused_to, r.message, r.line,
       r.col as column
  from (select distinct on (file) * from recon.refusals order by file, id desc) r
  join recon.files f on f.id = r.file
 where not exists (select from recon.registries i where i.file = f.id)
 order by r.id desc limit $1
"""
