"""Somebody of the office who speaks JSON: logged in, with a cookie of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

WRITE = {"X-Requested-With": "kvitok"}
_OFFICE = "/api/v1/office"


@dataclass(frozen=True, slots=True)
class Caller:
    """Answers are (status, decoded body)."""

    session: aiohttp.ClientSession
    url: str

    async def get(self, path: str, **query: str | int) -> tuple[int, Any]:
        address = f"{self.url}{_OFFICE}{path}"
        async with self.session.get(address, params=query) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: object) -> tuple[int, Any]:
        address = f"{self.url}{_OFFICE}{path}"
        async with self.session.post(address, json=body, headers=WRITE) as response:
            return response.status, await response.json()

    async def upload(
        self, content: bytes, name: str, *, agent: str = "osmp", lenient: bool = False, **query: str
    ) -> tuple[int, Any]:
        asked = {"agent": agent, **({"lenient": "1"} if lenient else {}), **query}
        async with self.session.post(
            f"{self.url}{_OFFICE}/registries",
            params=asked,
            data=content,
            headers={**WRITE, "X-File-Name": quote(name)},
        ) as response:
            return response.status, await response.json()

    async def case(self, kind: str) -> dict[str, Any]:
        """The first case of a kind, with its story."""
        _, page = await self.get("/mismatches", kind=kind)
        _, story = await self.get(f"/mismatches/{page['mismatches'][0]['mismatch_id']}")
        found: dict[str, Any] = story
        return found

    async def resolve(
        self, story: dict[str, Any], action: str, reason: str = "проверено", **more: object
    ) -> tuple[int, Any]:
        body = {"action": action, "reason": reason, "version": story["version"], **more}
        return await self.post(f"/mismatches/{story['mismatch_id']}/resolve", body)


@asynccontextmanager
async def calling(url: str, login: str = "accountant") -> AsyncIterator[Caller]:
    """Logged in as one of the demo's people; with an empty login, a stranger."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        if login:
            asked = {"login": login, "password": "demo"}
            async with session.post(
                f"{url}/api/v1/sessions", json=asked, headers=WRITE
            ) as response:
                assert response.status == 201
        yield Caller(session, url)
