"""Carrying out decisions about cases: who may, in which order, and what the ledger is asked.

Posting is claimed in the case first, then done, then settled: the ledger posts once under the
case's key, so a decision that was interrupted is simply repeated, by anybody.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Protocol

from server.money import Money
from server.payments.ports import Action as Asked
from server.payments.ports import Move, Order, Posted, Result
from server.reconciliation.mismatches import (
    POSTING,
    TRANSITIONS,
    Action,
    Case,
    Decision,
    NotAllowed,
    State,
    check,
)


class Conflict(Exception):
    """Somebody else was faster; `case` is how it stands now."""

    def __init__(self, case: Case) -> None:
        super().__init__(f"mismatch {case.mismatch_id} is at version {case.version}")
        self.case = case


class NotPosted(Exception):
    """The ledger refused; no money was moved and the case is as before."""

    def __init__(self, result: Result) -> None:
        super().__init__(_NOT_POSTED.get(result, result.value))
        self.result = result


class SecondPersonNeeded(NotAllowed):
    """The decision waits for somebody else than the one who proposed it."""


_NOT_POSTED = {
    Result.NOT_FOUND: "такого лицевого счёта нет",
    Result.CLOSED: "лицевой счёт закрыт",
    Result.SUSPENDED: "приём платежей на этот счёт приостановлен",
    Result.CONFLICT: "под этим номером учтён другой платёж",
    Result.DAY_CLOSED: "операционный день закрывается, повторите",
    Result.BUSY: "счёт занят, повторите",
    Result.PAYMENT_CANCELLED: "платёж уже отменён",
    Result.FORBIDDEN: "платёж не зачислен",
}
_DAY_ATTEMPTS = 3


class Ledger(Protocol):
    """The part of payments.ports.Ledger that decisions need; `post` and `move` publish as well."""

    async def post(self, order: Order) -> Posted:
        """Record and credit once."""
        ...

    async def move(self, move: Move) -> Posted:
        """Lead a payment along the transition table."""
        ...

    async def next_open_day(self, agent: str, day: dt.date) -> dt.date:
        """The first day at or after `day` that is not closed for the agent."""
        ...


class Cases(Protocol):
    """The store of cases. Each change checks the version, raises it and leaves an audit row."""

    async def case(self, mismatch_id: int) -> Case:
        """Raises LookupError."""
        ...

    async def move(self, case: Case, action: Action, actor: str) -> Case:
        """TAKE, RELEASE or CLOSE. Raises Conflict."""
        ...

    async def propose(self, case: Case, decision: Decision, actor: str, *, claimed: bool) -> Case:
        """Keep the decision with the case. Raises Conflict."""
        ...

    async def withdraw(self, case: Case, actor: str, reason: str) -> Case:
        """Forget the kept decision. Raises Conflict."""
        ...

    async def settle(
        self, case: Case, decision: Decision, actor: str, payment_id: int | None
    ) -> Case:
        """Carry the decision out: state, kopecks, tie. Raises Conflict or NotAllowed."""
        ...


async def decide(
    cases: Cases,
    ledger: Ledger,
    *,
    mismatch_id: int,
    version: int,
    decision: Decision,
    actor: str,
    second_person_above: Money | None = None,
) -> Case:
    """Decide a case that the person saw at `version`.

    Above the limit the first person's decision is only proposed (the case comes back assigned);
    the same decision by another person carries it out.
    Raises LookupError, Conflict, NotAllowed (SecondPersonNeeded), NotPosted, OutcomeUnknown.
    """
    case = await _seen(cases, mismatch_id, version)
    decision = check(case, decision)
    kept = case.proposal
    if kept is not None and kept.get("claimed") and not decision.same_as(kept):
        raise NotAllowed(
            "Решение уже исполняется: повторите его, чтобы завершить.",
            "A decision is being carried out: repeat it to finish it.",
        )
    confirmed = kept is not None and decision.same_as(kept)
    if second_person_above is not None and abs(case.amount.kopecks) > second_person_above.kopecks:
        if not confirmed:
            return await cases.propose(case, decision, actor, claimed=False)
        if case.proposed_by == actor and not (kept and kept.get("claimed")):
            raise SecondPersonNeeded(
                "Своё решение подтвердить нельзя: нужен другой сотрудник.",
                "Nobody confirms their own decision: another person is needed.",
            )
    if decision.action in POSTING:
        return await _post(cases, ledger, case, decision, actor)
    if decision.action is Action.REVERSE:
        return await _reverse(cases, ledger, case, decision, actor)
    return await cases.settle(case, decision, actor, decision.payment_id or None)


async def take(cases: Cases, *, mismatch_id: int, version: int, actor: str) -> Case:
    """The person takes the case, also from somebody else."""
    return await _move(cases, mismatch_id, version, Action.TAKE, actor)


async def release(cases: Cases, *, mismatch_id: int, version: int, actor: str) -> Case:
    """Give a taken case back."""
    return await _move(cases, mismatch_id, version, Action.RELEASE, actor)


async def close(cases: Cases, *, mismatch_id: int, version: int, actor: str) -> Case:
    """A resolved case is final."""
    return await _move(cases, mismatch_id, version, Action.CLOSE, actor)


async def _seen(cases: Cases, mismatch_id: int, version: int) -> Case:
    case = await cases.case(mismatch_id)
    if case.version != version:
        raise Conflict(case)
    return case


async def _move(cases: Cases, mismatch_id: int, version: int, action: Action, actor: str) -> Case:
    case = await _seen(cases, mismatch_id, version)
    if (case.state, action) not in TRANSITIONS:
        raise NotAllowed(
            "Дело уже решено: сейчас это невозможно.",
            "The case is decided: this cannot be done now.",
        )
    if action is Action.RELEASE and case.proposal is not None:
        raise NotAllowed(
            "По делу уже предложено решение.", "A decision is proposed for this case already."
        )
    return await cases.move(case, action, actor)


async def _post(cases: Cases, ledger: Ledger, case: Case, decision: Decision, actor: str) -> Case:
    case = await _claimed(cases, case, decision, actor)
    posted = await ledger.post(await _order(ledger, case, decision, actor))
    return await _carried_out(cases, case, decision, actor, posted)


async def _reverse(
    cases: Cases, ledger: Ledger, case: Case, decision: Decision, actor: str
) -> Case:
    """Today's entry, or that of the next open day; the ledger reverses a payment only once."""
    case = await _claimed(cases, case, decision, actor)
    assert case.payment_id is not None
    day = await ledger.next_open_day(case.agent, case.opened_at.date())
    move = Move(Asked.REVERSE, case.agent, day, payment_id=case.payment_id, actor=actor,
                reason=decision.reason)  # fmt: skip
    for _ in range(_DAY_ATTEMPTS):
        posted = await ledger.move(move)
        if posted.result is not Result.DAY_CLOSED:
            break
        day = await ledger.next_open_day(case.agent, move.business_day)
        move = replace(move, business_day=day)
    return await _carried_out(cases, case, decision, actor, posted)


