"""The ledger proof: every balance recomputed from charges and payments, never from balances."""

from __future__ import annotations

from dataclasses import dataclass

from server.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Difference:
    """A lane that is not what its entries add up to; sums in kopecks."""

    account: str
    what: str
    """`charged` or `paid` with a service code, `advance`, `missing`; where payments are allocated
    also `payment` with its number, `owed` with service and period, `settled` with a service."""
    lane: int
    entries: int


async def differences(connection: Connection, limit: int = 20) -> tuple[Difference, ...]:
    """Accounts whose lanes differ from their entries; empty when the ledger is whole."""
    rows = await connection.fetch(_PROOF, limit)
    if len(rows) < limit:
        rows += await connection.fetch(_ALLOCATION_PROOF, limit - len(rows))
    return tuple(Difference(**dict(row)) for row in rows)


async def default_partition_rows(connection: Connection) -> dict[str, int]:
    """How many rows stand in each DEFAULT partition; they should be empty."""
    names = await connection.fetch(
        "select c.oid::regclass::text as name from pg_class c join pg_inherits i on"
        " i.inhrelid = c.oid where pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' order by 1"
    )
    found = {}
    for row in names:
        found[row["name"]] = await connection.fetchval(f"select count(*) from {row['name']}")
    return found


_PROOF = """
with charged as (
  select c.account, s.code, sum(c.amount_kopecks)::bigint as amount
    from billing.charges c join billing.services s on s.code = c.service group by 1, 2
), lane_charged as (
  select b.account, s.code, u.amount
    from ledger.account_billed b, unnest(b.services, b.charged) as u(service, amount)
    left join billing.services s on s.id = u.service
), credited as (
  select p.account, p.payment_id, p.part_services, p.part_amounts, p.amount_kopecks as amount,
         sum(e.amount_kopecks)::bigint as net
    from ledger.payment p join ledger.payment_event e
      on e.payment_id = p.payment_id and e.payment_recorded_at = p.recorded_at
   group by p.payment_id, p.recorded_at
), given as (
  select account, service, sum(amount)::bigint as amount
    from (select c.account, u.service, u.amount
            from credited c, unnest(c.part_services, c.part_amounts) as u(service, amount)
           where c.net <> 0
           union all select account, service, amount_kopecks from ledger.allocation
            where rule <> 'as_said') g
   group by 1, 2
), paid as (
  select g.account, s.code, g.amount from given g join billing.services s on s.id = g.service
), lane_paid as (
  select l.account, s.code, u.amount
    from ledger.account_paid l, unnest(l.services, l.paid) as u(service, amount)
    left join billing.services s on s.id = u.service
), advance as (
  select account, sum(amount)::bigint as amount
    from (select account, net as amount from credited
           union all select account, -amount from given) a group by 1
), found as (
  select coalesce(l.account, e.account) as account, 'charged ' || coalesce(l.code, e.code) as what,
         coalesce(l.amount, 0) as lane, coalesce(e.amount, 0) as entries
    from lane_charged l full join charged e on e.account = l.account and e.code = l.code
   where coalesce(l.amount, 0) <> coalesce(e.amount, 0)
  union all
  select coalesce(l.account, e.account), 'paid ' || coalesce(l.code, e.code),
         coalesce(l.amount, 0), coalesce(e.amount, 0)
    from lane_paid l full join paid e on e.account = l.account and e.code = l.code
   where coalesce(l.amount, 0) <> coalesce(e.amount, 0)
  union all
  select coalesce(l.account, e.account), 'advance', coalesce(l.advance, 0), coalesce(e.amount, 0)
    from ledger.account_paid l full join advance e on e.account = l.account
   where coalesce(l.advance, 0) <> coalesce(e.amount, 0)
  union all
  select a.number, 'missing', 0, 0 from billing.accounts a
   where not exists (select from ledger.account_billed b where b.account = a.number)
      or not exists (select from ledger.account_paid l where l.account = a.number)
)
select account, what, lane, entries from found order by account, what limit $1
"""

# Of accounts that are taken in up to now: Σ lines + what is left = credited, payment by payment;
# owed = charges - lines, by service and period; both together are what the lanes say.
_ALLOCATION_PROOF = """
with current as (
  select s.account, l.services, l.paid, l.advance, b.services as billed_services, b.charged
    from ledger.allocated s
    join ledger.account_paid l on l.account = s.account and l.version = s.paid_version
    join ledger.account_billed b on b.account = s.account and b.version = s.billed_version
), credited as (
  select p.account, p.payment_id, sum(e.amount_kopecks)::bigint as amount
    from current c join ledger.payment p on p.account = c.account
    join ledger.payment_event e
      on e.payment_id = p.payment_id and e.payment_recorded_at = p.recorded_at
   group by p.account, p.payment_id
), explained as (
  select account, payment_id, sum(amount)::bigint as amount
    from (select account, payment_id, amount_kopecks as amount from ledger.allocation
          union all select account, payment_id, kopecks from ledger.payment_left) u
   where account in (select account from current)
   group by account, payment_id
), charged as (
  select account, service, period, sum(amount)::bigint as amount
    from (select c.account, s.id as service, c.period, c.amount_kopecks as amount
            from billing.charges c join billing.services s on s.code = c.service
          union all
          select account, service, period, -amount_kopecks from ledger.allocation) u
   where account in (select account from current)
   group by account, service, period having sum(amount) <> 0
), owed as (
  select * from ledger.owed where account in (select account from current)
), lanes as (
  select c.account, u.service, u.amount from current c,
         lateral (select * from unnest(c.billed_services, c.charged)
                  union all select service, -amount from unnest(c.services, c.paid)
                    as p(service, amount)) as u(service, amount)
  union all
  select account, service, kopecks from ledger.payment_left
   where service <> 0 and account in (select account from current)
), settled as (
  select coalesce(o.account, l.account) as account, coalesce(o.service, l.service) as service,
         coalesce(l.amount, 0) as lane, coalesce(o.amount, 0) as entries
    from (select account, service, sum(kopecks)::bigint as amount from owed group by 1, 2) o
    full join (select account, service, sum(amount)::bigint as amount from lanes group by 1, 2) l
      on l.account = o.account and l.service = o.service
), found as (
  select coalesce(e.account, c.account) as account,
         'payment ' || coalesce(e.payment_id, c.payment_id) as what,
         coalesce(e.amount, 0) as lane, coalesce(c.amount, 0) as entries
    from explained e full join credited c
      on c.account = e.account and c.payment_id = e.payment_id
   where coalesce(e.amount, 0) <> coalesce(c.amount, 0)
  union all
  select coalesce(o.account, c.account),
         concat_ws(' ', 'owed', s.code, to_char(coalesce(o.period, c.period), 'YYYY-MM')),
         coalesce(o.kopecks, 0), coalesce(c.amount, 0)
    from owed o full join charged c
      on c.account = o.account and c.service = o.service and c.period = o.period
    left join billing.services s on s.id = coalesce(o.service, c.service)
   where coalesce(o.kopecks, 0) <> coalesce(c.amount, 0)
  union all
  select t.account, concat_ws(' ', 'settled', s.code), t.lane, t.entries
    from settled t left join billing.services s on s.id = t.service
   where t.lane <> t.entries
  union all
  select c.account, 'advance', c.advance, coalesce(f.amount, 0)
    from current c
    left join (select account, sum(kopecks)::bigint as amount from ledger.payment_left
                where service = 0 group by account) f on f.account = c.account
   where c.advance <> coalesce(f.amount, 0)
)
select account, what, lane, entries from found order by account, what limit $1
"""
