"""Many payments at once, as an office brings them that could not reach us when it took them.

The batch is claimed first: another content under its id is a conflict, and nothing of it is paid.
Then each payment is an ordinary one, under its own id. A final refusal is remembered under that id,
so the batch, or a payment of it by itself, is answered the same whenever it comes again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from server.agents import Agent
from server.messages import (
    BatchItem,
    BatchPaid,
    Outcome,
    Pay,
    PayBatch,
    PaymentAccepted,
    RefusedOutcome,
)
from server.payments.numbers import require_payment_id
from server.payments.ports import Counters, OutcomeUnknown, fingerprint
from server.refusals import Refusal, Refused

PayOne = Callable[[Agent, Pay], Awaitable[Outcome]]
"""Pays once, and remembers what is refused for good."""

_AT_ONCE_MAX = 250
"""Of one batch, so that a few batches do not fill the queue in which everybody waits."""


async def pay_batch(counters: Counters, pay: PayOne, agent: Agent, batch: PayBatch) -> Outcome:
    """Raises Refused when the batch as a whole is refused."""
    require_payment_id(batch.batch_id)
    if agent.paused:
        raise Refused(Refusal.TRY_LATER, "the agent is paused")
    ids = [payment.agent_payment_id for payment in batch.payments]
    if len(set(ids)) < len(ids):
        raise Refused(Refusal.MALFORMED, "one payment id twice in a batch", "agent_payment_id")
    content = content_of(batch)
    claimed = await counters.claim_batch(agent.name, batch.batch_id, content, len(ids))
    if claimed != content:
        raise Refused(Refusal.PAYMENT_CONFLICT, f"batch {batch.batch_id}", "batch_id")
    items: list[BatchItem] = []
    for start in range(0, len(ids), _AT_ONCE_MAX):
        some = batch.payments[start : start + _AT_ONCE_MAX]
        items += await asyncio.gather(*(_item(pay, agent, payment) for payment in some))
    return BatchPaid(batch.batch_id, tuple(items))


def content_of(batch: PayBatch) -> str:
    """A digest of everything that the batch says of its payments, in their order."""
    digest = hashlib.sha256()
    for payment in batch.payments:
        said = (
            payment.agent_payment_id,
            fingerprint(payment.account, payment.amount, payment.breakdown),
            str(payment.paid_at),
            payment.terminal,
            *(f"{reading.meter}:{reading.value}" for reading in payment.readings),
        )
        digest.update("\x1e".join(said).encode("utf-8", "surrogatepass") + b"\x1d")
    return digest.hexdigest()


async def _item(pay: PayOne, agent: Agent, payment: Pay) -> BatchItem:
    try:
        outcome = await pay(agent, payment)
    except Refused as refused:
        outcome = RefusedOutcome(refused.refusal, field=refused.field)
    except OutcomeUnknown:
        outcome = RefusedOutcome(Refusal.TRY_LATER)
    assert isinstance(outcome, PaymentAccepted | RefusedOutcome)
    return BatchItem(payment.agent_payment_id, outcome)
