"""The workbench's API: agents, what they took today, and pausing one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from aiohttp import web

from server.api.agent_shapes import (
    AgentDetail,
    AgentEntryShown,
    AgentLimits,
    AgentList,
    AgentShown,
    Pause,
    Resume,
)
from server.api.endpoints import Endpoint, body_of, route
from server.api.office import NO_AGENT, PREFIX, Books, OfficeSettings, books_of
from server.api.problems import Problem, json_answer, not_found
from server.api.sessions import Sessions
from server.payments.calendar import Calendar
from server.reconciliation.overview import AgentRow, Overview
from server.reconciliation.workbench import Workbench
from server.staff import Right

_NO_REASON = (
    "Нужна причина: её увидит проверяющий.",
    "A reason is needed: an auditor will read it.",
)


class AgentDoor:
    """The handlers of agents."""

    def __init__(
        self,
        overview: Overview,
        workbench: Workbench,
        sessions: Sessions,
        settings: OfficeSettings,
    ) -> None:
        self._overview = overview
        self._workbench = workbench
        self._sessions = sessions
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        """The endpoints of this module."""
        handlers = (self._list, self._show, self._pause, self._resume)
        return [route(each, handler) for each, handler in zip(ENDPOINTS, handlers, strict=True)]

    async def _list(self, request: web.Request) -> web.StreamResponse:
        await self._sessions.require(request, Right.READ)
        rows = await self._overview.agents()
        calendar = await self._calendar()
        books = await self._books(row.paused_by for row in rows)
        return json_answer(
            AgentList(
                agents=[_shown(row, calendar, books) for row in rows],
                payments=sum(row.payments for row in rows),
                total_kopecks=sum(row.taken_kopecks for row in rows),
            )
        )

    async def _show(self, request: web.Request) -> web.StreamResponse:
        await self._sessions.require(request, Right.READ)
        return await self._detail(request.match_info["agent"])

    async def _pause(self, request: web.Request) -> web.StreamResponse:
        staff = await self._sessions.require(request, Right.PAUSE)
        asked: Pause = await body_of(request, Pause)
        if not asked.reason.strip():
            raise Problem(422, "NOT_ALLOWED", _NO_REASON)
        return await self._set_paused(request, staff.login, asked.reason, paused=True)

    async def _resume(self, request: web.Request) -> web.StreamResponse:
        staff = await self._sessions.require(request, Right.PAUSE)
        asked: Resume = await body_of(request, Resume)
        return await self._set_paused(request, staff.login, asked.reason, paused=False)

    async def _set_paused(
        self, request: web.Request, actor: str, reason: str, *, paused: bool
    ) -> web.StreamResponse:
        """When it was so before, nothing changes, and who did it first is told."""
        name = request.match_info["agent"]
        try:
            await self._overview.pause(name, actor, reason.strip(), paused=paused)
        except LookupError as error:
            raise not_found(NO_AGENT) from error
        return await self._detail(name)

    async def _detail(self, name: str) -> web.StreamResponse:
        try:
            row = await self._overview.agent(name)
        except LookupError as error:
            raise not_found(NO_AGENT) from error
        history = await self._overview.history(name)
        books = await self._books([row.paused_by, *(entry.actor for entry in history)])
        return json_answer(
            AgentDetail(
                agent=_shown(row, await self._calendar(), books),
                history=[
                    AgentEntryShown(
                        books.here(entry.happened_at),
                        books.person(entry.actor),
                        entry.action,
                        entry.reason,
                        entry.details,
                    )
                    for entry in history
                ],
            )
        )

    async def _calendar(self) -> Calendar:
        return Calendar(await self._overview.calendar())

    async def _books(self, logins: Iterable[str]) -> Books:
        return await books_of(self._workbench, set(logins), self._settings.zone)


def _shown(row: AgentRow, calendar: Calendar, books: Books) -> AgentShown:
    return AgentShown(
        agent=row.name,
        title=row.title,
        protocol=row.protocol,
        zone=row.zone,
        cut_off=f"{row.cut_off:%H:%M}",
        paused=row.paused,
        paused_since=books.here(row.paused_since) if row.paused_since else None,
        paused_by=books.somebody(row.paused_by),
        pause_reason=row.pause_reason,
        business_day=row.business_day,
        settlement_day=calendar.settlement_day(row.business_day, row.settlement_days),
        payments=row.payments,
        taken_kopecks=row.taken_kopecks,
        hour_kopecks=row.hour_kopecks,
        last_payment_at=_there(row, row.last_payment_at),
        open_cases=row.open_cases,
        open_suspicions=row.open_suspicions,
        limits=AgentLimits(
            amount_min_kopecks=row.amount_min_kopecks,
            amount_max_kopecks=row.amount_max_kopecks,
            account_day_max_kopecks=row.account_day_max_kopecks,
            hour_max_kopecks=row.hour_max_kopecks,
            requests_per_second_max=row.requests_per_second_max,
            unknown_accounts_per_minute_max=row.unknown_accounts_per_minute_max,
        ),
    )


def _there(row: AgentRow, moment: dt.datetime | None) -> dt.datetime | None:
    return moment.astimezone(ZoneInfo(row.zone)).replace(microsecond=0) if moment else None


_AGENT = f"{PREFIX}/agents/{{agent}}"
ENDPOINTS = (
    Endpoint("GET", f"{PREFIX}/agents", "Agents and their day", AgentList, right=Right.READ),
    Endpoint("GET", _AGENT, "An agent", AgentDetail, right=Right.READ),
    Endpoint(
        "POST",
        f"{_AGENT}/pause",
        "Pause it: its new payments hear “try later” on all servers from now on",
        AgentDetail,
        body=Pause,
        right=Right.PAUSE,
    ),
    Endpoint(
        "POST", f"{_AGENT}/resume", "End a pause", AgentDetail, body=Resume, right=Right.PAUSE
    ),
)
