"""OSMP's plain `check` on the fast lane: in the order that QIWI documents, or in any other."""

from __future__ import annotations

import re
from collections.abc import Callable

from server.accounts import ACCOUNT_LENGTH_MAX, Meter, ServiceNames
from server.agents import Agent
from server.money import Money, MoneyError
from server.protocols import Fast, Recognise, Render, form, plain_form, xml
from server.protocols.osmp import settings
from server.protocols.osmp.codes import OK
from server.protocols.ready_texts import (
    KOPECKS,
    NOTHING,
    ROUBLES,
    Memo,
    amounts,
    escaped_texts,
    sum_texts,
)

_PLAIN = re.compile(
    rb"command=check&txn_id=([0-9]{1,20})&account=([0-9A-Za-z_.-]{1,30})"
    rb"&sum=([0-9]{1,12}\.[0-9]{2})"
).fullmatch
_TXN_ID = re.compile(rb"[0-9]{1,20}").fullmatch


def fast(agent: Agent) -> Fast | None:
    """The functions of the agent's dialect; only QIWI's own way of showing a debt has them."""
    if settings.CHECK_SHOWS.of(agent) != settings.FIELDS:
        return None
    encoding = settings.ENCODING.of(agent)
    tag = settings.TRANSACTION_TAG.of(agent)
    opening = xml.document(f"<response><{tag}>", encoding)
    return Fast(
        recognise=_recognise(agent),
        opening=lambda _: opening,
        render=_render(encoding, tag),
        content_type=xml.content_type(encoding),
        dialect=("osmp", encoding, tag),
        media_types=frozenset({form.CONTENT_TYPE, ""}),
    )


def _recognise(agent: Agent) -> Recognise:
    may_be_zero = settings.CHECK_SUM.of(agent) != settings.POSITIVE
    otherwise = _in_any_order(agent)
    kopecks = amounts()

    def recognise(given: bytes, start: int, end: int) -> tuple[bytes, bytes, int] | None:
        match = _PLAIN(given, start, end)
        if match is None:
            return otherwise(given, start, end)
        txn_id, account, written = match.groups()
        amount = kopecks[written]
        if amount or may_be_zero:
            return account, txn_id, amount
        return None

    return recognise


def _in_any_order(agent: Agent) -> Recognise:
    demand = settings.CHECK_SUM.of(agent)
    currency = settings.CURRENCY.of(agent).encode()
    has_readings = settings.READINGS.of(agent) != settings.OFF

    def recognise(given: bytes, start: int, end: int) -> tuple[bytes, bytes, int] | None:
        values = plain_form.read(given[start:end])
        if values is None or values.get(b"command") != b"check":
            return None
        txn_id, account = values.get(b"txn_id", b""), values.get(b"account", b"")
        if not _TXN_ID(txn_id) or not 0 < len(account) <= ACCOUNT_LENGTH_MAX:
            return None
        if values.get(b"ccy", b"") not in (b"", currency):
            return None
        if has_readings and any(name.startswith(b"data") for name in values):
            return None
        amount = _amount(values.get(b"sum"), demand)
        return None if amount is None else (account, txn_id, amount)

    return recognise


def _amount(text: bytes | None, demand: str) -> int | None:
    if text is None:
        return 0 if demand == settings.OPTIONAL else None
    try:
        amount = Money.parse(text.decode()).kopecks
    except MoneyError:
        return None
    return None if demand == settings.POSITIVE and not amount else amount


def _render(encoding: str, tag: str) -> Render:
    texts = escaped_texts(encoding)
    templates = Memo(_template(encoding, tag))

    def render(
        holder: str,
        address: str,
        debt: int,
        services: ServiceNames,
        debts: list[int],
        _meters: tuple[Meter, ...],
    ) -> bytes:
        pieces = templates[services].copy()
        pieces[1] = texts[holder]
        pieces[5] = texts[address]
        try:
            pieces[3] = ROUBLES[debt // 100] + KOPECKS[debt % 100]
            pieces[7::2] = [
                ROUBLES[each // 100] + KOPECKS[each % 100] if each else NOTHING for each in debts
            ]
        except KeyError:
            pieces[3], *pieces[7::2] = sum_texts((debt, *debts))
        return b"".join(pieces)

    return render


def _template(encoding: str, tag: str) -> Callable[[ServiceNames], list[bytes]]:
    """A reply after the network's id, in pieces: those at odd places are the account's own."""

    def template(services: ServiceNames) -> list[bytes]:
        names = ("Плательщик", "Долг, руб.", "Адрес", *services.names)
        before = [
            f'<field{number} name="{xml.escape(name)}" type="disp">'
            for number, name in enumerate(names, 1)
        ]
        after = [f"</field{number}>" for number in range(1, len(names) + 1)]
        head = xml.element("result", OK.code) + xml.element("comment", OK.text)
        joints = [
            f"</{tag}>{head}<fields>{before[0]}",
            *(end + start for end, start in zip(after, before[1:], strict=False)),
            f"{after[-1]}</fields></response>",
        ]
        pieces = [b""] * (2 * len(joints) - 1)
        pieces[::2] = [joint.encode(encoding, "xmlcharrefreplace") for joint in joints]
        return pieces

    return template
