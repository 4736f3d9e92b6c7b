"""Bodies that come a byte at a time are not waited for; files on slow lines are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from server.api.bodies import WITHIN_SECONDS
from server.api.kiosk import kiosk_routes
from tests.api.caller import WRITE, calling
from tests.api.premises import NAME, Office, line, opened, registry
from tests.api.test_kiosk import AGENT, FakeDesk

_HEAD = "POST {path} HTTP/1.1\r\nHost: a\r\nX-Requested-With: kvitok\r\nContent-Length: 60000\r\n"
_FORM = "Content-Type: multipart/form-data; boundary=B\r\n"
_FORM_BEGINS = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'


@asynccontextmanager
async def _kiosk(desk: FakeDesk) -> AsyncIterator[str]:
    application = web.Application()
    application[WITHIN_SECONDS] = 0.3
    application.add_routes(kiosk_routes(desk, lambda: AGENT))
    server = TestServer(application)
    await server.start_server(lingering_time=0.1)
    yield str(server.make_url("")).rstrip("/")
    await server.close()


async def _dripped(url: str, path: str, headers: str = "", begins: bytes = b"") -> bytes:
    """What is said to somebody who sends a body a byte at a time for as long as they are let."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{_HEAD.format(path=path)}{headers}\r\n".encode() + begins)

    async def drip() -> None:
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"7")
                await writer.drain()
                await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    try:
        async with asyncio.timeout(60):
            said = await reader.read(1 << 16)
            dripping.cancel()  # what comes after the server has hung up would reset the line
            with suppress(ConnectionError):
                said += await reader.read()
            return said
    finally:
        dripping.cancel()
        writer.close()


def _is_told_off(said: bytes) -> bool:
    head, _, body = said.partition(b"\r\n\r\n")
    return (
        head.startswith(b"HTTP/1.1 408 ")
        and b"\r\nConnection: close" in head
        and b'"TRY_LATER"' in body
        and b'"final":false' in body
    )


async def test_the_kiosk_does_not_wait_for_a_payment_that_drips_in() -> None:
    desk = FakeDesk()
    async with _kiosk(desk) as url:
        assert _is_told_off(await _dripped(url, "/api/v1/kiosk/payments"))
    assert desk.asked == []


@pytest.fixture
async def hasty(database_dsn: str) -> AsyncIterator[Office]:
    async with opened(database_dsn, within_seconds=1) as office:
        yield office


async def test_a_log_in_that_drips_in_is_not_waited_for(hasty: Office) -> None:
    assert _is_told_off(await _dripped(hasty.url, "/api/v1/sessions"))


@pytest.mark.parametrize(
    ("headers", "begins"),
    [("", b""), (_FORM, b""), (_FORM, _FORM_BEGINS)],
    ids=["raw", "form", "part"],
)
async def test_a_registry_that_drips_in_is_not_waited_for(
    hasty: Office, headers: str, begins: bytes
) -> None:
    async with calling(hasty.url) as accountant:
        path = "/api/v1/office/registries?agent=osmp"
        cookies = accountant.session.cookie_jar.filter_cookies(URL(hasty.url + path))
        cookie = "; ".join(f"{each.key}={each.value}" for each in cookies.values())
        said = await _dripped(hasty.url, path, f"Cookie: {cookie}\r\n{headers}", begins)
        assert _is_told_off(said)
        _, page = await accountant.get("/registries")
        assert page["count"] == 0


async def test_a_registry_on_a_slow_line_comes_in(database_dsn: str) -> None:
    """It takes longer than a request may, but there is progress."""
    rows = [line(f"9100000{number:04}", "1000004", "1.00") for number in range(400)]
    content = registry(rows, "400.00")

    async def slowly() -> AsyncIterator[bytes]:
        yield content[:12_000]
        await asyncio.sleep(1.5)
        yield content[12_000:]

    async with (
        opened(database_dsn, within_seconds=1) as office,
        calling(office.url) as caller,
        caller.session.post(
            f"{office.url}/api/v1/office/registries",
            params={"agent": "osmp"},
            data=slowly(),
            headers={**WRITE, "X-File-Name": NAME},
        ) as response,
    ):
        assert response.status == 201
