"""Rows of type ledger.posted as values: the recorded payment and the account's paid lane."""

from __future__ import annotations

import json
from typing import Any

import asyncpg

from server.messages import Payment, PaymentState, ReadingResult
from server.money import Money
from server.payments.ports import Order, PaidLane, Posted, Result
from server.refusals import Refusal

_COLUMNS = "place, outcome, payment_id, agent, agent_payment_id, account, amount_kopecks, "
POSTED_COLUMNS = (
    _COLUMNS + "paid_at, recorded_at, state, state_at, readings, epoch, version, services, paid, "
    "advance, (lsn - '0/0')::bigint as lsn"
)
"""What to select from a function that returns ledger.posted."""


def posted(row: asyncpg.Record) -> Posted:
    """One row; the payment is the recorded one, whatever the outcome."""
    result = Result(row["outcome"])
    if row["payment_id"] is None:
        return Posted(result)
    return Posted(result, payment(row), _lane(row))


def payment(row: asyncpg.Record) -> Payment:
    """The columns payment_id … state_at, readings."""
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
    )


def _reading_result(item: dict[str, Any]) -> ReadingResult:
    refusal = item.get("refusal")
    return ReadingResult(item["meter"], Refusal(refusal) if refusal else None)


def _lane(row: asyncpg.Record) -> PaidLane:
    return PaidLane(
        account=row["account"],
        epoch=row["epoch"],
        version=row["version"],
        services=tuple(row["services"]),
        paid=tuple(row["paid"]),
        advance=row["advance"],
        lsn=row["lsn"],
    )


def details(order: Order, service_ids: dict[str, int]) -> str:
    """What of an order has no column in the batch's arrays, as the SQL function reads it.

    A part for a service that billing does not know goes to the advance.
    """
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
    if order.terminal:
        found["terminal"] = order.terminal
    if order.actor:
        found["actor"] = order.actor
    if order.registry_line is not None:
        found["registry_line"] = order.registry_line
    return json.dumps(found)
