"""The document says what the routes do: same paths, same methods, shapes that are there."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from server.api.openapi import openapi
from tests.api.premises import Office, opened

DOCUMENT = openapi("1.2.3")


@pytest.fixture
async def office(database_dsn: str) -> AsyncIterator[Office]:
    async with opened(database_dsn) as office:
        yield office


def test_every_reference_leads_to_a_shape() -> None:
    names = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(DOCUMENT)))
    assert names == set(DOCUMENT["components"]["schemas"])
    assert all("." not in name for name in names)


def test_every_place_in_a_path_is_a_described_parameter() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            places = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert places == set(re.findall(r"\{(\w+)\}", path))


def test_everything_of_the_office_needs_a_log_in() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            assert ("security" in operation) == path.startswith("/api/v1/office/")


async def test_the_document_and_its_page_are_served(office: Office) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{office.url}/openapi.json") as response:
            served: dict[str, Any] = await response.json()
        assert served["paths"] == json.loads(json.dumps(DOCUMENT["paths"]))
        async with session.get(f"{office.url}/docs") as response:
            assert response.status == 200
            assert "/office/docs/docs.js" in await response.text()


async def test_every_described_path_of_the_office_answers_strangers_with_401(
    office: Office,
) -> None:
    described = [
        (method, office.url + re.sub(r"\{\w+\}", "1", path))
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if path.startswith("/api/v1/office/")
    ]
    assert len(described) > 10
    async with aiohttp.ClientSession(headers={"X-Requested-With": "kvitok"}) as session:
        for method, address in described:
            async with session.request(method, address, json={}) as response:
                assert response.status == 401, (method, address)
