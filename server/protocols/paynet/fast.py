"""Paynet's GetInformation on the fast lane.

A client writes all its requests alike; only the account differs. So a request that was parsed,
validated and found authentic shows how the others of that client look: the bytes before and after
the account. Another request with exactly these bytes, and an account of letters and digits between
them, is the same document with another text in the same place, whatever XML may hold otherwise.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from functools import cache
from hmac import compare_digest

from server.accounts import Meter, ServiceNames
from server.agents import Agent
from server.protocols import Fast, Recognise, Render, Request, soap, xml
from server.protocols.paynet import reply
from server.protocols.paynet.codes import OK
from server.protocols.paynet.settings import METER_PREFIX
from server.protocols.ready_texts import Memo, escaped_texts

Checked = Callable[[Request], str | None]
"""The account that an authentic and valid check of ours asks about."""

_ACCOUNT = re.compile(rb"[0-9A-Za-z_-]{1,30}").fullmatch
# References, comments, sections and instructions could make the same bytes mean something else.
_NOT_PLAIN = re.compile(rb"&|<!|.<\?", re.DOTALL)
_OPERATION = "GetInformation"
_BODY_BYTES_MAX = 4096
_SKELETONS_MAX = 16
_HOLE = "\ue000"
_PROBE = b"Zz-0815_zZ"
_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


def fast(agent: Agent, checked: Checked) -> Fast:
    """The functions of the agent's dialect, with its secrets."""
    prefix = METER_PREFIX.of(agent)
    return Fast(
        recognise=_recognise(agent, checked),
        opening=_opening(agent),
        render=_render(prefix),
        content_type=soap.respond(soap.Version.SOAP_11, "").content_type,
        dialect=("paynet", prefix),
        methods=frozenset({"POST"}),
        media_types=frozenset({"text/xml"}),
        timed=True,
        shows_meters=bool(prefix),
    )


def _opening(agent: Agent) -> Callable[[dt.datetime], bytes]:
    """Up to the echo; the time is written out once a second, its milliseconds each time."""
    envelope, between, _ = (part.encode() for part in _envelope())
    known, before, after = 0, b"", b""

    def opening(moment: dt.datetime) -> bytes:
        nonlocal known, before, after
        second = int(moment.timestamp())
        if second != known:
            date, _, rest = reply.local(moment, agent).encode().partition(b".")
            known, before, after = second, envelope + date + b".", rest[3:] + between
        return b"%b%03d%b" % (before, moment.microsecond // 1000, after)

    return opening


_Skeleton = tuple[bytes, bytes]
"""What a client writes before and after the account."""


def _account(body: bytes, start: int, end: int, skeleton: _Skeleton) -> bytes | None:
    """What stands between; compared in constant time, since it holds the password."""
    before, after = skeleton
    at, until = start + len(before), end - len(after)
    if (
        at < until
        and compare_digest(body[start:at], before) & compare_digest(body[until:end], after)
        and _ACCOUNT(body, at, until) is not None
    ):
        return body[at:until]
    return None


def _recognise(agent: Agent, checked: Checked) -> Recognise:
    skeletons: list[_Skeleton] = []

    def ask(body: bytes) -> bytes | None:
        request = Request("POST", f"/pay/{agent.name}", "", {}, body, agent, _NEVER)
        account = checked(request)
        return None if account is None else account.encode()

    def recognise(data: bytes, start: int, end: int) -> tuple[bytes, bytes, int] | None:
        for skeleton in skeletons:
            account = _account(data, start, end, skeleton)
            if account is not None:
                if skeleton is not skeletons[0]:
                    skeletons.remove(skeleton)
                    skeletons.insert(0, skeleton)
                return account, b"", 0
        if end - start > _BODY_BYTES_MAX:
            return None
        body = data[start:end]
        account = ask(body)
        if account is None or _ACCOUNT(account) is None:
            return None
        if body.count(account) == 1 and _NOT_PLAIN.search(body) is None:
            before, _, after = body.partition(account)
            if ask(before + _PROBE + after) == _PROBE:
                skeletons.insert(0, (before, after))
                del skeletons[_SKELETONS_MAX:]
        return account, b"", 0

    return recognise


@cache
def _envelope() -> tuple[str, str, str]:
    """A reply before its time, from there to the parameters, and after them."""
    content = reply.result(_OPERATION, OK, _HOLE, _HOLE)
    whole = soap.respond(soap.Version.SOAP_11, content).body.decode()
    before, between, after = whole.split(_HOLE)
    return before, between, after


def _render(prefix: str) -> Render:
    texts = escaped_texts(xml.UTF_8)
    templates = Memo(_template)
    _, _, after = _envelope()
    end = after.encode()

    def render(
        holder: str,
        address: str,
        debt: int,
        services: ServiceNames,
        debts: list[int],
        meters: tuple[Meter, ...],
    ) -> bytes:
        pieces = templates[services].copy()
        pieces[1] = b"%d" % debt
        pieces[3] = texts[holder]
        pieces[5] = texts[address]
        pieces[7::2] = [b"%d" % each for each in debts]
        pieces.append(reply.meters(meters, prefix).encode())
        pieces.append(end)
        return b"".join(pieces)

    return render


def _template(services: ServiceNames) -> list[bytes]:
    """The parameters in pieces: those at odd places are the account's own."""
    keys = ("balance", "name", "address", *(f"debt_{code}" for code in services.codes))
    pieces = "".join(reply.parameter(key, _HOLE) for key in keys).encode().split(_HOLE.encode())
    spread = [b""] * (2 * len(pieces) - 1)
    spread[::2] = pieces
    return spread
