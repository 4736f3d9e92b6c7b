"""Matching a staged registry against the ledger: sets, never line by line.

The statements run in the order of this file, in the import's transaction. Each leaves a temporary
table for the next ones: work (the rows), carried (known from an earlier file), tied (line and
payment are one), verdict (what becomes of each row). A line is tied by its number; in a format
whose numbers are the sender's own also by account, sum and day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from server.reconciliation.formats import Numbers
from server.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Matching:
    """What the statements need to know beside the staged rows."""

    agent: str
    registry: int
    corrects: int | None
    numbers: Numbers
    days: Collection[dt.date]
    """The days that the file says it reports on."""


STAGE = """
create temporary table recon_stage (
  ordinal integer, number integer, operation text collate "C", account text collate "C",
  amount bigint, paid_on date, paid_time time, fault text, col integer, raw text, details text
) on commit drop
"""

# `day` is the business day by the agent's cut-off; equal rows are told apart by `copy`.
_WORK = """
create temporary table recon_work on commit drop as
select s.*, coalesce(s.paid_on + (a.cut_off <> '00:00' and s.paid_time >= a.cut_off)::integer,
                     s.paid_on) as day,
       row_number() over (partition by operation, account, amount, paid_on, paid_time, raw
                          order by ordinal)::integer as copy
  from recon_stage s, ledger.agents a where a.name = $1
"""

# Rows that an earlier file of the agent told of in the same words: one operation, one case.
_CARRIED = """
create temporary table recon_carried on commit drop as
select w.ordinal, l.id as root, l.bucket, l.payment_id
  from recon_work w
  join recon.lines l on l.agent = $1 and l.operation = w.operation and l.account = w.account
   and l.amount_kopecks is not distinct from w.amount and l.copy = w.copy
   and l.paid_on is not distinct from w.paid_on and l.paid_time is not distinct from w.paid_time
   and l.fault = w.fault and l.raw = w.raw
   and l.same_as is null and l.superseded_by is null
"""

# Lines of the corrected registry that the new file does not carry. A first line that another file
# still tells of stays.
_SUPERSEDE = """
update recon.lines old set superseded_by = $2
  from recon.registries r
 where r.id = $1 and old.id >= r.first_line and old.id < r.first_line + r.lines
   and old.superseded_by is null
   and not exists (select from recon_carried c where c.root = coalesce(old.same_as, old.id))
   and not exists (select from recon.lines o where o.same_as = old.id and o.superseded_by is null
                      and o.registry <> old.registry)
"""

CREDITED = """
  exists (select from ledger.payment_event e
           where e.payment_id = p.payment_id and e.payment_recorded_at = p.recorded_at
             and e.kind = 'credited')
  and not exists (select from ledger.payment_event e
           where e.payment_id = p.payment_id and e.payment_recorded_at = p.recorded_at
             and e.kind in ('cancelled', 'reversed'))
"""

NOT_TIED_BEFORE = """
  not exists (select from recon.lines t where t.agent = $1 and t.payment_id = p.payment_id
                 and t.superseded_by is null)
"""

_KEYS = """
create temporary table recon_keys on commit drop as
select w.ordinal, k.payment_id, k.recorded_at
  from recon_work w
  join ledger.payment_key k on k.agent = $1 and k.agent_payment_id = w.operation
 where w.fault = '' and w.amount <> 0 and k.payment_id is not null
