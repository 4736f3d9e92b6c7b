"""The bank's plain `check` on the fast lane."""

from __future__ import annotations

import re
from collections.abc import Callable

from server.accounts import ACCOUNT_LENGTH_MAX, Meter, ServiceNames
from server.agents import Agent
from server.protocols import Fast, Render, form, plain_form, xml
from server.protocols.ready_texts import (
    KOPECKS,
    NOTHING,
    ROUBLES,
    Memo,
    escaped_texts,
    sum_texts,
)
from server.protocols.sber import settings
from server.protocols.sber.codes import OK

_PLAIN = re.compile(rb"(?i:action=check&account=)([0-9A-Za-z_.-]{1,30})").fullmatch
_REC_SUM = 6  # its place among the pieces


def fast(agent: Agent) -> Fast:
    """The functions of the agent's dialect."""
    encoding = settings.ENCODING.of(agent)
    sign = 1 if settings.BALANCE_SIGN.of(agent) == settings.DEBT_POSITIVE else -1
    head = xml.element("CODE", OK.code) + xml.element("MESSAGE", OK.text)
    opening = xml.document(f"<response>{head}<FIO>", encoding)
    return Fast(
        recognise=recognise,
        opening=lambda _: opening,
        render=_render(encoding, sign),
        content_type=xml.content_type(encoding),
        dialect=("sber", encoding, str(sign)),
        media_types=frozenset({form.CONTENT_TYPE, ""}),
    )


def recognise(given: bytes, start: int, end: int) -> tuple[bytes, bytes, int] | None:
    """The account asked about."""
    match = _PLAIN(given, start, end)
    if match is not None:
        return match[1], b"", 0
    values = plain_form.read(given[start:end], fold_case=True)
    if values is None or values.get(b"action", b"").lower() != b"check":
        return None
    account = values.get(b"account", b"")
    if not 0 < len(account) <= ACCOUNT_LENGTH_MAX:
        return None
    return account, b"", 0


def _render(encoding: str, sign: int) -> Render:
    texts = escaped_texts(encoding)
    templates = Memo(_template(encoding))

    def render(
        holder: str,
        address: str,
        debt: int,
        services: ServiceNames,
        debts: list[int],
        _meters: tuple[Meter, ...],
    ) -> bytes:
        pieces = templates[services].copy()
        pieces[0] = texts[holder]
        pieces[2] = texts[address]
        (pieces[4],) = sum_texts((sign * debt,))
        try:
            if debt > 0:
                amount = ROUBLES[debt // 100] + KOPECKS[debt % 100]
                pieces[_REC_SUM] = b"<REC_SUM>%b</REC_SUM>" % amount
            pieces[8::2] = [
                ROUBLES[each // 100] + KOPECKS[each % 100] if each else NOTHING for each in debts
            ]
        except KeyError:
            if debt > 0:
                pieces[_REC_SUM] = b"<REC_SUM>%b</REC_SUM>" % sum_texts((debt,))[0]
            pieces[8::2] = sum_texts(debts)
        return b"".join(pieces)

    return render


def _template(encoding: str) -> Callable[[ServiceNames], list[bytes]]:
    """A reply after its opening, in pieces: those at even places are the account's own."""

    def template(services: ServiceNames) -> list[bytes]:
        names = [f"{xml.escape(name)}: " for name in services.names]
        info = [f"<INFO>{names[0]}", *(f"; {name}" for name in names[1:])] if names else []
        joints = ["</FIO><ADDRESS>", "</ADDRESS><BALANCE>", "</BALANCE>", *info]
        joints.append("</INFO></response>" if names else "</response>")
        pieces = [b""] * (2 * len(joints))
        pieces[1::2] = [joint.encode(encoding, "xmlcharrefreplace") for joint in joints]
        return pieces

    return template
