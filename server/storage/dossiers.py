"""Payments with everything that became of them, and what the payments of an account settled."""

from __future__ import annotations

import asyncpg

from server.reconciliation.dossier import Amounts, Dossier, Happening, Left, Settled
from server.reconciliation.workbench import PaymentRow
from server.storage.connection import Connection, lent
from server.storage.lost import lost_is_unknown
from server.storage.workbench import PAYMENTS


class PostgresDossiers:
    """Implements server.reconciliation.dossier.Dossiers."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    @lost_is_unknown
    async def dossier(self, payment_id: int) -> Dossier | None:
        """By our number."""
        async with lent(self._pool) as connection:
            return await payment_dossier(connection, payment_id)

    @lost_is_unknown
    async def find(self, text: str, before: int | None, limit: int) -> tuple[PaymentRow, ...]:
        """The newest first."""
        our_number = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
        async with lent(self._pool) as connection:
            if text:
                numbers = await connection.fetch(_FOUND, text, our_number, before, limit)
            else:
                numbers = await connection.fetch(_NEWEST, before, limit)
            rows = await connection.fetch(PAYMENTS, [row["payment_id"] for row in numbers])
        return tuple(PaymentRow(**row) for row in rows)


async def payment_dossier(connection: Connection, payment_id: int) -> Dossier | None:
    """All of it as of one moment; None when there is no such payment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow(PAYMENTS, [payment_id])
        if row is None:
            return None
        more = await connection.fetchrow(_MORE, payment_id, row["recorded_at"])
        happenings = await connection.fetch(_HAPPENINGS, payment_id, row["recorded_at"])
        settled = await connection.fetch(_SETTLED_BY_PAYMENT, payment_id)
        left = await connection.fetch(_LEFT, row["account"], payment_id)
        amounts = await connection.fetch(_AMOUNTS, payment_id)
    assert more is not None
    return Dossier(
        payment=PaymentRow(**row),
        terminal=more["terminal"],
        settlement_days=more["settlement_days"],
        happenings=tuple(Happening(**each) for each in happenings),
        settled=tuple(Settled(**each) for each in settled),
        left=tuple(Left(**each) for each in left),
        amounts=tuple(Amounts(**each) for each in amounts),
    )


async def settled_of_account(connection: Connection, account: str) -> tuple[Settled, ...]:
    """What was settled on an account, line by line, the oldest first."""
    rows = await connection.fetch(_SETTLED_BY_ACCOUNT, account)
    return tuple(Settled(**row) for row in rows)


_NEWEST = """
select payment_id from ledger.payment where $1::bigint is null or payment_id < $1
 order by payment_id desc limit $2
"""
_FOUND = """
select payment_id from (
  select payment_id from ledger.payment where account = $1
  union
  select k.payment_id from ledger.agents a
    join ledger.payment_key k on k.agent = a.name and k.agent_payment_id = $1
  union
  select payment_id from ledger.payment where payment_id = $2) f
 where payment_id is not null and ($3::bigint is null or payment_id < $3)
 order by payment_id desc limit $4
"""
_MORE = """
select p.terminal, a.settlement_days
  from ledger.payment p join ledger.agents a on a.name = p.agent
 where p.payment_id = $1 and p.recorded_at = $2
"""
_HAPPENINGS = """
select kind, amount_kopecks as kopecks, happened_at, business_day, actor, reason
  from ledger.payment_event where payment_id = $1 and payment_recorded_at = $2 order by seq
"""
_SETTLED = """
select l.payment_id, s.code as service, s.name, l.period, l.amount_kopecks as kopecks, l.rule,
       l.allocated_at
  from ledger.allocation l join billing.services s on s.id = l.service
"""
_SETTLED_BY_PAYMENT = _SETTLED + " where l.payment_id = $1 order by l.id"
_SETTLED_BY_ACCOUNT = _SETTLED + " where l.account = $1 order by l.id"
_LEFT = """
select coalesce(s.code, '') as service, coalesce(s.name, '') as name, l.kopecks
  from ledger.payment_left l left join billing.services s on s.id = l.service
 where l.account = $1 and l.payment_id = $2 order by l.service
"""
_AMOUNTS = """
select split_part(a.source, '/', 1) as source, a.recorded_at, a.accepted_kopecks,
       a.payer_fee_kopecks, a.credited_kopecks, a.withheld_kopecks, a.transfer_kopecks,
       l.registry as registry_id, l.number as line_number
  from ledger.payment_amounts a
  left join recon.lines l on l.id = nullif(split_part(a.source, '/', 2), '')::bigint
 where a.payment_id = $1 order by a.recorded_at, a.source
"""