"""

# By number. Where numbers may start anew, one that leads to another account on a day out of the
# window is another operation. Of several rows with one number the most similar one is tied.
_TIE_BY_NUMBER = f"""
create temporary table recon_tied on commit drop as
select distinct on (payment_id) * from (
  select w.ordinal, p.payment_id, p.agent, p.agent_payment_id, p.account, p.amount_kopecks,
         p.business_day, p.recorded_at, p.registry_line,
         p.account <> w.account as other_account, p.amount_kopecks <> w.amount as other_amount,
         d.days > a.match_window_days as other_day, d.days
    from recon_keys k
    join recon_work w on w.ordinal = k.ordinal
    join ledger.payment p on p.payment_id = k.payment_id and p.recorded_at = k.recorded_at
    join ledger.agents a on a.name = $1
    cross join lateral (select least(abs(p.business_day - w.day),
      abs((p.paid_at at time zone a.zone)::date - w.paid_on)) as days) d
   where p.recorded_at between $3 and $4
     and ($2 or p.account = w.account or d.days <= a.match_window_days)
     and not exists (select from recon_carried c where c.ordinal = w.ordinal)
     and {CREDITED} and {NOT_TIED_BEFORE}) c
 order by payment_id, other_account, other_amount, days, ordinal
"""

_PAIRS = f"""
create temporary table recon_pairs on commit drop as
select w.ordinal, p.payment_id, p.recorded_at, abs(p.business_day - w.day) as days
  from recon_work w
  join ledger.agents a on a.name = $1
  join ledger.payment p on p.account = w.account and p.amount_kopecks = w.amount
   and p.business_day between w.day - a.match_window_days and w.day + a.match_window_days
 where w.fault = '' and w.copy = 1 and w.amount > 0
   and p.recorded_at >= $2::date - 62
   and not exists (select from recon_carried c where c.ordinal = w.ordinal)
   and not exists (select from recon_tied t where t.ordinal = w.ordinal)
   and not exists (select from recon_tied t where t.payment_id = p.payment_id)
   and {CREDITED} and {NOT_TIED_BEFORE}
"""

# One round: a line with exactly one candidate left takes it; of several such lines (equal in
# account and sum, so the money is the same) the nearest in days, then the first. Repeated until
# nothing changes; whoever has several candidates then is left to a person.
_TIE_BY_CONTENT = """
with single as (
  select ordinal, min(payment_id) as payment_id, min(recorded_at) as recorded_at, min(days) as days
    from recon_pairs group by ordinal having count(*) = 1
), chosen as (
  select distinct on (payment_id) * from single order by payment_id, days, ordinal
), gone as (
  delete from recon_pairs where ordinal in (select ordinal from chosen)
                              or payment_id in (select payment_id from chosen)
)
insert into recon_tied
select c.ordinal, p.payment_id, p.agent, p.agent_payment_id, p.account, p.amount_kopecks,
       p.business_day, p.recorded_at, p.registry_line, false, false, false, c.days
  from chosen c join ledger.payment p on p.payment_id = c.payment_id
   and p.recorded_at = c.recorded_at
"""

# Rows that repeat an operation: equal rows after the first; where a number is one operation for
# ever, also every other row with a number that is tied, stood earlier in the file or in another.
_REPEATED = """
create temporary table recon_repeated on commit drop as
select w.ordinal from recon_work w
 where w.fault = '' and w.copy > 1
union
select ordinal from (
  select w.ordinal, row_number() over (partition by w.operation
           order by (t.ordinal is null), (c.ordinal is null), w.ordinal) as place
    from recon_work w
    left join recon_tied t on t.ordinal = w.ordinal
    left join recon_carried c on c.ordinal = w.ordinal
   where $2 and w.fault = '' and w.operation in (
     select operation from recon_work where fault = '' group by operation having count(*) > 1)
) n where place > 1
union
select w.ordinal from recon_work w
  join recon.lines l on l.agent = $1 and l.operation = w.operation and l.fault = ''
   and l.superseded_by is null
 where $2 and w.fault = '' and not exists (select from recon_carried c where c.ordinal = w.ordinal)
