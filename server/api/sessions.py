"""Log-in to the office: a session is a random token in a cookie that no script can read.

The cookie is HttpOnly and SameSite=Strict, the store knows only the token's SHA-256. Every write
must carry a header that a form on a foreign page cannot send. A stranger's login costs the same
argon2 work as a known one, and after a few failures the door stays shut for a while.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import secrets
from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol

import structlog
from aiohttp import web

from server.api.endpoints import Endpoint, body_of, route
from server.api.passwords import Passwords
from server.api.problems import Problem, json_answer, not_permitted, refused
from server.api.session_shapes import DemoLogIn, LogIn, SessionShown, StaffShown
from server.refusals import Refusal
from server.staff import Credentials, Right, Staff

COOKIE = "kvitok_session"
CSRF_HEADER = "X-Requested-With"
CSRF_VALUE = "kvitok"
DEMO_PASSWORD = "demo"
_TOKEN_BYTES = 32
_IDLE = dt.timedelta(hours=8)
_LIFETIME = dt.timedelta(hours=24)
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
_ONLY_HERE = (
    "Демонстрационные сотрудники входят только с того же компьютера.",
    "The demo's people may log in only from the machine it runs on.",
)
_NO_HEADER = (
    f"Нет заголовка {CSRF_HEADER}: {CSRF_VALUE}.",
    f"The header {CSRF_HEADER}: {CSRF_VALUE} is missing.",
)
_NO_RIGHT = (
    "Для вашей роли это действие закрыто.",
    "Your role does not allow this.",
)
_log = structlog.get_logger("sessions")


class StaffStore(Protocol):
    """The store of people and sessions. Every method may raise OutcomeUnknown."""

    async def credentials(self, login: str) -> Credentials | None:
        """A person who may log in."""
        ...

    async def admit(self, login: str, peer: str, now: dt.datetime) -> dt.timedelta:
        """Note an attempt; how long to wait instead when there were too many, else nothing."""
        ...

    async def open_session(
        self, login: str, peer: str, token_sha256: bytes, now: dt.datetime, expires_at: dt.datetime
    ) -> None:
        """Begin a session; the attempts that led to it no longer count."""
        ...

    async def session(
        self, token_sha256: bytes, now: dt.datetime, idle: dt.timedelta, lifetime: dt.timedelta
    ) -> Staff | None:
        """Whose session it is; being asked for keeps it alive, up to its lifetime."""
        ...

    async def close_session(self, token_sha256: bytes) -> None:
        """End a session, if there is one."""
        ...

    async def demo_staff(self) -> tuple[Staff, ...]:
        """The people of the demo town who may log in."""
        ...


class Sessions:
    """Who is asking, and may they. `demo` says whether the demo's people may log in at all."""

    def __init__(
        self,
        store: StaffStore,
        passwords: Passwords,
        clock: Callable[[], dt.datetime],
        *,
        demo: bool,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._clock = clock
        self._demo = demo

    def routes(self) -> list[web.RouteDef]:
        """The endpoints of this module."""
        handlers = (self._log_in, self._show, self._log_out)
        return [route(each, handler) for each, handler in zip(ENDPOINTS, handlers, strict=True)]

    async def require(self, request: web.Request, right: Right) -> Staff:
        """Who is asking. Raises Problem: 401 for strangers, 403 without the right."""
        if request.method not in ("GET", "HEAD"):
            _require_own_page(request)
        staff = await self._current(request)
        if staff is None:
            raise refused(401, Refusal.NOT_AUTHENTIC)
        if not staff.may(right):
            raise not_permitted(_NO_RIGHT)
        return staff

    async def _current(self, request: web.Request) -> Staff | None:
        token = request.cookies.get(COOKIE, "")
        if not token:
            return None
        staff = await self._store.session(_sha256(token), self._clock(), _IDLE, _LIFETIME)
        return staff if staff and self._may_enter(staff, request) else None

    def _may_enter(self, staff: Staff, request: web.Request) -> bool:
        return not staff.demo or (self._demo and _is_this_machine(request))

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        _require_own_page(request)
        asked: LogIn = await body_of(request, LogIn)
        login, peer, now = asked.login.strip().lower(), request.remote or "", self._clock()
        wait = await self._store.admit(login, peer, now)
        if wait:
            _log.warning("too many log-ins", peer=peer)
            raise _too_many(wait)
        found = await self._store.credentials(login)
        if not await self._passwords.fit(asked.password, found.password_hash if found else None):
            _log.warning("log-in refused", peer=peer)
            raise refused(401, Refusal.NOT_AUTHENTIC)
        assert found is not None
        if not self._may_enter(found.staff, request):
            raise not_permitted(_ONLY_HERE)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        await self._store.open_session(login, peer, _sha256(token), now, now + _IDLE)
        _log.info("logged in", login=login)
        response = json_answer(await self._shown(request, found.staff), 201)
        _set_cookie(request, response, token)
        return response

    async def _show(self, request: web.Request) -> web.StreamResponse:
        return json_answer(await self._shown(request, await self._current(request)))

    async def _log_out(self, request: web.Request) -> web.StreamResponse:
        _require_own_page(request)
        token = request.cookies.get(COOKIE, "")
        if token:
            await self._store.close_session(_sha256(token))
        response = json_answer(await self._shown(request, None))
        response.del_cookie(COOKIE, path="/api/v1")
        return response

    async def _shown(self, request: web.Request, staff: Staff | None) -> SessionShown:
        people: tuple[Staff, ...] = ()
        if staff is None and self._demo and _is_this_machine(request):
            people = await self._store.demo_staff()
        return SessionShown(
            staff=_staff_shown(staff) if staff else None,
            demo=self._demo,
            demo_staff=[
                DemoLogIn(each.login, DEMO_PASSWORD, each.name, each.role.value) for each in people
            ],
        )


def _staff_shown(staff: Staff) -> StaffShown:
    rights = sorted(right.value for right in staff.rights)
    return StaffShown(staff.login, staff.name, staff.role.value, rights)


def _require_own_page(request: web.Request) -> None:
    if request.headers.get(CSRF_HEADER) != CSRF_VALUE:
        raise not_permitted(_NO_HEADER)


def _is_this_machine(request: web.Request) -> bool:
    """A request that came through a proxy may have begun anywhere."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ip_address(request.remote or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _too_many(wait: dt.timedelta) -> Problem:
    seconds = max(1, math.ceil(wait.total_seconds()))
    minutes = math.ceil(seconds / 60)
    return Problem(
        429,
        "TOO_MANY_ATTEMPTS",
        (
            f"Слишком много попыток входа. Подождите {minutes}\u00a0мин и попробуйте снова.",
            f"Too many attempts to log in. Wait {minutes}\u00a0min and try again.",
        ),
        final=False,
        wait_seconds=seconds,
    )


def _set_cookie(request: web.Request, response: web.Response, token: str) -> None:
    behind_tls = request.secure or request.headers.get("X-Forwarded-Proto") == "https"
    response.set_cookie(
        COOKIE, token, path="/api/v1", httponly=True, samesite="Strict", secure=behind_tls
    )


def _sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


ENDPOINTS = (
    Endpoint("POST", "/api/v1/sessions", "Log in", SessionShown, body=LogIn, status=201),
    Endpoint("GET", "/api/v1/session", "Who is logged in, if anybody", SessionShown),
    Endpoint("DELETE", "/api/v1/session", "Log out", SessionShown),
)
