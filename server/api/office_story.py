"""A case with everything around it: what the bank says, what we have, what may be done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from server.api.office import Books, OfficeSettings, account_shown, books_of
from server.api.office_shapes import (
    AccountDetail,
    CaseShown,
    DecisionOffered,
    HistoryShown,
    LineShown,
    ProposalShown,
)
from server.reconciliation.mismatches import (
    ACCEPTED_INTO,
    ROUNDING_MAX,
    Action,
    AuditEntry,
    Bucket,
    Case,
    CaseLine,
    Kind,
)
from server.reconciliation.workbench import MoveRow, PaymentRow, Workbench

Said = Callable[[str], str]
_MOMENTS = ("first_at", "last_at")
_ORDER = (Action.POST, Action.ASSIGN, Action.MATCH, Action.RETURN, Action.REVERSE, Action.ACCEPT)


async def story(
    workbench: Workbench, case: Case, settings: OfficeSettings, said: Said
) -> CaseShown:
    """The case as its page tells it; `said` puts what a reader said into the page's language."""
    history = await workbench.history(case.mismatch_id)
    moves = await workbench.moves(case.mismatch_id)
    payment = await workbench.payment(case.payment_id) if case.payment_id else None
    other = await _twin_payment(workbench, case)
    books = await books_of(workbench, _logins(case, history, moves), settings.zone)
    line = case.line
    may_match = Action.MATCH in case.decisions
    return CaseShown(
        mismatch_id=case.mismatch_id,
        kind=case.kind.value,
        state=case.state.value,
        version=case.version,
        agent=case.agent,
        agent_title=books.title(case.agent),
        amount_kopecks=case.amount.kopecks,
        undecided_kopecks=case.undecided.kopecks,
        registry=await workbench.registry_brief(case.registry_id) if case.registry_id else None,
        opened_at=books.here(case.opened_at),
        line=_line(case, line, books, said) if line else None,
        payment=_local(payment, books) if payment else None,
        twin=await workbench.twin(case.mismatch_id) if case.kind is Kind.DUPLICATE_LINE else None,
        other_payment=_local(other, books) if other else None,
        other_agent_title=books.title(other.agent) if other else "",
        account=await _account(workbench, line.account if line else ""),
        payment_account=await _account(workbench, payment.account if payment else ""),
        candidates=[
            _local(each, books)
            for each in (await workbench.candidates(case.mismatch_id) if may_match else ())
        ],
        details=_details(case, books, said),
        decisions=[_offered(case, action) for action in _ORDER if action in case.decisions],
        needs_second_person=needs_second_person(case, settings),
        assignee=books.somebody(case.assignee),
        proposal=_proposal(case, books),
        outcome=case.outcome,
        decided_by=books.somebody(case.decided_by),
        confirmed_by=books.somebody(case.confirmed_by),
        decided_at=books.here(case.decided_at) if case.decided_at else None,
        reason=case.reason,
        moves=[replace(each, happened_at=books.here(each.happened_at)) for each in moves],
        history=[
            HistoryShown(
                books.here(each.happened_at),
                books.person(each.actor),
                each.action,
                each.reason,
                each.details,
            )
            for each in history
        ],
    )


async def _twin_payment(workbench: Workbench, case: Case) -> PaymentRow | None:
    """The other one of two payments that are suspiciously alike."""
    match case.details.get("twin"):
        case {"payment_id": int(payment_id)}:
            return await workbench.payment(payment_id)
        case _:
            return None


def _details(case: Case, books: Books, said: Said) -> Mapping[str, object]:
    """Moments among them on the office's clock, a reader's sentences in the page's language."""
    moments = {
        name: books.here(dt.datetime.fromisoformat(str(case.details[name]))).isoformat()
        for name in _MOMENTS
        if name in case.details
    }
    told: dict[str, object] = {}
    match case.details:
        case {"differences": list(notes)}:
            told["differences"] = [{**note, "message": said(note["message"])} for note in notes]
        case {"fault": str(fault)}:
            told["fault"] = said(fault)
    return {**case.details, **moments, **told}


def needs_second_person(case: Case, settings: OfficeSettings) -> bool:
    """Whether a decision about it has to be confirmed."""
    above = settings.second_person_above
    return above is not None and abs(case.amount.kopecks) > above.kopecks


def waits_for_second(case: Case) -> bool:
    """Whether a decision is proposed and not being carried out yet."""
    return case.proposal is not None and not case.proposal.get("claimed")


def _logins(case: Case, history: Iterable[AuditEntry], moves: Iterable[MoveRow]) -> set[str]:
    own = {case.assignee, case.proposed_by, case.decided_by, case.confirmed_by}
    return own | {each.actor for each in history} | {each.actor for each in moves}


def _line(case: Case, line: CaseLine, books: Books, said: Said) -> LineShown:
    return LineShown(
        line_id=line.line_id,
        number=line.number,
        operation=line.operation,
        account=line.account,
        amount_kopecks=line.amount.kopecks if line.amount is not None else None,
        paid_on=line.paid_on,
        paid_at=books.at(case.agent, line.paid_at) if line.paid_at else None,
        fault=said(line.fault),
        column=line.column,
        raw=line.raw,
        details=line.details,
        buckets={bucket.value: money.kopecks for bucket, money in line.positions.items()},
    )


def _local(payment: PaymentRow, books: Books) -> PaymentRow:
    return replace(
        payment,
        paid_at=books.at(payment.agent, payment.paid_at),
        recorded_at=books.here(payment.recorded_at),
    )


async def _account(workbench: Workbench, number: str) -> AccountDetail | None:
    view = await workbench.account(number) if number else None
    return account_shown(view) if view else None


def _offered(case: Case, action: Action) -> DecisionOffered:
    if action is not Action.ACCEPT or not case.undecided:
        return DecisionOffered(action.value, [])
    return DecisionOffered(
        action.value,
        [
            bucket.value
            for bucket in ACCEPTED_INTO.get(case.kind, ())
            if bucket is not Bucket.ROUNDING or -ROUNDING_MAX <= case.undecided <= ROUNDING_MAX
        ],
    )


def _proposal(case: Case, books: Books) -> ProposalShown | None:
    kept = case.proposal
    if kept is None:
        return None
    bucket = kept.get("bucket")
    return ProposalShown(
        action=str(kept["action"]),
        reason=str(kept["reason"]),
        account=str(kept.get("account") or ""),
        payment_id=int(str(kept.get("payment_id") or 0)),
        bucket=str(bucket) if bucket else None,
        claimed=bool(kept.get("claimed")),
        by=books.person(case.proposed_by),
    )
