"""JSON for the kiosk page: it talks to the desk as one agent, like every other terminal network.

Sums are whole kopecks, times are ISO 8601 in the agent's zone, readings are decimal text. Every
refusal has one shape; `final` false means "repeat the same request", and only that.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec
import segno
from aiohttp import web

from server.accounts import AccountView, Meter
from server.agents import Agent
from server.api.bodies import body_bytes
from server.api.kiosk_shapes import (
    AccountShown,
    LimitsShown,
    MeterShown,
    PaymentSent,
    PaymentShown,
    ReadingJudged,
    Receipt,
    ServiceShown,
)
from server.api.problems import NO_STORE, Problem, json_answer, refused
from server.messages import (
    AccountChecked,
    CheckAccount,
    Command,
    GetStatus,
    Outcome,
    Pay,
    Payment,
    PaymentAccepted,
    PaymentStatus,
    Reading,
    RefusedOutcome,
)
from server.money import Money
from server.refusals import Refusal, Refused

PREFIX = "/api/v1/kiosk"
_READING = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?")
_HTTP_STATUS = {
    Refusal.MALFORMED: 400,
    Refusal.NOT_AUTHENTIC: 401,
    Refusal.NOT_PERMITTED: 403,
    Refusal.ACCOUNT_NOT_FOUND: 404,
    Refusal.PAYMENT_NOT_FOUND: 404,
    Refusal.PAYMENT_CONFLICT: 409,
    Refusal.TRY_LATER: 503,
}
_HTTP_STATUS_OTHER = 422

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Desk(Protocol):
    """What this door needs of the payment desk."""

    async def handle(self, agent: Agent, command: Command) -> Outcome:
        """Raises Refused."""
        ...


class Guard(Protocol):
    """The door's rate limits, counted by agent and peer."""

    def admit(self, agent: Agent, peer: str) -> bool:
        """Whether one more request may come in now."""
        ...

    def unknown_account(self, agent: Agent, peer: str) -> None:
        """An account was asked for that does not exist: too many of those close the door."""
        ...


def kiosk_routes(
    desk: Desk, agent: Callable[[], Agent], guard: Guard | None = None
) -> list[web.RouteDef]:
    """The kiosk's routes. `agent` gives the current settings of the agent that pays."""
    door = _Door(desk, agent, guard)
    return [
        web.get(f"{PREFIX}/accounts/{{number}}", door.answering(door.account)),
        web.post(f"{PREFIX}/payments", door.answering(door.pay)),
        web.get(f"{PREFIX}/payments/{{agent_payment_id}}/qr.svg", door.answering(door.qr_picture)),
    ]


class _Door:
    """The handlers; each may raise Refused."""

    def __init__(self, desk: Desk, agent: Callable[[], Agent], guard: Guard | None) -> None:
        self._desk = desk
        self._agent = agent
        self._guard = guard

    def answering(self, handler: Handler) -> Handler:
        """Wrap a handler: admission before it, refusals turned into their one shape after it."""

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._admit(request)
                return await handler(request)
            except Problem as problem:
                return problem.answer(request)
            except Refused as error:
                self._count(request, error.refusal)
                status = _HTTP_STATUS.get(error.refusal, _HTTP_STATUS_OTHER)
                return refused(status, error.refusal).answer(request)

        return answer

    async def account(self, request: web.Request) -> web.Response:
        agent = self._agent()
        check = CheckAccount(request.match_info["number"], terminal=request.remote or "")
        outcome = await self._desk.handle(agent, check)
        assert isinstance(outcome, AccountChecked)
        return json_answer(_account_shown(outcome.view, agent))

    async def pay(self, request: web.Request) -> web.Response:
        agent = self._agent()
        outcome = await self._desk.handle(agent, _pay_command(await body_bytes(request)))
        if isinstance(outcome, RefusedOutcome):
            raise Refused(outcome.refusal, "payment", outcome.field)
        assert isinstance(outcome, PaymentAccepted)
        return json_answer(_payment_shown(outcome.payment, agent, outcome.repeated))

    async def qr_picture(self, request: web.Request) -> web.Response:
        agent = self._agent()
        payment_id = request.match_info["agent_payment_id"]
        outcome = await self._desk.handle(agent, GetStatus(agent_payment_id=payment_id))
        assert isinstance(outcome, PaymentStatus)
        picture = _qr_svg(_receipt(outcome.payment, agent).qr)
        return web.Response(body=picture, content_type="image/svg+xml", headers=NO_STORE)

    def _admit(self, request: web.Request) -> None:
        agent, peer = self._agent(), request.remote or ""
        if not _is_allowed(agent, peer):
            raise Refused(Refusal.NOT_PERMITTED, f"peer {peer}")
        if self._guard is not None and not self._guard.admit(agent, peer):
            raise Refused(Refusal.TRY_LATER, f"too many requests from {peer}")

    def _count(self, request: web.Request, refusal: Refusal) -> None:
        if self._guard is not None and refusal is Refusal.ACCOUNT_NOT_FOUND:
            self._guard.unknown_account(self._agent(), request.remote or "")


