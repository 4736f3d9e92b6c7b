"""What can go wrong in the office's API: one exception, one JSON shape, both languages."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from server.api.sentences import prefers_english, sentence
from server.refusals import Refusal

NO_STORE = {"Cache-Control": "no-store"}


class ErrorTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """A refusal: its name, a sentence for people; `final` false = the same request may succeed."""

    code: str
    message: str
    final: bool
    line: int | None = None
    """Line of the refused file, from 1."""
    column: int | None = None
    wait_seconds: int | None = None
    """How long not to try again."""
    refusal_id: int | None = None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The one shape of an error."""

    error: ErrorTold


class Problem(Exception):
    """An answer other than the wanted one. `texts` are (Russian, English)."""

    def __init__(
        self, status: int, code: str, texts: tuple[str, str], final: bool = True, **told: Any
    ) -> None:
        super().__init__(f"{code}: {texts[1]}")
        self.status = status
        self.code = code
        self.texts = texts
        self.final = final
        self.told = told

    def answer(self, request: web.Request) -> web.Response:
        """As JSON, in the language that the request prefers."""
        told = ErrorTold(self.code, self.texts[in_english(request)], self.final, **self.told)
        response = json_answer(ErrorAnswer(told), self.status)
        if self.status == 408:
            response.force_close()  # the rest of the body is not waited for
        if told.wait_seconds is not None:
            response.headers["Retry-After"] = str(told.wait_seconds)
        return response


def refused(status: int, refusal: Refusal) -> Problem:
    """A refusal that the protocols know too, with its sentence."""
    texts = (sentence(refusal, "ru"), sentence(refusal, "en"))
    return Problem(status, refusal.value, texts, refusal.final)


def not_found(what: tuple[str, str]) -> Problem:
    """404; `what` is the whole sentence."""
    return Problem(404, "NOT_FOUND", what)


def not_permitted(why: tuple[str, str]) -> Problem:
    """403: the role, the address or a missing header."""
    return Problem(403, Refusal.NOT_PERMITTED.value, why)


def malformed(detail: str) -> Problem:
    """400; the detail is for whoever writes the client."""
    return Problem(
        400,
        Refusal.MALFORMED.value,
        (f"Запрос не удалось прочитать: {detail}", f"The request could not be read: {detail}"),
    )


def unavailable() -> Problem:
    """503: nothing is decided, the same request may be repeated."""
    return refused(503, Refusal.TRY_LATER)


def in_english(request: web.Request) -> bool:
    """Whether the request prefers English to Russian."""
    return prefers_english(request.headers.get("Accept-Language", ""))


def json_answer(body: msgspec.Struct, status: int = 200) -> web.Response:
    """A JSON answer that nobody keeps."""
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        content_type="application/json",
        headers=NO_STORE,
    )
