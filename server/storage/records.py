"""Rows of type ledger.posted as values: the recorded payment and the account's paid lane."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from typing import Any, cast

import asyncpg

from server.messages import Payment, PaymentState, ReadingResult
from server.money import Money
from server.payments.ports import Order, PaidLane, Posted, Result
from server.refusals import Refusal

POSTED_COLUMNS = (
    "place, outcome, payment_id, recorded_at, epoch, version, services, paid, advance,"
    " (lsn - '0/0')::bigint as lsn, agent, agent_payment_id, account, amount_kopecks, paid_at,"
    " state, state_at, held_at, credited_at, reason, terminal, readings, valid_until, fingerprint,"
    " refusal, case when payment_id is not null"
    " then ledger.business_day_of(payment_id, recorded_at) end as business_day"
)
"""What to select from a function that returns ledger.posted."""
RECORDED = f"select {POSTED_COLUMNS} from ledger.recorded(array[$1::text], array[$2::text])"
"""What stands under an agent's key ($1, $2)."""
RECORDED_BY_ID = f"""
select {POSTED_COLUMNS}
  from (select agent as by, agent_payment_id as key from ledger.payment
         where agent = $1 and payment_id = $2) p,
       ledger.recorded(array[p.by], array[p.key])
"""
"""The same by our number ($2)."""


def posted(row: asyncpg.Record) -> Posted:
    """A row that was looked up; the payment is the recorded one, whatever the outcome."""
    result = Result(row["outcome"])
    refusal = Refusal(row["refusal"]) if row["refusal"] else None
    if row["payment_id"] is None:
        return Posted(result, fingerprint=row["fingerprint"] or "", refusal=refusal)
    return Posted(
        result,
        payment(row),
        _lane(row["account"], row, row),
        row["fingerprint"],
        row["valid_until"],
    )


def outcomes(orders: Sequence[Order], rows: Iterable[asyncpg.Record]) -> list[Posted]:
    """The rows of ledger.post_payments or its kin, one outcome for each order."""
    lane_rows: list[asyncpg.Record] = []
    found: list[Posted | None] = [None] * len(orders)
    for row in rows:
        place = row["place"]
        if place is not None:
            found[place - 1] = posted(row)
        elif row["numbers"] is None:
            lane_rows.append(row)
        else:
            whole = row
    numbers, recorded_at = whole["numbers"], whole["recorded_at"]
    lanes: dict[str, PaidLane] = {}
    for row in lane_rows:
        account = row["account"]
        lanes[account] = _lane(account, row, row if row["lsn"] is not None else whole)
    for place, number in enumerate(numbers):
        if number is not None:
            order = orders[place]
            found[place] = _accepted(order, lanes.get(order.account), number, recorded_at)
    assert None not in found
    return cast("list[Posted]", found)


def _accepted(order: Order, lane: PaidLane | None, number: int, recorded_at: dt.datetime) -> Posted:
    """What was decided before, with the number and the moment that the database gave it."""
    seconds = order.valid_seconds
    recorded = Payment(
        number,
        order.agent,
        order.agent_payment_id,
        order.account,
        order.amount,
        order.paid_at,
        recorded_at,
        PaymentState.CREDITED if seconds is None else PaymentState.HELD,
        recorded_at,
        order.reading_results,
        None if seconds is None else recorded_at,
        recorded_at if seconds is None else None,
        "",
        order.terminal,
        order.business_day,
    )
    if seconds is None:
        return Posted(Result.ACCEPTED, recorded, lane)
    valid_until = recorded_at + dt.timedelta(seconds=seconds)
    return Posted(Result.ACCEPTED, recorded, valid_until=valid_until)


def payment(row: asyncpg.Record) -> Payment:
    """The recorded payment of a row that was looked up."""
    return Payment(
        payment_id=row["payment_id"],
        agent=row["agent"],
        agent_payment_id=row["agent_payment_id"],
        account=row["account"],
        amount=Money(row["amount_kopecks"]),
        paid_at=row["paid_at"],
        recorded_at=row["recorded_at"],
        state=PaymentState(row["state"]),
        state_at=row["state_at"],
        readings=tuple(_reading_result(item) for item in json.loads(row["readings"])),
        held_at=row["held_at"],
        credited_at=row["credited_at"],
        reason=row["reason"],
        terminal=row["terminal"],
        business_day=row["business_day"],
    )


def _reading_result(item: dict[str, Any]) -> ReadingResult:
    refusal = item.get("refusal")
    return ReadingResult(item["meter"], Refusal(refusal) if refusal else None)


def _lane(account: str, row: asyncpg.Record, at: asyncpg.Record) -> PaidLane:
    """`at` has epoch and position: the row itself, or that of the whole batch."""
    return PaidLane(
        account=account,
        epoch=at["epoch"],
        version=row["version"],
        services=tuple(row["services"]),
        paid=tuple(row["paid"]),
        advance=row["advance"],
        lsn=at["lsn"],
    )


def details(order: Order, service_ids: dict[str, int]) -> str | None:
    """What few orders have, as the SQL function reads it; None for the others.

    A part for a service that billing does not know goes to the advance.
    """
    if not (order.parts or order.readings or order.actor or order.registry_line):
        return None
    found: dict[str, Any] = {}
    parts = [part for part in order.parts if part.service in service_ids]
    if parts:
        found["services"] = [service_ids[part.service] for part in parts]
        found["amounts"] = [part.amount.kopecks for part in parts]
        found["parts_total"] = sum(part.amount.kopecks for part in parts)
    if order.readings:
        found["readings"] = [
            {
                "meter": reading.meter,
                "value": reading.value,
                "read_on": str(order.read_on),
                "refusal": result.refusal.value if result.refusal else None,
            }
            for reading, result in zip(order.readings, order.reading_results, strict=True)
        ]
    if order.actor:
        found["actor"] = order.actor
    if order.registry_line is not None:
        found["registry_line"] = order.registry_line
    return json.dumps(found)