def _is_allowed(agent: Agent, peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in agent.allow_list)


def _pay_command(body: bytes) -> Pay:
    try:
        sent = msgspec.json.decode(body, type=PaymentSent)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Refused(Refusal.MALFORMED, str(error)) from error
    return Pay(
        agent_payment_id=sent.agent_payment_id,
        account=sent.account,
        amount=Money(sent.amount_kopecks),
        paid_at=sent.paid_at,
        readings=tuple(Reading(each.meter, _thousandths(each.reading)) for each in sent.readings),
    )


def _thousandths(text: str) -> int:
    match = _READING.fullmatch(text)
    if match is None:
        raise Refused(Refusal.MALFORMED, f"not a reading: {text!r}", "reading")
    return int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0"))


def _account_shown(view: AccountView, agent: Agent) -> AccountShown:
    limits = agent.limits
    return AccountShown(
        account=view.account,
        state=view.state.value,
        holder=view.holder,
        address=view.address,
        debt_kopecks=view.debt.kopecks,
        services=[
            ServiceShown(debt.service, debt.name, debt.debt.kopecks) for debt in view.services
        ],
        meters=[_meter_shown(meter) for meter in view.meters],
        limits=LimitsShown(limits.amount_min.kopecks, limits.amount_max.kopecks),
    )


def _meter_shown(meter: Meter) -> MeterShown:
    return MeterShown(
        meter=meter.meter,
        service=meter.service,
        service_name=meter.service_name,
        unit=meter.unit,
        last_reading=None if meter.last_reading is None else _reading_text(meter.last_reading),
        last_date=meter.last_date,
    )


def _reading_text(thousandths: int) -> str:
    whole, rest = divmod(thousandths, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


def _payment_shown(payment: Payment, agent: Agent, repeated: bool) -> PaymentShown:
    return PaymentShown(
        payment_id=payment.payment_id,
        agent_payment_id=payment.agent_payment_id,
        account=payment.account,
        amount_kopecks=payment.amount.kopecks,
        recorded_at=_local(payment.recorded_at, agent),
        repeated=repeated,
        state=payment.state.value,
        readings=[
            ReadingJudged(
                meter=each.meter,
                accepted=each.refusal is None,
                reason=None if each.refusal is None else each.refusal.value,
            )
            for each in payment.readings
        ],
        receipt=_receipt(payment, agent),
    )


def _receipt(payment: Payment, agent: Agent) -> Receipt:
    recorded_at = _local(payment.recorded_at, agent)
    return Receipt(
        payment_id=payment.payment_id,
        account=payment.account,
        amount_kopecks=payment.amount.kopecks,
        paid_at=_local(payment.paid_at, agent),
        recorded_at=recorded_at,
        agent=agent.title or agent.name,
        qr="\n".join(
            (
                f"Платёж № {payment.payment_id}",
                f"{recorded_at:%d.%m.%Y %H:%M}",
                f"Лицевой счёт {payment.account}",
                f"{payment.amount} руб.".replace(".", ",", 1),
                f"Код {payment.agent_payment_id}",
            )
        ),
    )


def _local(moment: dt.datetime, agent: Agent) -> dt.datetime:
    return moment.astimezone(ZoneInfo(agent.zone)).replace(microsecond=0)


def _qr_svg(text: str) -> bytes:
    picture = io.BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(picture, kind="svg", xmldecl=False, omitsize=True, border=2, light="#fff")
    return picture.getvalue()
