"""A payment as one would write it at first: one transaction, a statement for each row."""

from __future__ import annotations

import datetime as dt

import asyncpg

AGENT = "osmp"
_KEY = (
    "insert into ledger.payment_key (agent, agent_payment_id, payment_id, recorded_at, fingerprint)"
    " values ($1, $2, nextval('ledger.payment_id'), $3, $4)"
    " on conflict do nothing returning payment_id"
)
_PAYMENT = (
    "insert into ledger.payment (payment_id, recorded_at, agent, agent_payment_id, account,"
    " amount_kopecks, paid_at, business_day) values ($1, $2, $3, $4, $5, $6, $7, $8)"
)
_EVENT = (
    "insert into ledger.payment_event (payment_id, payment_recorded_at, seq, kind, amount_kopecks,"
    " happened_at, business_day) values ($1, $2, 1, 'credited', $3, $2, $4)"
)
_LANE = (
    "update ledger.account_paid set version = version + 1, advance = advance + $2"
    " where account = $1"
)


async def pay(
    connection: asyncpg.Connection[asyncpg.Record],
    agent_payment_id: str,
    account: str,
    kopecks: int,
) -> int | None:
    """Our number of the payment; None = it was known already. asyncpg prepares each statement."""
    now = dt.datetime.now(dt.UTC)
    async with connection.transaction():
        fingerprint = f"{account}\x1f{kopecks}\x1f"
        payment_id: int | None = await connection.fetchval(
            _KEY, AGENT, agent_payment_id, now, fingerprint
        )
        if payment_id is None:
            return None
        day = now.date()
        await connection.execute(
            _PAYMENT, payment_id, now, AGENT, agent_payment_id, account, kopecks, now, day
        )
        await connection.execute(_EVENT, payment_id, now, kopecks, day)
        await connection.execute(_LANE, account, kopecks)
    return payment_id
