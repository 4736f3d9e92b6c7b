"""An endpoint as a value: what routes are made of, and what /openapi.json tells about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from server.api.bodies import body_bytes
from server.api.problems import Problem, malformed, refused, unavailable
from server.payments.ports import OutcomeUnknown
from server.refusals import Refused
from server.staff import Right

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_BODY_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value in the query string."""

    name: str
    meaning: str
    type: str = "string"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path; `right` None = nobody has to log in."""

    method: str
    path: str
    summary: str
    answer: type[msgspec.Struct] | None
    body: type[msgspec.Struct] | None = None
    right: Right | None = None
    parameters: tuple[Parameter, ...] = ()
    takes_file: bool = False
    status: int = 200


def route(endpoint: Endpoint, handler: Handler) -> web.RouteDef:
    """The handler behind the endpoint; whatever it raises becomes the one error shape."""
    return web.route(endpoint.method, endpoint.path, answering(handler))


def answering(handler: Handler) -> Handler:
    """Turns problems, refusals and a lost store into answers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Problem as problem:
            return problem.answer(request)
        except Refused as error:
            return refused(422, error.refusal).answer(request)
        except OutcomeUnknown:
            return unavailable().answer(request)

    return answer


async def body_of(request: web.Request, kind: type[Any]) -> Any:
    """The JSON body as `kind`. Raises Problem (400, 408)."""
    if (request.content_length or 0) > _BODY_BYTES_MAX:
        raise malformed("the body is too large")
    try:
        return msgspec.json.decode(await body_bytes(request), type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise malformed(str(error)) from error


def whole_number(text: str, name: str) -> int:
    """A number in a path or query. Raises Problem (400)."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise malformed(f"{name} is not a number")
    return int(text)


def choice(request: web.Request, name: str, choices: Iterable[str]) -> str:
    """A query value that is empty or one of the choices. Raises Problem (400)."""
    value = request.query.get(name, "")
    if value and value not in choices:
        raise malformed(f"{name} is none of {', '.join(choices)}")
    return value