"""

# `number_taken`: the number cannot be the ledger's key for this row, because a payment, an earlier
# file or an earlier row of this file has it.
_VERDICT = """
create temporary table recon_verdict on commit drop as
select w.*, c.root, t.payment_id,
       case when c.root is not null then null
            when w.fault <> '' then 'BAD_LINE'
            when w.amount = 0 then null
            when t.ordinal is not null then
              case when not t.other_account then
                     case when t.other_amount then 'AMOUNT_DIFFERS'
                          when t.other_day then 'DATE_DIFFERS' end
                   when b.account is null then 'UNIDENTIFIED'
                   else 'ACCOUNT_DIFFERS' end
            when r.ordinal is not null then 'DUPLICATE_LINE'
            when b.account is null then 'UNIDENTIFIED'
            when b.state = 'closed' then 'CLOSED_ACCOUNT'
            else 'NOT_RECORDED' end as kind,
       case when c.root is not null then c.bucket
            when w.fault <> '' then 'pending'
            when t.ordinal is not null and not t.other_account and w.amount > 0 then
              case when t.registry_line is null then 'already_online' else 'posted' end
            when w.amount = 0 then 'posted'
            when r.ordinal is null and b.account is null then 'unidentified'
            else 'pending' end as bucket,
       w.operation = '' or k.agent is not null or x.ordinal is not null or exists (
         select from recon.lines l where l.agent = $1 and l.operation = w.operation
            and l.superseded_by is null) as number_taken
  from recon_work w
  left join recon_carried c on c.ordinal = w.ordinal
  left join recon_tied t on t.ordinal = w.ordinal
  left join recon_repeated r on r.ordinal = w.ordinal
  left join ledger.account_billed b on b.account = w.account
  left join ledger.payment_key k on k.agent = $1 and k.agent_payment_id = w.operation
  left join (select ordinal from (select ordinal, row_number() over (partition by operation
               order by ordinal) as place from recon_work
               where operation in (select operation from recon_work group by operation
                                   having count(*) > 1)) n where place > 1) x
         on x.ordinal = w.ordinal
"""

MATCHED = """
select count(*) from recon_verdict v
 where kind is null and (payment_id is not null or exists (
   select from recon.lines l where l.id = v.root and l.payment_id is not null
      and not exists (select from recon.mismatches m where m.line = l.id)))
"""

INSERT_LINES = """
insert into recon.lines (id, registry, agent, number, operation, account, amount_kopecks, paid_on,
    paid_time, copy, fault, col, raw, details, bucket, same_as, payment_id)
select $3::bigint + ordinal - 1, $2, $1, number, operation, account, amount, paid_on, paid_time,
       copy, fault, col, raw, coalesce(details::jsonb, '{}'), bucket, root,
       case when root is null then payment_id end
  from recon_verdict order by ordinal
"""

_LINE_CASES = """
insert into recon.mismatches (agent, registry, kind, line, payment_id, amount_kopecks, post_as,
    details)
select $1, $2, v.kind, $3::bigint + v.ordinal - 1, v.payment_id,
       case when v.kind = 'AMOUNT_DIFFERS' then v.amount - t.amount_kopecks
            else coalesce(v.amount, 0) end,
       case when v.number_taken
            then case when v.operation = '' then 'line' else v.operation end
                 || '/' || ($3::bigint + v.ordinal - 1)
            else v.operation end,
       jsonb_strip_nulls(jsonb_build_object(
         'payment', case when t.ordinal is not null then jsonb_build_object(
            'payment_id', t.payment_id, 'agent', t.agent, 'agent_payment_id', t.agent_payment_id,
            'account', t.account, 'amount_kopecks', t.amount_kopecks,
            'business_day', t.business_day) end,
         'fault', nullif(v.fault, ''),
         'candidates', q.payments,
         'same_number', case when t.ordinal is null then k.payment_id end))
  from recon_verdict v
  left join recon_tied t on t.ordinal = v.ordinal
  left join recon_keys k on k.ordinal = v.ordinal
  left join (select ordinal, jsonb_agg(payment_id order by days, payment_id) as payments
               from recon_pairs group by ordinal) q on q.ordinal = v.ordinal
 where v.kind is not null
 order by v.ordinal
