"""The workbench's API: registries. Cases stand in office_cases.py; who may in sessions.py."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from aiohttp import web

from server.accounts import AccountView
from server.api.endpoints import Endpoint, Parameter, route, whole_number
from server.api.office_shapes import (
    AccountDetail,
    AccountList,
    Choices,
    FormatChoice,
    Person,
    RegistryDetail,
    RegistryList,
    RegistryShown,
    ServiceDetail,
)
from server.api.problems import (
    Problem,
    in_english,
    json_answer,
    malformed,
    not_found,
    not_permitted,
)
from server.api.sessions import Sessions
from server.api.uploads import received
from server.money import Money
from server.reconciliation.formats import FileRefused, load
from server.reconciliation.formats.english import english
from server.reconciliation.intake import RegistrySummary, Terms, UnknownFormat
from server.reconciliation.mismatches import Kind, NotAllowed, State
from server.reconciliation.resolution import SecondPersonNeeded
from server.reconciliation.workbench import AgentChoice, Workbench
from server.staff import Right

PREFIX = "/api/v1/office"
NO_AGENT = ("Такого агента нет.", "There is no such agent.")
_PAGE = 50
_PAGE_MAX = 500
_REFUSALS = 5
_SIMILAR = 4
_SYSTEM = "system"
_NO_REGISTRY = ("Такого реестра нет.", "There is no such registry.")
_NO_ACCOUNT = ("Такого лицевого счёта нет.", "There is no such account.")


@dataclass(frozen=True, slots=True)
class OfficeSettings:
    """What an installation decides. Times are shown in `zone`, payments in their agent's."""

    registry_bytes_max: int = 1 << 30
    second_person_above: Money | None = None
    zone: str = "Europe/Moscow"


class Books:
    """Names for what the store knows by login and code; made anew for each answer."""

    def __init__(
        self, agents: Collection[AgentChoice], names: Mapping[str, str], zone: str
    ) -> None:
        self._agents = {agent.name: agent for agent in agents}
        self._names = names
        self._zone = ZoneInfo(zone)

    def title(self, agent: str) -> str:
        """How the agent is called."""
        known = self._agents.get(agent)
        return known.title if known else agent

    def person(self, login: str) -> Person:
        """How the person is called; the command line's and the system's names are their own."""
        return Person(login, self._names.get(login, login))

    def somebody(self, login: str) -> Person | None:
        """Nobody when there is no login."""
        return self.person(login) if login else None

    def here(self, moment: dt.datetime) -> dt.datetime:
        """On the office's clock."""
        return moment.astimezone(self._zone).replace(microsecond=0)

    def at(self, agent: str, moment: dt.datetime) -> dt.datetime:
        """On the agent's clock."""
        known = self._agents.get(agent)
        zone = ZoneInfo(known.zone) if known else self._zone
        return moment.astimezone(zone).replace(microsecond=0)


