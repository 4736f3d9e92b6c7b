"""What holds of any request whatever: a command or a refusal, and an answer that can be read."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import msgspec
from lxml import etree

from server.agents import Agent
from server.messages import CheckAccount, Command
from server.protocols import UNAVAILABLE, Codec, Fast, Request, Response
from server.refusals import Refused
from tests.fuzz.inputs import Case

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)


def check(case: Case) -> None:
    """Raises whatever the codec raises, and AssertionError where a promise is broken."""
    codec, request = case.codec, case.request
    try:
        codec.verify(request, case.secrets, request.received_at)
        is_authentic = True
    except Refused:
        is_authentic = False
    try:
        command: Command | None = codec.decode(request)
    except Refused:
        command = None
    if command is not None:
        require_clean(command)
    if is_authentic:
        require_equal_in_the_fast_lane(codec, request, command)
    response = codec.sign(request, codec.encode(request, case.outcome), case.secrets)
    require_readable(response)


def require_clean(value: object) -> None:
    """No text of a command holds what PostgreSQL cannot: a NUL, half of a surrogate pair."""
    if isinstance(value, str):
        assert "\0" not in value, value
        value.encode()
    elif isinstance(value, tuple):
        for each in value:
            require_clean(each)
    elif is_dataclass(value):
        for field in fields(value):
            require_clean(getattr(value, field.name))


def require_equal_in_the_fast_lane(codec: Codec, request: Request, command: Command | None) -> None:
    """What the fast lane takes for a check is a check of that account and sum."""
    fast = _fast(codec, request.agent)
    if fast is None or request.method not in fast.methods or (request.query and request.body):
        return
    is_post = request.method == "POST"
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if is_post and media_type not in fast.media_types:
        return  # the lane does not ask
    raw = request.body if is_post else request.query.encode("utf-8", "surrogateescape")
    recognised = fast.recognise(raw, 0, len(raw))
    if recognised is None:
        return
    account, _echo, kopecks = recognised
    assert isinstance(command, CheckAccount), (command, recognised)
    asked = command.amount.kopecks if command.amount else 0
    assert (command.account.encode(), asked) == (account, kopecks)


def require_readable(response: Response) -> None:
    """The answer is whole: XML or JSON of its kind, whatever it shows."""
    if response.status == UNAVAILABLE.status:
        assert response.body == b""
    elif "xml" in response.content_type:
        etree.fromstring(response.body, _PARSER)
    elif "json" in response.content_type:
        msgspec.json.decode(response.body)


_MADE: dict[tuple[str, str], Fast | None] = {}


def _fast(codec: Codec, agent: Agent) -> Fast | None:
    key = (codec.name, repr(sorted(agent.settings.items())))
    if key not in _MADE:
        _MADE[key] = codec.fast(agent) if codec.fast else None
    return _MADE[key]