"""

# What the file says beyond the payment is not online money: it waits for a decision.
_SURPLUS = """
insert into recon.moves (line, from_bucket, to_bucket, kopecks, mismatch, audit)
select m.line, l.bucket, 'pending', m.amount_kopecks, m.id, $2
  from recon.mismatches m join recon.lines l on l.id = m.line
 where m.registry = $1 and m.kind = 'AMOUNT_DIFFERS' and m.amount_kopecks > 0
   and l.bucket <> 'pending'
"""

_INHERIT = """
insert into recon.inherited (registry, mismatch)
select $1, m.id from recon_carried c join recon.mismatches m on m.line = c.root
"""

# Cases that this file settles by itself: the missing payment is here; the line was corrected.
_HEAL = """
with healed as (
  update recon.mismatches m
     set state = 'closed', version = m.version + 1, proposal = null, proposed_by = '',
         decided_by = 'system', decided_at = now(), reason = 'registry ' || $2::text,
         outcome = case when m.kind = 'NOT_IN_REGISTRY' then 'found' else 'superseded' end
   where m.state in ('open', 'assigned') and m.agent = $1 and m.registry <> $2::bigint
     and (m.kind = 'NOT_IN_REGISTRY'
          and m.payment_id in (select payment_id from recon_tied)
          or m.kind = 'TOTAL_DIFFERS' and m.registry = $3
          or m.line in (select id from recon.lines where superseded_by = $2::bigint))
  returning m.id, m.outcome
)
insert into recon.audit (actor, action, subject, subject_id, reason)
select 'system', outcome, 'mismatch', id::text, 'registry ' || $2::text from healed order by id
"""


async def classify(connection: Connection, matching: Matching) -> None:
    """From the staged rows to a verdict on each; supersedes lines of a corrected registry."""
    agent, unique_numbers = matching.agent, matching.numbers is Numbers.GLOBAL
    await connection.execute(_WORK, agent)
    await connection.execute("analyze recon_work")
    await connection.execute(_CARRIED, agent)
    if matching.corrects is not None:
        await connection.execute(_SUPERSEDE, matching.corrects, matching.registry)
    await connection.execute(_KEYS, agent)
    await connection.execute("analyze recon_carried")
    await connection.execute("analyze recon_keys")
    span = await connection.fetchrow("select min(recorded_at), max(recorded_at) from recon_keys")
    assert span is not None
    await connection.execute(_TIE_BY_NUMBER, agent, unique_numbers, span[0], span[1])
    await connection.execute("analyze recon_tied")
    await _tie_by_content(connection, matching)
    await connection.execute(_REPEATED, agent, unique_numbers)
    await connection.execute(_VERDICT, agent)
    await connection.execute("analyze recon_verdict")


async def record_cases(
    connection: Connection, matching: Matching, first_line: int, audit: int
) -> None:
    """After the lines: their cases, and the end of those that this file settles."""
    agent, registry = matching.agent, matching.registry
    await connection.execute(_LINE_CASES, agent, registry, first_line)
    await connection.execute(_SURPLUS, registry, audit)
    await connection.execute(_HEAL, agent, registry, matching.corrects)
    await connection.execute(_INHERIT, registry)


async def _tie_by_content(connection: Connection, matching: Matching) -> None:
    """Leaves in recon_pairs only the candidates among which nobody may choose but a person."""
    first_day = await connection.fetchval(
        "select case when $1 then min(day) end from recon_work",
        matching.numbers is Numbers.PER_FILE,
    )
    # No day, no rows or no such format: the comparison with null leaves the table empty.
    await connection.execute(_PAIRS, matching.agent, first_day)
    await connection.execute("analyze recon_pairs")
    while True:
        done = await connection.execute(_TIE_BY_CONTENT)
        if done == "INSERT 0 0":
            return
