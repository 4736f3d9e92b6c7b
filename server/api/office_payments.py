"""The workbench's API: one payment, and what became of its money."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from server.api.endpoints import Endpoint, Parameter, route, whole_number
from server.api.office import (
    LIMIT,
    PREFIX,
    Books,
    OfficeSettings,
    account_shown,
    books_of,
    page_size,
)
from server.api.payment_shapes import (
    HappeningShown,
    PaymentDetail,
    PaymentList,
    PaymentListed,
)
from server.api.problems import json_answer, not_found
from server.api.sessions import Sessions
from server.payments.calendar import Calendar
from server.reconciliation.dossier import Dossier, Dossiers, Happening
from server.reconciliation.overview import Overview
from server.reconciliation.workbench import PaymentRow, Workbench
from server.staff import Right

_NO_PAYMENT = ("Такого платежа нет.", "There is no such payment.")


class PaymentDoor:
    """The handlers of payments."""

    def __init__(
        self,
        dossiers: Dossiers,
        overview: Overview,
        workbench: Workbench,
        sessions: Sessions,
        settings: OfficeSettings,
    ) -> None:
        self._dossiers = dossiers
        self._overview = overview
        self._workbench = workbench
        self._sessions = sessions
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        """The endpoints of this module."""
        handlers = (self._list, self._show)
        return [route(each, handler) for each, handler in zip(ENDPOINTS, handlers, strict=True)]

    async def _list(self, request: web.Request) -> web.StreamResponse:
        await self._sessions.require(request, Right.READ)
        text, limit = request.query.get("text", "").strip()[:100], page_size(request)
        before = request.query.get("before", "")
        found = await self._dossiers.find(
            text, whole_number(before, "before") if before else None, limit + 1
        )
        books = await books_of(self._workbench, (), self._settings.zone)
        page = found[:limit]
        return json_answer(
            PaymentList(
                payments=[
                    PaymentListed(_local(each, books), books.title(each.agent)) for each in page
                ],
                next=page[-1].payment_id if len(found) > limit else None,
            )
        )

    async def _show(self, request: web.Request) -> web.StreamResponse:
        await self._sessions.require(request, Right.READ)
        number = whole_number(request.match_info["payment_id"], "payment_id")
        dossier = await self._dossiers.dossier(number)
        if dossier is None:
            raise not_found(_NO_PAYMENT)
        actors = {each.actor for each in dossier.happenings}
        books = await books_of(self._workbench, actors, self._settings.zone)
        calendar = Calendar(await self._overview.calendar())
        account = await self._workbench.account(dossier.payment.account)
        payment = dossier.payment
        return json_answer(
            PaymentDetail(
                payment=_local(payment, books),
                agent_title=books.title(payment.agent),
                account=account_shown(account) if account else None,
                terminal=dossier.terminal,
                settlement_day=calendar.settlement_day(
                    payment.business_day, dossier.settlement_days
                ),
                credited_kopecks=dossier.credited_kopecks,
                waiting_kopecks=dossier.waiting_kopecks,
                happenings=[_happening(dossier, each, books) for each in dossier.happenings],
                settled=[
                    replace(each, allocated_at=books.here(each.allocated_at))
                    for each in dossier.settled
                ],
                left=list(dossier.left),
                amounts=[
                    replace(each, recorded_at=books.here(each.recorded_at))
                    for each in dossier.amounts
                ],
            )
        )


def _local(payment: PaymentRow, books: Books) -> PaymentRow:
    return replace(
        payment,
        paid_at=books.at(payment.agent, payment.paid_at),
        recorded_at=books.here(payment.recorded_at),
    )


def _happening(dossier: Dossier, each: Happening, books: Books) -> HappeningShown:
    """The agent itself is nobody of the office."""
    by = books.somebody(each.actor) if each.actor != dossier.payment.agent else None
    return HappeningShown(
        each.kind, each.kopecks, books.here(each.happened_at), each.business_day, by, each.reason
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{PREFIX}/payments",
        "Payments, the newest first",
        PaymentList,
        right=Right.READ,
        parameters=(
            Parameter("text", "an account, the agent's number or ours, whole"),
            Parameter("before", "`next` of the page before", "integer"),
            LIMIT,
        ),
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/payments/{{payment_id}}",
        "A payment, and what became of its money",
        PaymentDetail,
        right=Right.READ,
    ),
)