class Registries:
    """The handlers of registries and of what pages choose from."""

    def __init__(self, workbench: Workbench, sessions: Sessions, settings: OfficeSettings) -> None:
        self._workbench = workbench
        self._sessions = sessions
        self._settings = settings
        # One file at a time in this process: matching is PostgreSQL's work, reading is ours.
        self._importing = asyncio.Semaphore(1)

    def routes(self) -> list[web.RouteDef]:
        """The endpoints of this module."""
        handlers = (
            self._choices,
            self._list,
            self._import,
            self._show,
            self._close,
            self._similar,
            self._account,
        )
        return [route(each, handler) for each, handler in zip(ENDPOINTS, handlers, strict=True)]

    async def _choices(self, request: web.Request) -> web.StreamResponse:
        await self._sessions.require(request, Right.READ)
        above = self._settings.second_person_above
        return json_answer(
            Choices(
                agents=list(await self._workbench.agents()),
                formats=[FormatChoice(form.name, form.title) for form in load().values()],
                kinds=[kind.value for kind in Kind],
                states=[state.value for state in State],
                file_bytes_max=self._settings.registry_bytes_max,
                second_person_above_kopecks=above.kopecks if above else None,
            )
        )

    async def _list(self, request: web.Request) -> web.StreamResponse:
        await self._sessions.require(request, Right.READ)
        agent, before = request.query.get("agent", ""), request.query.get("before", "")
        limit = page_size(request)
        found = await self._workbench.registries(
            agent,
            whole_number(before, "before") if before else None,
            limit + 1,
        )
        page = found[:limit]
        books = await self._books(
            [login for each in page for login in (each.imported_by, each.closed_by)]
        )
        count, total = await self._workbench.registry_totals(agent)
        refusals = () if before else await self._workbench.refusals(_REFUSALS)
        return json_answer(
            RegistryList(
                registries=[registry_shown(each, books) for each in page],
                next=page[-1].registry_id if len(found) > limit else None,
                count=count,
                total_kopecks=total,
                refusals=[
                    replace(
                        each,
                        refused_at=books.here(each.refused_at),
                        message=told(request, each.message),
                    )
                    for each in refusals
                ],
            )
        )

    async def _import(self, request: web.Request) -> web.StreamResponse:
        staff = await self._sessions.require(request, Right.IMPORT)
        agent = request.query.get("agent", "")
        terms = Terms(
            strict=request.query.get("lenient", "") not in ("1", "true", "yes"),
            format=request.query.get("format", ""),
        )
        bytes_max = self._settings.registry_bytes_max
        async with received(request, bytes_max) as upload, self._importing:
            try:
                summary = await self._workbench.import_registry(
                    upload, agent, staff.login, terms, bytes_max
                )
            except FileRefused as refused:
                raise Problem(
                    422,
                    "FILE_REFUSED",
                    (refused.message, english(refused.message)),
                    line=refused.line,
                    column=refused.column,
                ) from refused
            except UnknownFormat as error:
                raise malformed(str(error)) from error
            except LookupError as error:
                raise not_found(NO_AGENT) from error
        books = await self._books([summary.imported_by])
        status = 200 if summary.already_imported else 201
        return json_answer(registry_shown(summary, books), status)

    async def _show(self, request: web.Request) -> web.StreamResponse:
        await self._sessions.require(request, Right.READ)
        registry_id = whole_number(request.match_info["registry_id"], "registry_id")
        limit = page_size(request)
        after = whole_number(request.query.get("after", "0"), "after")
        try:
            summary = await self._workbench.registry(registry_id)
        except LookupError as error:
            raise not_found(_NO_REGISTRY) from error
        lines = await self._workbench.lines(registry_id, after, limit + 1)
        books = await self._books([summary.imported_by, summary.closed_by])
        return json_answer(
            RegistryDetail(
                registry=registry_shown(summary, books),
                lines=[replace(each, fault=told(request, each.fault)) for each in lines[:limit]],
                next=lines[limit - 1].line_id if len(lines) > limit else None,
            )
        )

    async def _close(self, request: web.Request) -> web.StreamResponse:
        staff = await self._sessions.require(request, Right.CONFIRM)
        registry_id = whole_number(request.match_info["registry_id"], "registry_id")
        try:
            await self._workbench.close_registry(registry_id, staff.login)
        except SecondPersonNeeded as error:
            raise not_permitted(error.texts) from error
        except NotAllowed as error:
            raise Problem(422, "NOT_ALLOWED", error.texts) from error
        except LookupError as error:
            raise not_found(_NO_REGISTRY) from error
        summary = await self._workbench.registry(registry_id)
        books = await self._books([summary.imported_by, summary.closed_by])
        return json_answer(registry_shown(summary, books))

    async def _similar(self, request: web.Request) -> web.StreamResponse:
        await self._sessions.require(request, Right.READ)
        views = await self._workbench.similar_accounts(request.query.get("like", ""), _SIMILAR)
        return json_answer(AccountList([account_shown(view) for view in views]))

    async def _account(self, request: web.Request) -> web.StreamResponse:
        await self._sessions.require(request, Right.READ)
        view = await self._workbench.account(request.match_info["number"])
        if view is None:
            raise not_found(_NO_ACCOUNT)
        return json_answer(account_shown(view))

    async def _books(self, logins: Collection[str]) -> Books:
        return await books_of(self._workbench, logins, self._settings.zone)


