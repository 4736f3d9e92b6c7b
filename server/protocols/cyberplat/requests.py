"""From a CyberPlat request to a command: the signature first, over bytes as they came."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping

from server.agents import Agent
from server.messages import Cancel, CheckAccount, Command, GetStatus, Pay
from server.money import Money
from server.protocols import (
    Operation,
    Request,
    Secrets,
    Setting,
    Verified,
    fields,
    form,
    local_time,
    signatures,
)
from server.protocols.cyberplat import settings
from server.refusals import Refusal, Refused

DATE = "%Y-%m-%dT%H:%M:%S"
BAD_TYPE_FIELD = "type"

_SIGN = b"&sign="
_RECEIPT_LENGTH_MAX = 20
_TYPE = re.compile(r"[0-9]{0,9}")


def verify(request: Request, secrets: Secrets, _now: dt.datetime) -> Verified:
    """The signature over everything before `&sign=`, still encoded. Raises Refused."""
    signed, found, signature = _written(request).partition(_SIGN)
    if not found:
        raise signatures.wrong()
    signatures.verify_rsa(secrets, signature.decode("latin-1"), signed, signatures.Digest.SHA_256)
    return Verified()


def _written(request: Request) -> bytes:
    """The parameters as sent; in one place, so that none of them is unsigned."""
    if request.method == "GET":
        return request.query.encode("utf-8", "surrogatepass")
    if request.query:
        raise signatures.wrong()
    return request.body


def form_of(request: Request) -> form.Form:
    """The request's parameters in the agent's encoding. Raises Refused(MALFORMED)."""
    return form.read(request, settings.ENCODING.of(request.agent))


def operation_of(given: form.Form) -> Operation:
    """What is asked for, whether or not this agent may ask it. Raises Refused(MALFORMED)."""
    return _OPERATIONS.get(given.get("action"), Operation.UNKNOWN)


def decode(request: Request) -> Command:
    """What the terminal wants. Raises Refused."""
    given, agent = form_of(request), request.agent
    name = given.get("action")
    switch = _SWITCHES.get(name)
    if name not in _READERS or (switch is not None and switch.of(agent) == settings.OFF):
        raise Refused(Refusal.UNKNOWN_OPERATION, name[:40], "action")
    if _TYPE.fullmatch(given.get("type")) is None:
        raise Refused(Refusal.MALFORMED, given.get("type")[:40], BAD_TYPE_FIELD)
    return _READERS[name](given, agent)


def _check(given: form.Form, agent: Agent) -> Command:
    account = fields.account(_required(given, "number"), "number")
    if "receipt" in given:
        _receipt(given)
    if "amount" not in given and settings.CHECK_AMOUNT.of(agent) == settings.OPTIONAL:
        return CheckAccount(account)
    return CheckAccount(account, _amount(given, agent))


def _pay(given: form.Form, agent: Agent) -> Command:
    account = fields.account(_required(given, "number"), "number")
    written = given.get("date")
    return Pay(
        agent_payment_id=_receipt(given),
        account=account,
        amount=_amount(given, agent),
        paid_at=local_time.read(written, DATE, agent.zone) if written else None,
    )


def _cancel(given: form.Form, _agent: Agent) -> Command:
    return Cancel(agent_payment_id=_receipt(given))


def _status(given: form.Form, _agent: Agent) -> Command:
    return GetStatus(agent_payment_id=_receipt(given))


def _required(given: form.Form, name: str) -> str:
    text = given.get(name)
    if not text:
        raise Refused(Refusal.MALFORMED, f"no {name}", name)
    return text


def _receipt(given: form.Form) -> str:
    return fields.digits(_required(given, "receipt"), "receipt", _RECEIPT_LENGTH_MAX)


def _amount(given: form.Form, agent: Agent) -> Money:
    comma = settings.AMOUNT_COMMA.of(agent) == settings.ON
    return fields.roubles(_required(given, "amount"), "amount", comma=comma)


_OPERATIONS = {
    "check": Operation.CHECK,
    "payment": Operation.PAY,
    "cancel": Operation.CANCEL,
    "status": Operation.STATUS,
}
_READERS: Mapping[str, Callable[[form.Form, Agent], Command]] = {
    "check": _check,
    "payment": _pay,
    "cancel": _cancel,
    "status": _status,
}
_SWITCHES: Mapping[str, Setting] = {"cancel": settings.CANCEL, "status": settings.STATUS}
