"""Cases as rows: reading them, and changing them with a version check and an audit row."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import asyncpg

from server.money import Money
from server.reconciliation.mismatches import (
    OUTCOMES,
    TRANSITIONS,
    UNDECIDED,
    Action,
    AuditEntry,
    Bucket,
    Candidate,
    Case,
    CaseLine,
    Decision,
    Kind,
    NotAllowed,
    State,
)
from server.reconciliation.resolution import Conflict
from server.storage.connection import Connection, lent
from server.storage.fees import record_fees_of_line
from server.storage.lost import lost_is_unknown


class PostgresCases:
    """Implements server.reconciliation.resolution.Cases."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    @lost_is_unknown
    async def case(self, mismatch_id: int) -> Case:
        """Raises LookupError."""
        async with lent(self._pool) as connection:
            return await _case(connection, mismatch_id)

    @lost_is_unknown
    async def move(self, case: Case, action: Action, actor: str) -> Case:
        """TAKE, RELEASE or CLOSE."""
        assignee = {Action.TAKE: actor, Action.RELEASE: ""}.get(action, case.assignee)
        async with lent(self._pool) as connection, connection.transaction():
            await _change(connection, case, TRANSITIONS[case.state, action], {"assignee": assignee})
            await _audit(connection, case, actor, action.value, "", {})
            return await _case(connection, case.mismatch_id)

    @lost_is_unknown
    async def propose(self, case: Case, decision: Decision, actor: str, *, claimed: bool) -> Case:
        """Whoever proposed the same before stays its author; `actor` then confirms it."""
        confirms = case.proposal is not None and decision.same_as(case.proposal)
        kept = decision.json() | {"claimed": claimed}
        if confirms and actor != case.proposed_by:
            kept["confirmed_by"] = actor
        values = {
            "proposal": json.dumps(kept, ensure_ascii=False),
            "proposed_by": case.proposed_by if confirms else actor,
            "proposed_at": dt.datetime.now(dt.UTC),
            "assignee": case.assignee or actor,
        }
        async with lent(self._pool) as connection, connection.transaction():
            await _change(connection, case, TRANSITIONS[case.state, Action.PROPOSE], values)
            await _audit(connection, case, actor, "propose", decision.reason, kept)
            return await _case(connection, case.mismatch_id)

    @lost_is_unknown
    async def withdraw(self, case: Case, actor: str, reason: str) -> Case:
        """The case stays with whoever has it."""
        values = {"proposal": None, "proposed_by": "", "proposed_at": None}
        async with lent(self._pool) as connection, connection.transaction():
            await _change(connection, case, TRANSITIONS[case.state, Action.WITHDRAW], values)
            await _audit(connection, case, actor, "withdraw", reason, dict(case.proposal or {}))
            return await _case(connection, case.mismatch_id)

    @lost_is_unknown
    async def settle(
        self, case: Case, decision: Decision, actor: str, payment_id: int | None
    ) -> Case:
        """State, kopecks, tie and audit in one transaction."""
        decided_by, confirmed_by = _people(case, decision, actor)
        values = {
            "outcome": OUTCOMES[decision.action],
            "decided_by": decided_by,
            "confirmed_by": confirmed_by,
            "decided_at": dt.datetime.now(dt.UTC),
            "reason": decision.reason,
            "proposal": None,
            "proposed_by": "",
            "payment_id": payment_id or case.payment_id,
        }
        async with lent(self._pool) as connection, connection.transaction():
            await _change(connection, case, TRANSITIONS[case.state, decision.action], values)
            details = decision.json() | {"settled_payment_id": payment_id}
            audit = await _audit(
                connection, case, actor, decision.action.value, decision.reason, details
            )
            if case.line is not None:
                if payment_id is not None:
                    await _tie(connection, case, case.line, decision, payment_id)
                    await record_fees_of_line(connection, case.line.line_id)
                bucket = await _bucket(connection, case.line, decision, payment_id)
                if bucket is not None:
                    await _move_kopecks(connection, case, case.line, bucket, audit)
            return await _case(connection, case.mismatch_id)


