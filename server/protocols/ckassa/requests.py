"""Requests of the "act" family: the signature over what stands inside `params`, and only that read.

The tags are looked for by name, as both published servers do; the signature covers the decoded
text, so that nothing outside of `params` can mean anything.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from server.agents import Agent
from server.messages import Cancel, CheckAccount, Command, GetStatus, Pay
from server.protocols import (
    Operation,
    Request,
    Secrets,
    Verified,
    fields,
    form,
    local_time,
    signatures,
    xml,
)
from server.protocols.ckassa import settings
from server.protocols.ckassa.codes import ACTS
from server.refusals import Refusal, Refused

SECRET = "secret"

_PARAMS = "<params>"
_PARAMS_END = "</params>"
_SIGN = re.compile(r"<sign>([0-9A-Fa-f]{32})</sign>")
_PAY_ID_LENGTH_MAX = 64
_CHILDREN_MAX = 20
# A request is read by verify, decode, encode and sign; those in between are few.
_READ_MAX = 64


@dataclass(frozen=True, slots=True)
class Sent:
    """A request taken apart: the markup inside `params`, and the signature as written."""

    inner: str
    sign: str


def sent(request: Request) -> Sent:
    """Raises Refused(MALFORMED) for what has no `params` and `sign`."""
    return split(_text(request))


def _text(request: Request) -> str:
    if request.method != "POST":
        raise Refused(Refusal.MALFORMED, f"the method {request.method[:20]!r}")
    encoding = settings.ENCODING.of(request.agent)
    if settings.SENT_AS.of(request.agent) == settings.FORM:
        return form.read(request, encoding).get("params")
    if len(request.body) > xml.BODY_BYTES_MAX:
        raise Refused(Refusal.MALFORMED, f"{len(request.body)} bytes")
    try:
        return request.body.decode(encoding)
    except UnicodeDecodeError:
        raise Refused(Refusal.MALFORMED, f"not {encoding}") from None


@lru_cache(_READ_MAX)
def split(text: str) -> Sent:
    """A message of either direction taken apart. Raises Refused(MALFORMED)."""
    before, found, rest = text.partition(_PARAMS)
    inner, found_end, after = rest.rpartition(_PARAMS_END)
    if not found or not found_end:
        raise Refused(Refusal.MALFORMED, "no params", "params")
    signs = _SIGN.findall(f"{before} {after}")
    if len(signs) != 1:
        raise Refused(Refusal.MALFORMED, "not one sign", "sign")
    return Sent(inner, signs[0])


def verify(request: Request, secrets: Secrets, _now: dt.datetime) -> Verified:
    """MD5 over the inside of `params` and the secret. Raises Refused."""
    if not is_signed(request, secrets):
        raise signatures.wrong()
    return Verified()


def is_signed(request: Request, secrets: Secrets) -> bool:
    """Whether the request's signature holds; only then is the reply signed too."""
    try:
        found = sent(request)
        agent = request.agent
        signed = found.inner
        if settings.SIGNED.of(agent) == settings.TEXT:
            signed = "".join(text.strip() for text in _parsed(found.inner).itertext())
        secret = signatures.secret(secrets, SECRET)
        signatures.require_hex(found.sign, digest(signed + secret, agent))
    except Refused:
        return False
    return True


def digest(text: str, agent: Agent) -> str:
    """The MD5 of a text in the agent's encoding."""
    encoded = text.encode(settings.ENCODING.of(agent), "xmlcharrefreplace")
    return signatures.digest_hex(signatures.Digest.MD5, encoded)


@lru_cache(_READ_MAX)
def _parsed(inner: str) -> etree._Element:
    return xml.parse(f"<params>{inner}</params>".encode("utf-8", "surrogatepass"))


def values(request: Request) -> Mapping[str, str]:
    """The texts inside `params` by name. Raises Refused(MALFORMED)."""
    root = _parsed(sent(request).inner)
    if len(root) > _CHILDREN_MAX:
        raise Refused(Refusal.MALFORMED, f"{len(root)} parameters")
    found: dict[str, str] = {}
    for child in root:
        name = str(child.tag)
        if name in found or len(child):
            raise Refused(Refusal.MALFORMED, f"{name[:40]} twice, or with markup", name[:40])
        found[name] = child.text or ""
    return found


def operation_of(given: Mapping[str, str]) -> Operation:
    """What is asked for."""
    return ACTS.get(given.get("act", ""), Operation.UNKNOWN)


def decode(request: Request) -> Command:
    """What the agent wants. Raises Refused."""
    given = values(request)
    match operation_of(given):
        case Operation.CHECK:
            written = given.get("pay_amount", "")
            amount = fields.kopecks(written, "pay_amount") if written else None
            return CheckAccount(fields.account(_required(given, "account"), "account"), amount)
        case Operation.PAY:
            return Pay(
                agent_payment_id=_pay_id(given),
                account=fields.account(_required(given, "account"), "account"),
                amount=fields.kopecks(_required(given, "pay_amount"), "pay_amount"),
                paid_at=_paid_at(given, request.agent),
            )
        case Operation.STATUS:
            return GetStatus(agent_payment_id=_pay_id(given))
        case Operation.CANCEL:
            return Cancel(agent_payment_id=_pay_id(given))
        case _:
            raise Refused(Refusal.UNKNOWN_OPERATION, given.get("act", "")[:40], "act")


def _pay_id(given: Mapping[str, str]) -> str:
    return fields.token(_required(given, "pay_id"), "pay_id", _PAY_ID_LENGTH_MAX)


def _required(given: Mapping[str, str], name: str) -> str:
    text = given.get(name, "")
    if not text:
        raise Refused(Refusal.MALFORMED, f"no {name}", name)
    return text


def _paid_at(given: Mapping[str, str], agent: Agent) -> dt.datetime | None:
    """Nobody says how the date is spelled: what cannot be read is dated by its arrival."""
    try:
        return local_time.read_any(given.get("pay_date", ""), agent.zone)
    except Refused:
        if settings.PAY_DATE.of(agent) == settings.REQUIRED:
            raise
        return None
