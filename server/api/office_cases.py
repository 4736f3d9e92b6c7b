"""The workbench's API: mismatches, and what is decided about them."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial

from aiohttp import web

from server.api.endpoints import Endpoint, Parameter, body_of, choice, route, whole_number
from server.api.office import (
    LIMIT,
    PREFIX,
    Books,
    OfficeSettings,
    books_of,
    page_size,
    told,
)
from server.api.office_shapes import CaseList, CaseListed, CaseShown, Reject, Resolve, Seen
from server.api.office_story import story, waits_for_second
from server.api.problems import Problem, json_answer, not_found, not_permitted
from server.api.sessions import Sessions
from server.payments.ports import Result
from server.reconciliation import resolution
from server.reconciliation.mismatches import (
    Action,
    Bucket,
    Case,
    Decision,
    Kind,
    NotAllowed,
    State,
    check,
    kept_decision,
)
from server.reconciliation.resolution import Cases, Conflict, Ledger, NotPosted, SecondPersonNeeded
from server.reconciliation.workbench import UNDONE, CaseFilter, CaseRow, Workbench
from server.staff import Right, Staff

_NO_CASE = ("Такого расхождения нет.", "There is no such mismatch.")
_NOTHING_PROPOSED = ("Предложенного решения нет.", "No decision is proposed.")
_SECOND = ("Это решение подтверждает контролёр.", "A controller confirms this decision.")
_DONE = {
    "take": ("дело взято в работу", "the case was taken"),
    "release": ("дело возвращено в общий список", "the case was given back"),
    "propose": ("решение предложено", "a decision was proposed"),
    "withdraw": ("предложенное решение отклонено", "the proposed decision was rejected"),
    "post": ("платёж проведён", "the payment was posted"),
    "assign": ("платёж разнесён на счёт", "the payment was assigned to an account"),
    "match": ("строка сопоставлена с платежом", "the line was matched with a payment"),
    "return": ("оформлен возврат", "the money was returned"),
    "reverse": ("платёж сторнирован", "the payment was reversed"),
    "accept": ("расхождение принято", "the mismatch was accepted"),
    "close": ("дело закрыто", "the case was closed"),
}
_CHANGED = ("дело изменилось", "the case changed")
_NOT_POSTED = {
    Result.NOT_FOUND: ("такого лицевого счёта нет", "there is no such account"),
    Result.CLOSED: ("лицевой счёт закрыт", "the account is closed"),
    Result.SUSPENDED: ("приём платежей на счёт приостановлен", "payments are suspended"),
    Result.CONFLICT: (
        "под этим номером уже учтён другой платёж",
        "another payment is recorded under this number",
    ),
    Result.PAYMENT_CANCELLED: ("платёж уже отменён", "the payment is cancelled already"),
}
_BUSY = ("счёт сейчас занят, повторите", "the account is busy, try again")


class CaseDoor:
    """The handlers of mismatches."""

    def __init__(
        self,
        workbench: Workbench,
        cases: Cases,
        ledger: Ledger,
        sessions: Sessions,
        settings: OfficeSettings,
    ) -> None:
        self._workbench = workbench
        self._cases = cases
        self._ledger = ledger
        self._sessions = sessions
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        """The endpoints of this module."""
        handlers = (
            self._list,
            self._show,
            self._take,
            self._release,
            self._resolve,
            self._confirm,
            self._reject,
        )
        return [route(each, handler) for each, handler in zip(ENDPOINTS, handlers, strict=True)]

    async def _list(self, request: web.Request) -> web.StreamResponse:
        await self._sessions.require(request, Right.READ)
        wanted, limit = _filter(request), page_size(request)
        after = whole_number(request.query.get("after", "0"), "after")
        rows = await self._workbench.case_rows(wanted, after, limit + 1)
        page = rows[:limit]
        kinds = await self._workbench.kind_totals(wanted)
        chosen = [each for each in kinds if wanted.kind in ("", each.kind)]
        assignees = {row.assignee for row in page}
        books = await books_of(self._workbench, assignees, self._settings.zone)
        return json_answer(
            CaseList(
                mismatches=[_listed(row, books) for row in page],
                next=page[-1].mismatch_id if len(rows) > limit else None,
                count=sum(each.count for each in chosen),
                total_kopecks=sum(each.total_kopecks for each in chosen),
                kinds=list(kinds),
            )
        )

    async def _show(self, request: web.Request) -> web.StreamResponse:
        await self._sessions.require(request, Right.READ)
        return await self._story(await self._asked(request), request)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        staff = await self._sessions.require(request, Right.RESOLVE)
        seen: Seen = await body_of(request, Seen)
        case = await self._asked(request)
        return await self._done(
            request,
            resolution.take(
                self._cases,
                mismatch_id=case.mismatch_id,
                version=seen.version,
                actor=staff.login,
            ),
        )

    async def _release(self, request: web.Request) -> web.StreamResponse:
        staff = await self._sessions.require(request, Right.RESOLVE)
        seen: Seen = await body_of(request, Seen)
        case = await self._asked(request)
        return await self._done(
            request,
            resolution.release(
                self._cases,
                mismatch_id=case.mismatch_id,
                version=seen.version,
                actor=staff.login,
            ),
        )

    async def _resolve(self, request: web.Request) -> web.StreamResponse:
        staff = await self._sessions.require(request, Right.RESOLVE)
        asked: Resolve = await body_of(request, Resolve)
        case = await self._asked(request)
        decision = Decision(
            Action(asked.action),
            asked.reason.strip(),
            account=asked.account.strip(),
            payment_id=asked.payment_id,
            bucket=Bucket(asked.bucket) if asked.bucket else None,
        )
        if case.version == asked.version and _would_confirm(case, decision):
            raise not_permitted(_SECOND)
        return await self._decide(request, case, asked.version, decision, staff)

    async def _confirm(self, request: web.Request) -> web.StreamResponse:
        staff = await self._sessions.require(request, Right.CONFIRM)
        seen: Seen = await body_of(request, Seen)
        case = await self._asked(request)
        if case.version != seen.version:
            raise await self._late(Conflict(case))
        kept = case.proposal
        if kept is None or not waits_for_second(case):
            raise _not_allowed(_NOTHING_PROPOSED)
        return await self._decide(request, case, seen.version, kept_decision(kept), staff)

    async def _reject(self, request: web.Request) -> web.StreamResponse:
        staff = await self._sessions.require(request, Right.READ)
        asked: Reject = await body_of(request, Reject)
        case = await self._asked(request)
        if case.version != asked.version:
            raise await self._late(Conflict(case))
        if not waits_for_second(case):
            raise _not_allowed(_NOTHING_PROPOSED)
        if not staff.may(Right.CONFIRM) and case.proposed_by != staff.login:
            raise not_permitted(_SECOND)
        return await self._done(
            request, self._cases.withdraw(case, staff.login, asked.reason.strip())
        )

    async def _decide(
        self, request: web.Request, case: Case, version: int, decision: Decision, staff: Staff
    ) -> web.StreamResponse:
        return await self._done(
            request,
            resolution.decide(
                self._cases,
                self._ledger,
                mismatch_id=case.mismatch_id,
                version=version,
                decision=decision,
                actor=staff.login,
                second_person_above=self._settings.second_person_above,
            ),
        )

    async def _done(self, request: web.Request, work: Awaitable[Case]) -> web.StreamResponse:
        """The case as it stands after the work. Raises Problem."""
        try:
            case = await work
        except Conflict as conflict:
            raise await self._late(conflict) from conflict
        except SecondPersonNeeded as error:
            raise not_permitted(error.texts) from error
        except NotAllowed as error:
            raise _not_allowed(error.texts) from error
        except NotPosted as error:
            raise _not_posted(error.result) from error
        except LookupError as error:
            raise not_found(_NO_CASE) from error
        return await self._story(case, request)

    async def _late(self, conflict: Conflict) -> Problem:
        """Who was faster, when, and what they did."""
        case = conflict.case
        history = await self._workbench.history(case.mismatch_id)
        if not history:
            return _conflict("", _CHANGED)
        last = history[-1]
        books = await books_of(self._workbench, {last.actor}, self._settings.zone)
        when = books.here(last.happened_at)
        who = f"{books.person(last.actor).name}, {when:%H:%M}: "
        return _conflict(who, _DONE.get(last.action, _CHANGED))

    async def _asked(self, request: web.Request) -> Case:
        try:
            return await self._cases.case(
                whole_number(request.match_info["mismatch_id"], "mismatch_id")
            )
        except LookupError as error:
            raise not_found(_NO_CASE) from error

    async def _story(self, case: Case, request: web.Request) -> web.StreamResponse:
        said = partial(told, request)
        return json_answer(await story(self._workbench, case, self._settings, said))


def _filter(request: web.Request) -> CaseFilter:
    registry = request.query.get("registry", "")
    return CaseFilter(
        registry=whole_number(registry, "registry") if registry else None,
        kind=choice(request, "kind", [kind.value for kind in Kind]),
        state=choice(request, "state", [UNDONE, *(state.value for state in State)]),
        agent=request.query.get("agent", ""),
        text=request.query.get("text", "").strip(),
    )


def _listed(row: CaseRow, books: Books) -> CaseListed:
    return CaseListed(
        mismatch_id=row.mismatch_id,
        kind=row.kind,
        state=row.state,
        version=row.version,
        agent=row.agent,
        agent_title=books.title(row.agent),
        registry_id=row.registry_id,
        registry_day=row.registry_day,
        line_number=row.line_number,
        operation=row.operation,
        account=row.account,
        amount_kopecks=row.amount_kopecks,
        opened_at=books.here(row.opened_at),
        assignee=books.somebody(row.assignee),
        waits_for_second=row.waits_for_second,
    )


def _would_confirm(case: Case, decision: Decision) -> bool:
    """Whether it is the very decision that waits for a controller."""
    if case.proposal is None or not waits_for_second(case):
        return False
    try:
        return check(case, decision).same_as(case.proposal)
    except NotAllowed:
        return False


def _conflict(who: str, what: tuple[str, str]) -> Problem:
    return Problem(
        409,
        "CONFLICT",
        (
            f"Вас опередили. {who}{what[0]}. Ваше решение не выполнено.",
            f"Somebody was faster. {who}{what[1]}. Your decision was not made.",
        ),
    )


def _not_allowed(texts: tuple[str, str]) -> Problem:
    return Problem(422, "NOT_ALLOWED", texts)


def _not_posted(result: Result) -> Problem:
    why = _NOT_POSTED.get(result, _BUSY)
    return Problem(
        422,
        "NOT_POSTED",
        (
            f"Не проведено: {why[0]}. Деньги не тронуты, дело осталось в работе.",
            f"Not posted: {why[1]}. No money moved, the case stays in work.",
        ),
        final=result in _NOT_POSTED,
    )


_CASE = f"{PREFIX}/mismatches/{{mismatch_id}}"
ENDPOINTS = (
    Endpoint(
        "GET",
        f"{PREFIX}/mismatches",
        "Mismatches with their total",
        CaseList,
        right=Right.READ,
        parameters=(
            Parameter("registry", "of this registry", "integer"),
            Parameter("kind", "of this kind", choices=tuple(kind.value for kind in Kind)),
            Parameter(
                "state",
                "in this state; undone = open and assigned",
                choices=(UNDONE, *(state.value for state in State)),
            ),
            Parameter("agent", "of this agent"),
            Parameter("text", "the beginning of an account or of the agent's number"),
            Parameter("after", "`next` of the page before", "integer"),
            LIMIT,
        ),
    ),
    Endpoint("GET", _CASE, "A mismatch with its story", CaseShown, right=Right.READ),
    Endpoint("POST", f"{_CASE}/take", "Take it", CaseShown, body=Seen, right=Right.RESOLVE),
    Endpoint("POST", f"{_CASE}/release", "Give it back", CaseShown, body=Seen, right=Right.RESOLVE),
    Endpoint(
        "POST",
        f"{_CASE}/resolve",
        "Decide it; 409 when somebody else was faster",
        CaseShown,
        body=Resolve,
        right=Right.RESOLVE,
    ),
    Endpoint(
        "POST",
        f"{_CASE}/confirm",
        "Confirm, as a second person, what another one decided",
        CaseShown,
        body=Seen,
        right=Right.CONFIRM,
    ),
    Endpoint(
        "POST",
        f"{_CASE}/reject",
        "Reject what another one decided, or take one's own proposal back",
        CaseShown,
        body=Reject,
        right=Right.READ,
    ),
)