async def _claimed(cases: Cases, case: Case, decision: Decision, actor: str) -> Case:
    if case.proposal is None or not case.proposal.get("claimed"):
        return await cases.propose(case, decision, actor, claimed=True)
    return case


async def _carried_out(
    cases: Cases, case: Case, decision: Decision, actor: str, posted: Posted
) -> Case:
    """Settled when the ledger has done it, now or before; else the claim is withdrawn."""
    if posted.result in (Result.ACCEPTED, Result.REPEATED):
        assert posted.payment is not None
        return await cases.settle(case, decision, actor, posted.payment.payment_id)
    refused = NotPosted(posted.result)
    await cases.withdraw(case, actor, str(refused))
    raise refused


async def _order(ledger: Ledger, case: Case, decision: Decision, actor: str) -> Order:
    line = case.line
    assert line is not None
    if line.amount is None or line.paid_at is None or line.business_day is None:
        raise NotAllowed(
            "В строке не читается сумма или дата: её нельзя провести.",
            "The line's sum or date is not readable: it cannot be posted.",
        )
    return Order(
        agent=case.agent,
        agent_payment_id=case.post_as,
        account=decision.account or line.account,
        amount=line.amount,
        paid_at=line.paid_at,
        business_day=await ledger.next_open_day(case.agent, line.business_day),
        actor=actor,
        registry_line=line.line_id,
    )


__all__ = [
    "Cases", "Conflict", "Ledger", "NotPosted", "SecondPersonNeeded", "State",
    "close", "decide", "release", "take",
]  # fmt: skip