async def books_of(workbench: Workbench, logins: Collection[str], zone: str) -> Books:
    """Names for these people and for all agents."""
    wanted = {login for login in logins if login and login != _SYSTEM}
    return Books(await workbench.agents(), await workbench.names(wanted), zone)


def told(request: web.Request, sentence: str) -> str:
    """What a reader said about a file, in the language of the request."""
    return english(sentence) if in_english(request) else sentence


def registry_shown(summary: RegistrySummary, books: Books) -> RegistryShown:
    """With names instead of codes, and the time on the office's clock."""
    assert summary.registry_id is not None
    return RegistryShown(
        registry_id=summary.registry_id,
        agent=summary.agent,
        agent_title=books.title(summary.agent),
        file_name=summary.file_name,
        format=summary.format,
        encoding=summary.encoding,
        lenient=summary.lenient,
        number=summary.number,
        day=summary.day,
        lines=summary.lines,
        bad_lines=summary.bad_lines,
        declared_total_kopecks=summary.declared_total_kopecks,
        computed_total_kopecks=summary.computed_total_kopecks,
        matched=summary.matched,
        mismatches=summary.mismatches,
        open=summary.open,
        resolved=summary.resolved,
        closed=summary.closed,
        state=summary.state,
        buckets=summary.buckets,
        imported_at=books.here(summary.imported_at),
        imported_by=books.person(summary.imported_by),
        corrects=summary.corrects,
        corrected_by=summary.corrected_by,
        already_imported=summary.already_imported,
        payer_fee_kopecks=summary.payer_fee_kopecks,
        withheld_kopecks=summary.withheld_kopecks,
        closed_at=books.here(summary.closed_at) if summary.closed_at else None,
        closed_by=books.somebody(summary.closed_by),
    )


def account_shown(view: AccountView) -> AccountDetail:
    """An account with its debt by service."""
    return AccountDetail(
        account=view.account,
        state=view.state.value,
        holder=view.holder,
        address=view.address,
        debt_kopecks=view.debt.kopecks,
        services=[
            ServiceDetail(debt.service, debt.name, debt.debt.kopecks) for debt in view.services
        ],
    )


def page_size(request: web.Request) -> int:
    """How many rows are wanted at once. Raises Problem (400)."""
    limit = whole_number(request.query.get("limit", str(_PAGE)), "limit")
    if not 1 <= limit <= _PAGE_MAX:
        raise malformed(f"limit must be 1..{_PAGE_MAX}")
    return limit


LIMIT = Parameter("limit", f"rows of a page, at most {_PAGE_MAX}", "integer")
ENDPOINTS = (
    Endpoint("GET", f"{PREFIX}/choices", "What can be chosen", Choices, right=Right.READ),
    Endpoint(
        "GET",
        f"{PREFIX}/registries",
        "Registries, the newest first",
        RegistryList,
        right=Right.READ,
        parameters=(
            Parameter("agent", "only this agent's"),
            Parameter("before", "`next` of the page before", "integer"),
            LIMIT,
        ),
    ),
    Endpoint(
        "POST",
        f"{PREFIX}/registries",
        "Bring in a registry; the same file again gives what it gave (200)",
        RegistryShown,
        right=Right.IMPORT,
        parameters=(
            Parameter("agent", "whose file it is"),
            Parameter("format", "when it cannot be told from the file"),
            Parameter("lenient", "1: import a file whose control sums differ"),
        ),
        takes_file=True,
        status=201,
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/registries/{{registry_id}}",
        "A registry with a page of its lines",
        RegistryDetail,
        right=Right.READ,
        parameters=(Parameter("after", "`next` of the page before", "integer"), LIMIT),
    ),
    Endpoint(
        "POST",
        f"{PREFIX}/registries/{{registry_id}}/close",
        "Close it, as a second person, when every case is decided: it is final then",
        RegistryShown,
        right=Right.CONFIRM,
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/accounts",
        "Accounts whose number is one slip away",
        AccountList,
        right=Right.READ,
        parameters=(Parameter("like", "the number as it was written"),),
    ),
    Endpoint("GET", f"{PREFIX}/accounts/{{number}}", "An account", AccountDetail, right=Right.READ),
)
