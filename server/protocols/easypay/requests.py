"""EasyPay requests: the signature over the raw body, then one operation in a Request."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from server.agents import Agent
from server.messages import Cancel, CheckAccount, Command, Confirm, Hold
from server.protocols import (
    Operation,
    Request,
    Secrets,
    Verified,
    fields,
    local_time,
    signatures,
    xml,
)
from server.protocols.easypay import settings
from server.refusals import Refusal, Refused

DATE_TIME = "%Y-%m-%dT%H:%M:%S"

_SIGN = re.compile(rb"<Sign>([0-9A-Fa-f]+)</Sign>")
_ORDER_ID_LENGTH_MAX = 64
# A request is read by verify, decode and encode; those between its arrival and answer are few.
_READ_MAX = 64
# Far above what the protocol has.
_CHILDREN_MAX = 20

_OPERATIONS = {
    "Check": Operation.CHECK,
    "Payment": Operation.HOLD,
    "Confirm": Operation.CONFIRM,
    "Cancel": Operation.CANCEL,
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request as sent: nothing in it but its form is validated yet."""

    operation: Operation
    date_time: str
    values: Mapping[str, str]


def verify(request: Request, secrets: Secrets, _now: dt.datetime) -> Verified:
    """RSA with SHA-1 over the body without what stands in `Sign`. Raises Refused."""
    body = request.body
    found = list(_SIGN.finditer(body))
    if len(found) != 1:
        raise signatures.wrong()
    signed = body[: found[0].start(1)] + body[found[0].end(1) :]
    signatures.verify_rsa(secrets, found[0][1].decode(), signed, signatures.Digest.SHA_1)
    window = settings.WINDOW_MINUTES.of(request.agent)
    if window != settings.OFF:
        signatures.require_fresh(_signed_at(request), request, int(window))
    return Verified()


def _signed_at(request: Request) -> dt.datetime:
    try:
        return _date_time(read(request), request.agent)
    except Refused:
        raise signatures.wrong() from None


def read(request: Request) -> Call:
    """The call in a request, its operation perhaps unknown. Raises Refused(MALFORMED)."""
    if request.method != "POST":
        raise Refused(Refusal.MALFORMED, f"the method {request.method[:20]!r}")
    return _read(request.body)


@lru_cache(_READ_MAX)
def _read(body: bytes) -> Call:
    root = xml.parse(body)
    if root.tag != "Request" or len(root) > _CHILDREN_MAX:
        raise Refused(Refusal.MALFORMED, "not a Request", "Request")
    asked = [child for child in root if child.tag in _OPERATIONS]
    if len(asked) > 1 or any(len(child) > _CHILDREN_MAX for child in asked):
        raise Refused(Refusal.MALFORMED, "more than one operation", "Request")
    times = [child.text or "" for child in root if child.tag == "DateTime" and not len(child)]
    if len(times) != 1:
        raise Refused(Refusal.MALFORMED, "not one DateTime", "DateTime")
    if not asked:
        return Call(Operation.UNKNOWN, times[0], {})
    values: dict[str, str] = {}
    for child in asked[0]:
        name = str(child.tag)
        if name in values or len(child):
            raise Refused(Refusal.MALFORMED, f"{name[:40]} twice, or with markup", name[:40])
        values[name] = child.text or ""
    return Call(_OPERATIONS[str(asked[0].tag)], times[0], values)


def decode(request: Request) -> Command:
    """What the network wants. Raises Refused."""
    call, agent = read(request), request.agent
    if call.operation is Operation.UNKNOWN:
        raise Refused(Refusal.UNKNOWN_OPERATION, "no operation", "Request")
    service = _value(call, "ServiceId")
    if service not in settings.SERVICE_IDS.of(agent).split():
        raise Refused(Refusal.NOT_PERMITTED, f"the service {service[:40]}", "ServiceId")
    date_time = _date_time(call, agent)
    match call.operation:
        case Operation.CHECK:
            return CheckAccount(fields.account(_value(call, "Account"), "Account"))
        case Operation.CONFIRM:
            return Confirm(payment_id=_payment_id(call))
        case Operation.CANCEL:
            return Cancel(payment_id=_payment_id(call))
        case _:
            return Hold(
                agent_payment_id=fields.token(
                    _value(call, "OrderId"), "OrderId", _ORDER_ID_LENGTH_MAX
                ),
                account=fields.account(_value(call, "Account"), "Account"),
                amount=fields.roubles(_value(call, "Amount"), "Amount"),
                valid_seconds=settings.hold_seconds(agent),
                paid_at=date_time,
            )


def _date_time(call: Call, agent: Agent) -> dt.datetime:
    return local_time.read(call.date_time, DATE_TIME, agent.zone)


def _payment_id(call: Call) -> int:
    return fields.our_number(_value(call, "PaymentId"), "PaymentId")


def _value(call: Call, name: str) -> str:
    text = call.values.get(name, "")
    if not text:
        raise Refused(Refusal.MALFORMED, f"no {name}", name)
    return text
