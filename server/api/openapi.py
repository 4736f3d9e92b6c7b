"""/openapi.json and /docs: the API described by the very types that read and write it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from server.api import (
    kiosk,
    kiosk_shapes,
    office,
    office_agents,
    office_cases,
    office_payments,
    sessions,
)
from server.api.endpoints import Endpoint, Parameter
from server.api.problems import ErrorAnswer
from server.api.sessions import COOKIE, CSRF_HEADER, CSRF_VALUE

_REF = "#/components/schemas/{name}"
_PLACE = re.compile(r"\{(\w+)\}")
_KIOSK = (
    Endpoint(
        "GET",
        f"{kiosk.PREFIX}/accounts/{{number}}",
        "What an account owes; personal data masked",
        kiosk_shapes.AccountShown,
    ),
    Endpoint(
        "POST",
        f"{kiosk.PREFIX}/payments",
        "A payment whose money is in the kiosk; the same id again gives the same answer",
        kiosk_shapes.PaymentShown,
        body=kiosk_shapes.PaymentSent,
    ),
    Endpoint(
        "GET",
        f"{kiosk.PREFIX}/payments/{{agent_payment_id}}/qr.svg",
        "The receipt's QR code, as SVG",
        None,
    ),
)
GROUPS = (
    ("Log-in", sessions.ENDPOINTS),
    ("Registries", office.ENDPOINTS),
    ("Mismatches", office_cases.ENDPOINTS),
    ("Payments", office_payments.ENDPOINTS),
    ("Agents", office_agents.ENDPOINTS),
    ("Kiosk", _KIOSK),
)


def openapi_routes(version: str, page: Path) -> list[web.RouteDef]:
    """`page` is the HTML file that shows the document."""
    document = msgspec.json.encode(openapi(version))

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=document, content_type="application/json")

    async def docs(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(page)

    return [web.get("/openapi.json", answer), web.get("/docs", docs)]


def openapi(version: str) -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    endpoints = [each for _, group in GROUPS for each in group]
    shapes = [shape for each in endpoints for shape in (each.answer, each.body) if shape]
    known: list[type[msgspec.Struct]] = [*dict.fromkeys(shapes), ErrorAnswer]
    references, components = msgspec.json.schema_components(known, ref_template=_REF)
    content = _Content(dict(zip(known, references, strict=True)))
    paths: dict[str, dict[str, Any]] = {}
    for tag, group in GROUPS:
        for endpoint in group:
            paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(
                tag, endpoint, content
            )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kvitok",
            "version": version,
            "description": "Sums are whole kopecks. Every error has one shape; `final` false means"
            f" that the same request may succeed later. Writes need {CSRF_HEADER}: {CSRF_VALUE}.",
        },
        "tags": [{"name": tag} for tag, _ in GROUPS],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": COOKIE}},
        },
    }


class _Content:
    """Where each shape stands in the document."""

    def __init__(self, references: dict[type[msgspec.Struct], dict[str, Any]]) -> None:
        self._references = references

    def of(self, shape: type[msgspec.Struct] | None) -> dict[str, Any]:
        """A JSON body of this shape; nothing where the body is not JSON."""
        if shape is None:
            return {}
        return {"content": {"application/json": {"schema": self._references[shape]}}}


def _operation(tag: str, endpoint: Endpoint, content: _Content) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [tag],
        "summary": endpoint.summary,
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint.parameters)],
        "responses": {
            str(endpoint.status): {"description": "Done", **content.of(endpoint.answer)},
            "default": {"description": "Refused", **content.of(ErrorAnswer)},
        },
    }
    if endpoint.right is not None:
        operation["security"] = [{"session": []}]
        operation["x-right"] = endpoint.right.value
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, **content.of(endpoint.body)}
    if endpoint.takes_file:
        operation["requestBody"] = _FILE
    return operation


def _path_parameters(endpoint: Endpoint) -> Iterable[dict[str, Any]]:
    for name in _PLACE.findall(endpoint.path):
        kind = "integer" if name.endswith("_id") and "payment" not in name else "string"
        yield {"name": name, "in": "path", "required": True, "schema": {"type": kind}}


def _query_parameters(parameters: Iterable[Parameter]) -> Iterable[dict[str, Any]]:
    for parameter in parameters:
        schema: dict[str, Any] = {"type": parameter.type}
        if parameter.choices:
            schema["enum"] = list(parameter.choices)
        yield {
            "name": parameter.name,
            "in": "query",
            "description": parameter.meaning,
            "schema": schema,
        }


_FILE: dict[str, Any] = {
    "required": True,
    "description": "The file itself, with its name in X-File-Name (percent-encoded), or a form"
    " with a part called file.",
    "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
                "required": ["file"],
            }
        },
    },
}
