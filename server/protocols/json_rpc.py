"""JSON-RPC 2.0 over HTTP: calls read strictly, results and errors written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from server.protocols import Request, Response, json_text
from server.refusals import Refusal, Refused

BODY_BYTES_MAX = 65_536

# What a refusal of a call as such is about: its `field`.
NOT_POST = "http"
NOT_JSON = "json"
NOT_A_CALL = "rpc"

_ID_LENGTH_MAX = 64
_ID_NUMBER_MAX = 2**63

_T = TypeVar("_T")
Id = int | str | None


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose parameters are not read yet."""

    method: str
    id: Id
    params: bytes
    is_plain: bool = True
    """Whether no object in it has a name twice."""


class _Envelope(msgspec.Struct):
    method: str
    params: msgspec.Raw = msgspec.Raw(b"{}")
    id: Id = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)


def read(request: Request) -> Call:
    """The call in a request. Raises Refused(MALFORMED), its field one of the three above."""
    if request.method != "POST":
        raise Refused(Refusal.MALFORMED, f"the method {request.method[:20]!r}", NOT_POST)
    if len(request.body) > BODY_BYTES_MAX:
        raise Refused(Refusal.MALFORMED, f"{len(request.body)} bytes", NOT_JSON)
    try:
        found = _ENVELOPE.decode(request.body)
    except msgspec.ValidationError as error:
        raise Refused(Refusal.MALFORMED, str(error), NOT_A_CALL) from None
    except (ValueError, RecursionError) as error:
        raise Refused(Refusal.MALFORMED, str(error)[:100], NOT_JSON) from None
    is_plain = _is_plain(request.body)
    return Call(found.method, _echoed(found.id), bytes(found.params), is_plain)


def require_plain(call: Call) -> None:
    """Raises Refused(MALFORMED) where a name is given twice."""
    if not call.is_plain:
        raise Refused(Refusal.MALFORMED, "a name is given twice", NOT_A_CALL)


def params(call: Call, decoder: msgspec.json.Decoder[_T]) -> _T:
    """The parameters as the method wants them. Raises Refused(MALFORMED)."""
    require_plain(call)
    try:
        return decoder.decode(call.params)
    except (ValueError, RecursionError) as error:
        raise Refused(Refusal.MALFORMED, str(error)[:100], NOT_A_CALL) from None


def _is_plain(body: bytes) -> bool:
    """A name that stands twice may mean one sum to its sender and another to us."""
    try:
        json.loads(body.decode("latin-1"), object_pairs_hook=_require_single)
    except (ValueError, RecursionError):
        return False
    return True


def _require_single(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name is given twice")


def _echoed(id: Id) -> Id:
    """An id is repeated in the reply, unless it is too long to be one."""
    if isinstance(id, str):
        return id if len(id) <= _ID_LENGTH_MAX else None
    return id if id is None or abs(id) < _ID_NUMBER_MAX else None


def result(id: Id, said: object) -> Response:
    """A success."""
    return _reply({"jsonrpc": "2.0", "id": id, "result": said})


def error(id: Id, code: int, message: object, data: object = None) -> Response:
    """A refusal; `data` only where there is some."""
    said: dict[str, object] = {"code": code, "message": message}
    if data is not None:
        said["data"] = data
    return _reply({"jsonrpc": "2.0", "id": id, "error": said})


def _reply(said: Mapping[str, object]) -> Response:
    return Response(json_text.encode(said), json_text.CONTENT_TYPE)