async def cases(
    connection: Connection,
    *,
    registry: int | None = None,
    state: State | None = None,
    kind: Kind | None = None,
    agent: str | None = None,
    assignee: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> tuple[Case, ...]:
    """A page by id; `after` is the last id of the page before. All filters together."""
    rows = await connection.fetch(
        _CASES.format(source="recon.cases($1)" if registry is not None else "recon.mismatches")
        + _FILTER,
        registry,
        state.value if state else None,
        kind.value if kind else None,
        agent,
        assignee,
        after,
        limit,
    )
    return tuple(_read(row) for row in rows)


async def candidates(connection: Connection, mismatch_id: int) -> tuple[Candidate, ...]:
    """Payments of any agent to the line's account around its day, the likeliest first; those that
    stand in another line of the agent are left out."""
    rows = await connection.fetch(_CANDIDATES, mismatch_id)
    return tuple(
        Candidate(
            row["payment_id"],
            row["agent"],
            row["agent_payment_id"],
            row["account"],
            Money(row["amount_kopecks"]),
            row["paid_at"],
            row["business_day"],
            row["state"],
        )
        for row in rows
    )


async def history(connection: Connection, mismatch_id: int) -> tuple[AuditEntry, ...]:
    """What was done with the case, oldest first."""
    rows = await connection.fetch(
        "select id, happened_at, actor, action, reason, details from recon.audit"
        " where subject = 'mismatch' and subject_id = $1 order by id",
        str(mismatch_id),
    )
    return tuple(
        AuditEntry(
            row["id"],
            row["happened_at"],
            row["actor"],
            row["action"],
            row["reason"],
            json.loads(row["details"]),
        )
        for row in rows
    )


async def _change(
    connection: Connection, case: Case, state: State, values: Mapping[str, object]
) -> None:
    """The optimistic version check. Raises Conflict with the case as it stands now."""
    columns = "".join(f", {name} = ${place}" for place, name in enumerate(values, start=4))
    changed = await connection.fetchval(
        f"update recon.mismatches set state = $3, version = version + 1{columns}"
        " where id = $1 and version = $2 returning true",
        case.mismatch_id,
        case.version,
        state.value,
        *values.values(),
    )
    if not changed:
        raise Conflict(await _case(connection, case.mismatch_id))


async def _audit(
    connection: Connection,
    case: Case,
    actor: str,
    action: str,
    reason: str,
    details: Mapping[str, object],
) -> int:
    row: int = await connection.fetchval(
        "insert into recon.audit (actor, action, subject, subject_id, reason, details)"
        " values ($1, $2, 'mismatch', $3, $4, $5) returning id",
        actor,
        action,
        str(case.mismatch_id),
        reason,
        json.dumps({"version": case.version} | dict(details), ensure_ascii=False),
    )
    return row


def _people(case: Case, decision: Decision, actor: str) -> tuple[str, str]:
    """(who decided, who confirmed)."""
    kept = case.proposal
    if kept is None or not decision.same_as(kept):
        return actor, ""
    if kept.get("claimed"):
        return case.proposed_by, str(kept.get("confirmed_by", ""))
    return case.proposed_by, actor


async def _tie(
    connection: Connection, case: Case, line: CaseLine, decision: Decision, payment_id: int
) -> None:
    if decision.action is Action.MATCH:
        payment = await connection.fetchrow(_PAYMENT, payment_id)
        if payment is None or payment["state"] != "credited":
            raise NotAllowed("Такого учтённого платежа нет.", "There is no such payment.")
        if line.amount is None or payment["amount_kopecks"] != line.amount.kopecks:
            raise NotAllowed("Сумма платежа другая.", "The payment's sum is another.")
    try:
        async with connection.transaction():
            await connection.execute(
                "update recon.lines set payment_id = $2 where id = $1", line.line_id, payment_id
            )
    except asyncpg.UniqueViolationError:
        raise NotAllowed(
            "Этот платёж уже стоит в другой строке реестров агента.",
            "Another line of the agent's registries has this payment already.",
        ) from None


async def _bucket(
    connection: Connection, line: CaseLine, decision: Decision, payment_id: int | None
) -> Bucket | None:
    match decision.action:
        case Action.POST | Action.ASSIGN:
            # Under the line's key the payment may meanwhile have come online.
            ours = await connection.fetchval(
                "select registry_line = $2 from ledger.payment where payment_id = $1",
                payment_id,
                line.line_id,
            )
            return Bucket.POSTED if ours else Bucket.ALREADY_ONLINE
        case Action.MATCH:
            return Bucket.ALREADY_ONLINE
        case Action.RETURN:
            return Bucket.RETURNED
        case _:
            return decision.bucket


async def _move_kopecks(
    connection: Connection, case: Case, line: CaseLine, bucket: Bucket, audit: int
) -> None:
    await connection.execute(
        "insert into recon.moves (line, from_bucket, to_bucket, kopecks, mismatch, audit)"
        " select $1, p.bucket, $2::text, p.kopecks, $3, $4 from recon.positions($1) p"
        " where p.bucket = any($5::text[]) and p.bucket <> $2::text",
        line.line_id,
        bucket.value,
        case.mismatch_id,
        audit,
        [undecided.value for undecided in UNDECIDED],
    )


async def _case(connection: Connection, mismatch_id: int) -> Case:
    row = await connection.fetchrow(
        _CASES.format(source="recon.mismatches") + " where m.id = $1", mismatch_id
    )
    if row is None:
        raise LookupError(f"no mismatch {mismatch_id}")
    return _read(row)


def _read(row: asyncpg.Record) -> Case:
    return Case(
        mismatch_id=row["id"],
        agent=row["agent"],
        registry_id=row["registry"] or 0,
        kind=Kind(row["kind"]),
        state=State(row["state"]),
        version=row["version"],
        amount=Money(row["amount_kopecks"]),
        line=_line(row) if row["line"] is not None else None,
        payment_id=row["payment_id"],
        post_as=row["post_as"],
        details=json.loads(row["details"]),
        opened_at=row["opened_at"],
        assignee=row["assignee"],
        proposal=json.loads(row["proposal"]) if row["proposal"] else None,
        proposed_by=row["proposed_by"],
        outcome=row["outcome"],
        decided_by=row["decided_by"],
        confirmed_by=row["confirmed_by"],
        decided_at=row["decided_at"],
        reason=row["reason"],
    )


def _line(row: asyncpg.Record) -> CaseLine:
    positions: dict[str, Any] = json.loads(row["positions"] or "{}")
    kopecks = row["line_kopecks"]
    return CaseLine(
        line_id=row["line"],
        number=row["number"],
        operation=row["operation"],
        account=row["account"],
        amount=None if kopecks is None else Money(kopecks),
        paid_on=row["paid_on"],
        paid_at=row["paid_at"],
        business_day=row["business_day"],
        fault=row["fault"],
        column=row["col"],
        raw=row["raw"],
        details=json.loads(row["line_details"]),
        positions={Bucket(name): Money(value) for name, value in positions.items()},
    )


_CASES = """
select m.*, l.number, l.operation, l.account, l.amount_kopecks as line_kopecks, l.paid_on,
       (l.paid_on + coalesce(l.paid_time, '12:00')) at time zone a.zone as paid_at,
       l.paid_on + coalesce(a.cut_off <> '00:00' and l.paid_time >= a.cut_off, false)::integer
         as business_day,
       l.fault, l.col, l.raw, l.details as line_details,
       (select jsonb_object_agg(p.bucket, p.kopecks) from recon.positions(l.id) p) as positions
  from {source} m
  join ledger.agents a on a.name = m.agent
  left join recon.lines l on l.id = m.line
"""

_FILTER = """
 where ($1::bigint is null or true) and ($2::text is null or m.state = $2)
   and ($3::text is null or m.kind = $3) and ($4::text is null or m.agent = $4)
   and ($5::text is null or m.assignee = $5) and m.id > $6
 order by m.id limit $7
"""

_PAYMENT = """
select p.*, (select e.kind from ledger.payment_event e
              where e.payment_id = p.payment_id and e.payment_recorded_at = p.recorded_at
              order by e.seq desc limit 1) as state
  from ledger.payment p where p.payment_id = $1
"""

_CANDIDATES = """
select p.payment_id, p.agent, p.agent_payment_id, p.account, p.amount_kopecks, p.paid_at,
       p.business_day, e.kind as state
  from recon.mismatches m
  join recon.lines l on l.id = m.line
  join ledger.agents a on a.name = m.agent
  join ledger.payment p on p.account = l.account and p.recorded_at >= l.paid_on - 62
   and p.business_day between l.paid_on - a.match_window_days and l.paid_on + a.match_window_days
  cross join lateral (select kind from ledger.payment_event e
     where e.payment_id = p.payment_id and e.payment_recorded_at = p.recorded_at
     order by seq desc limit 1) e
 where m.id = $1 and not exists (select from recon.lines t where t.agent = m.agent
     and t.payment_id = p.payment_id and t.superseded_by is null and t.id <> l.id)
 order by abs(p.amount_kopecks - coalesce(l.amount_kopecks, 0)),
          abs(p.business_day - l.paid_on), p.payment_id
 limit 20
"""
