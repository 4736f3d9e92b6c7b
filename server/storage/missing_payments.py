"""Payments of an agent that its registry should have and has not."""

from __future__ import annotations

from server.storage.connection import Connection
from server.storage.matching import CREDITED, NOT_TIED_BEFORE, Matching

# The days that the file speaks of, and how: `stated` when it says so and rows bear it or there are
# no rows; also days of which a corrected file withdrew a payment.
_DAYS = """
create temporary table recon_days on commit drop as
select day, bool_or(stated) as stated from (
  select day, false as stated from recon_work where day is not null
  union all select d, true from unnest($1::date[]) d
   where not exists (select from recon_work) or exists (select from recon_work w where w.day = d)
  union all select p.business_day, true from recon.lines l
    join ledger.payment p on p.payment_id = l.payment_id where l.superseded_by = $2) d
 group by day
"""

# A table of its own, with statistics of its own: today's payments are new to those of the ledger.
_OWN = """
create temporary table recon_own on commit drop as
select p.payment_id, p.recorded_at, p.business_day, p.amount_kopecks, p.agent_payment_id,
       p.account, p.registry_line
  from ledger.payment p
 where p.agent = $1 and p.business_day in (select day from recon_days)
   and p.recorded_at >= (select min(day) from recon_days) - 2
"""

# Of the days spoken of, the file reports on those stated and on those of which it has at least
# half of what nobody had reported yet (a stray row proves nothing). A payment whose number stands
# in a bad row is not missing.
_MISSING = f"""
create temporary table recon_missing on commit drop as
with own as (
  select p.*, t.ordinal is not null as here
    from recon_own p left join recon_tied t on t.payment_id = p.payment_id
   where {CREDITED} and {NOT_TIED_BEFORE}
     and not exists (select from recon.lines f where f.id = p.registry_line
                        and f.superseded_by is null)
), told as (
  select d.day from recon_days d left join own o on o.business_day = d.day
   group by d.day, d.stated
  having d.stated or count(*) filter (where o.here) >= count(*) filter (where not o.here)
)
select payment_id, business_day, amount_kopecks, agent_payment_id, account from own
 where not here and business_day in (select day from told)
   and agent_payment_id not in (select operation from recon_work where fault <> '')
"""

_MISSING_CASES = """
insert into recon.mismatches (agent, registry, kind, payment_id, amount_kopecks, details)
select $1, $2, 'NOT_IN_REGISTRY', payment_id, amount_kopecks,
       jsonb_build_object('payment', jsonb_build_object('payment_id', payment_id, 'agent', $1::text,
         'agent_payment_id', agent_payment_id, 'account', account,
         'amount_kopecks', amount_kopecks, 'business_day', business_day))
  from recon_missing order by payment_id
on conflict do nothing
"""

_INHERIT = """
insert into recon.inherited (registry, mismatch)
select $2, m.id from recon_missing s
  join recon.mismatches m on m.agent = $1 and m.payment_id = s.payment_id
   and m.kind = 'NOT_IN_REGISTRY' and m.outcome not in ('found', 'superseded')
   and m.registry <> $2
"""


async def find_missing(connection: Connection, matching: Matching) -> None:
    """After the lines are tied and before they are recorded: leaves the table recon_missing."""
    await connection.execute(_DAYS, sorted(matching.days), matching.registry)
    await connection.execute(_OWN, matching.agent)
    await connection.execute("analyze recon_own")
    await connection.execute(_MISSING, matching.agent)


async def record_missing(connection: Connection, matching: Matching) -> None:
    """A case for each that has none yet; the registry inherits those that have."""
    await connection.execute(_MISSING_CASES, matching.agent, matching.registry)
    await connection.execute(_INHERIT, matching.agent, matching.registry)
