"""The ledger proof: every balance recomputed from charges and payments, never from balances."""

from __future__ import annotations

from dataclasses import dataclass

from server.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Difference:
    """A lane that is not what its entries add up to; sums in kopecks."""

    account: str
    what: str
    """`charged` or `paid` with a service code, `advance`, or `missing`."""
    lane: int
    entries: int


async def differences(connection: Connection, limit: int = 20) -> tuple[Difference, ...]:
    """Accounts whose lanes differ from their entries; empty when the ledger is whole."""
    rows = await connection.fetch(_PROOF, limit)
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
           union all select account, service, amount_kopecks from ledger.allocation) g
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
