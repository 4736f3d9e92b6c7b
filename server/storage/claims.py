"""Decisions that were claimed and not finished, because whoever carried them out was cut off.

What the ledger has done is settled; what it has not done is withdrawn and may be decided again.
Nothing is posted here.
"""

from __future__ import annotations

import asyncpg

from server.messages import PaymentState
from server.payments.ports import Posted
from server.reconciliation.mismatches import Action, Case, Decision, NotAllowed, kept_decision
from server.reconciliation.resolution import Conflict
from server.storage.connection import Connection
from server.storage.mismatches import PostgresCases
from server.storage.records import RECORDED, RECORDED_BY_ID, posted

JANITOR = "janitor"
_NOT_DONE = "не исполнено: можно решить ещё раз"


async def settle_claims(cases: PostgresCases, connection: Connection) -> int:
    """Claims older than any call may take; those that changed meanwhile are left alone."""
    settled = 0
    for row in await connection.fetch(_ABANDONED):
        case = await cases.case(row["id"])
        if case.version != row["version"] or case.proposal is None:
            continue
        decision = kept_decision(case.proposal)
        payment_id = _done(case, decision, await _recorded(connection, case, decision))
        try:
            if payment_id is None:
                await cases.withdraw(case, JANITOR, _NOT_DONE)
            else:
                await cases.settle(case, decision, JANITOR, payment_id)
        except (Conflict, NotAllowed):
            continue
        settled += 1
    return settled


async def _recorded(connection: Connection, case: Case, decision: Decision) -> Posted | None:
    row: asyncpg.Record | None
    if decision.action is Action.REVERSE:
        row = await connection.fetchrow(RECORDED_BY_ID, case.agent, case.payment_id)
    else:
        row = await connection.fetchrow(RECORDED, case.agent, case.post_as)
    return posted(row) if row else None


def _done(case: Case, decision: Decision, found: Posted | None) -> int | None:
    """Our number of the payment that is what the decision wanted."""
    payment = found.payment if found else None
    if payment is None:
        return None
    if decision.action is Action.REVERSE:
        return payment.payment_id if payment.state is PaymentState.REVERSED else None
    line = case.line
    assert line is not None
    wanted = (decision.account or line.account, line.amount)
    return payment.payment_id if (payment.account, payment.amount) == wanted else None


_ABANDONED = """
select id, version from recon.mismatches
 where state = 'assigned' and proposal @> '{"claimed": true}'
   and proposed_at < now() - interval '5 minutes' order by id limit 20
"""
