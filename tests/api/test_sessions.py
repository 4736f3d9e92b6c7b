"""Log-in: the right ones come in, strangers cost the same, guessing is slowed, writes are ours."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from server.api.passwords import Passwords, password_hash
from server.api.sessions import COOKIE, Sessions
from server.staff import Role, Staff
from server.storage.staff import StaffBook, add_staff

WRITE = {"X-Requested-With": "kvitok"}
ANNA = {"login": "anna", "password": "correct horse"}
Client = TestClient[web.Request, web.Application]


class Clock:
    """A clock that the test sets forward."""

    def __init__(self) -> None:
        self.now = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now

    def forward(self, **time: float) -> None:
        self.now += dt.timedelta(**time)


@asynccontextmanager
async def served(dsn: str, clock: Clock, *, demo: bool = False) -> AsyncIterator[Client]:
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=4)
    async with pool.acquire() as connection:
        accountant = Staff("anna", "Анна Сергеева", Role.ACCOUNTANT)
        await add_staff(connection, accountant, password_hash(ANNA["password"]))
        trial = Staff("accountant", "Вера Демина", Role.ACCOUNTANT, demo=True)
        await add_staff(connection, trial, password_hash("demo"))
    passwords = Passwords()
    application = web.Application()
    application.add_routes(Sessions(StaffBook(pool), passwords, clock, demo=demo).routes())
    async with TestClient(TestServer(application)) as client:
        yield client
    passwords.close()
    await pool.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(database_dsn: str, clock: Clock) -> AsyncIterator[Client]:
    async with served(database_dsn, clock) as client:
        yield client


async def log_in(client: Client, **changes: str) -> tuple[int, dict]:
    async with client.post("/api/v1/sessions", json=ANNA | changes, headers=WRITE) as response:
        return response.status, await response.json()


async def who(client: Client) -> dict | None:
    async with client.get("/api/v1/session") as response:
        assert response.status == 200
        return (await response.json())["staff"]


async def test_the_right_password_opens_a_session_that_says_who_one_is(client: Client) -> None:
    assert await who(client) is None
    status, body = await log_in(client)
    assert status == 201
    assert body["staff"] == {
        "login": "anna",
        "name": "Анна Сергеева",
        "role": "accountant",
        "rights": ["import", "read", "resolve"],
    }
    assert await who(client) == body["staff"]


async def test_the_cookie_is_out_of_reach_of_scripts_and_foreign_pages(client: Client) -> None:
    async with client.post("/api/v1/sessions", json=ANNA, headers=WRITE) as response:
        cookie = response.headers["Set-Cookie"]
    assert re.fullmatch(
        rf"{COOKIE}=[\w-]{{43}}; HttpOnly; Path=/api/v1; SameSite=Strict", cookie
    ), cookie


async def test_the_cookie_is_for_tls_only_behind_a_tls_proxy(client: Client) -> None:
    headers = WRITE | {"X-Forwarded-Proto": "https"}
    async with client.post("/api/v1/sessions", json=ANNA, headers=headers) as response:
        assert "; Secure" in response.headers["Set-Cookie"]


async def test_the_store_knows_only_the_hash_of_a_token(client: Client, database_dsn: str) -> None:
    await log_in(client)
    token = next(cookie.value for cookie in client.session.cookie_jar if cookie.key == COOKIE)
    connection = await asyncpg.connect(database_dsn)
    rows = await connection.fetch("select t::text as row from recon.staff_sessions t")
    await connection.close()
    assert len(rows) == 1
    assert token not in rows[0]["row"]


@pytest.mark.parametrize("changes", [{"password": "correct horsE"}, {"login": "nobody"}])
async def test_a_wrong_password_and_an_unknown_login_look_alike(
    client: Client, changes: dict[str, str]
) -> None:
    status, body = await log_in(client, **changes)
    assert status == 401
    assert body == {
        "error": {"code": "NOT_AUTHENTIC", "message": "Имя или пароль не подходят.", "final": True}
    }
    assert await who(client) is None


async def test_an_unknown_login_costs_the_same_work(client: Client) -> None:
    async def seconds(**changes: str) -> float:
        started = time.perf_counter()
        await log_in(client, **changes)
        return time.perf_counter() - started

    await seconds(login="warming")
    known = min([await seconds(password="wrong") for _ in range(3)])
    unknown = min([await seconds(login="stranger") for _ in range(3)])
    assert 0.4 < unknown / known < 2.5


async def test_somebody_who_was_disabled_is_out_at_once(client: Client, database_dsn: str) -> None:
    await log_in(client)
    connection = await asyncpg.connect(database_dsn)
    await connection.execute("update recon.staff set disabled = true where login = 'anna'")
    await connection.close()
    assert await who(client) is None
    assert (await log_in(client))[0] == 401


async def test_logging_out_ends_the_session_in_the_store(client: Client) -> None:
    await log_in(client)
    token = next(cookie.value for cookie in client.session.cookie_jar if cookie.key == COOKIE)
    async with client.delete("/api/v1/session", headers=WRITE) as response:
        assert response.status == 200
    async with client.get("/api/v1/session", cookies={COOKIE: token}) as response:
        assert (await response.json())["staff"] is None


async def test_eight_idle_hours_end_a_session_and_use_keeps_it_alive(
    client: Client, clock: Clock
) -> None:
    await log_in(client)
    clock.forward(hours=7, minutes=59)
    assert await who(client)
    clock.forward(hours=7, minutes=59)
    assert await who(client)
    clock.forward(hours=8, minutes=1)
    assert await who(client) is None


async def test_no_session_outlives_a_day_however_busy(client: Client, clock: Clock) -> None:
    await log_in(client)
    for _ in range(23):
        clock.forward(hours=1)
        assert await who(client)
    clock.forward(hours=1, seconds=1)
    assert await who(client) is None


@pytest.mark.parametrize("headers", [{}, {"X-Requested-With": "XMLHttpRequest"}])
async def test_a_write_without_our_header_is_refused(
    client: Client, headers: dict[str, str]
) -> None:
    for request in (client.post("/api/v1/sessions", json=ANNA, headers=headers),
                    client.delete("/api/v1/session", headers=headers)):  # fmt: skip
        async with request as response:
            assert response.status == 403
            assert (await response.json())["error"]["code"] == "NOT_PERMITTED"


async def test_after_five_failures_even_the_right_password_waits(
    client: Client, clock: Clock
) -> None:
    for _ in range(5):
        assert (await log_in(client, password="wrong"))[0] == 401
    async with client.post("/api/v1/sessions", json=ANNA, headers=WRITE) as response:
        body = await response.json()
        assert response.status == 429
        assert response.headers["Retry-After"] == "900"
    assert body["error"]["code"] == "TOO_MANY_ATTEMPTS"
    assert body["error"]["wait_seconds"] == 900
    assert body["error"]["final"] is False
    clock.forward(minutes=14)
    assert (await log_in(client))[0] == 429
    clock.forward(minutes=2)  # Knocking meanwhile has not prolonged it.
    assert (await log_in(client))[0] == 201


async def test_parallel_guesses_share_one_limit(client: Client) -> None:
    import asyncio

    answers = await asyncio.gather(*[log_in(client, password=f"guess{n}") for n in range(12)])
    assert sorted(status for status, _ in answers) == [401] * 5 + [429] * 7


async def test_success_forgives_earlier_failures(client: Client) -> None:
    for _ in range(4):
        await log_in(client, password="wrong")
    assert (await log_in(client))[0] == 201
    for _ in range(4):
        assert (await log_in(client, password="wrong"))[0] == 401
    assert (await log_in(client))[0] == 201


@pytest.mark.parametrize("body", [b"", b"[]", b'{"login": "anna"}', b'{"login": 1, "password": 2}'])
async def test_junk_is_malformed(client: Client, body: bytes) -> None:
    async with client.post("/api/v1/sessions", data=body, headers=WRITE) as response:
        assert response.status == 400
        assert (await response.json())["error"]["code"] == "MALFORMED"


async def test_english_is_spoken_to_who_prefers_it(client: Client) -> None:
    headers = WRITE | {"Accept-Language": "en-GB,en;q=0.9"}
    asked = ANNA | {"password": "wrong"}
    async with client.post("/api/v1/sessions", json=asked, headers=headers) as response:
        message = (await response.json())["error"]["message"]
    assert message == "The name or the password does not fit."


async def test_the_demo_tells_its_people_and_lets_them_in(database_dsn: str, clock: Clock) -> None:
    async with served(database_dsn, clock, demo=True) as client:
        async with client.get("/api/v1/session") as response:
            shown = await response.json()
        assert shown["demo"] is True
        assert shown["demo_staff"] == [
            {
                "login": "accountant",
                "password": "demo",
                "name": "Вера Демина",
                "role": "accountant",
            }
        ]
        assert (await log_in(client, login="accountant", password="demo"))[0] == 201


async def test_the_demo_s_people_stay_out_of_a_real_installation(client: Client) -> None:
    async with client.get("/api/v1/session") as response:
        assert await response.json() == {"staff": None, "demo": False, "demo_staff": []}
    assert (await log_in(client, login="accountant", password="demo"))[0] == 403


async def test_the_demo_s_people_come_only_from_this_machine(
    database_dsn: str, clock: Clock
) -> None:
    through_a_proxy = {"X-Forwarded-For": "198.51.100.7"}
    async with served(database_dsn, clock, demo=True) as client:
        async with client.get("/api/v1/session", headers=through_a_proxy) as response:
            assert (await response.json())["demo_staff"] == []
        async with client.post(
            "/api/v1/sessions",
            json={"login": "accountant", "password": "demo"},
            headers=WRITE | through_a_proxy,
        ) as response:
            assert response.status == 403


async def test_guesses_from_many_addresses_and_for_many_logins_are_slowed_too(
    database_dsn: str, clock: Clock
) -> None:
    async with asyncpg.create_pool(database_dsn, min_size=1, max_size=2) as pool:
        book = StaffBook(pool)
        for place in range(20):
            assert not await book.admit("anna", f"198.51.100.{place}", clock.now)
        assert await book.admit("anna", "203.0.113.9", clock.now) == dt.timedelta(minutes=15)
        assert not await book.admit("boris", "198.51.100.1", clock.now)
        for person in range(100):
            assert not await book.admit(f"person{person}", "203.0.113.66", clock.now)
        assert await book.admit("vera", "203.0.113.66", clock.now) == dt.timedelta(minutes=15)
        assert not await book.admit("vera", "203.0.113.67", clock.now)
