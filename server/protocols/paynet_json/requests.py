"""From a Paynet JSON call to a command. Values are read as they are written, never as floats."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import msgspec

from server.agents import Agent
from server.messages import (
    Cancel,
    ChangeSecret,
    CheckAccount,
    Command,
    GetStatement,
    GetStatus,
    Pay,
    Reading,
)
from server.money import Money, MoneyError
from server.protocols import (
    Operation,
    Request,
    Secrets,
    Verified,
    fields,
    json_rpc,
    local_time,
    readings,
    signatures,
)
from server.protocols.paynet_json import settings
from server.protocols.paynet_json.codes import OPERATIONS, PARAMS
from server.refusals import Refusal, Refused, outline

DATE = "%Y-%m-%d %H:%M:%S"
NO_CALL = json_rpc.Call("", None, b"{}")

_ID_LENGTH_MAX = 19
_FIELDS_MAX = 100
_READINGS_MAX = 50
_TERMINAL_LENGTH_MAX = 64
_PASSWORD_LENGTH = range(6, 101)
_NOTHING = msgspec.Raw(b"")


class Params(msgspec.Struct):
    """What any of the methods may have; each value as it is written."""

    serviceId: msgspec.Raw = _NOTHING
    transactionId: msgspec.Raw = _NOTHING
    transactionTime: msgspec.Raw = _NOTHING
    amount: msgspec.Raw = _NOTHING
    dateFrom: msgspec.Raw = _NOTHING
    dateTo: msgspec.Raw = _NOTHING
    newPassword: msgspec.Raw = _NOTHING
    fields: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)


_PARAMS = msgspec.json.Decoder(Params)
_TEXT = msgspec.json.Decoder(str)


def verify(request: Request, secrets: Secrets, _now: dt.datetime) -> Verified:
    """HTTP Basic against the agent's username and password. Raises Refused."""
    username, password = (signatures.secret(secrets, name) for name in ("username", "password"))
    if not signatures.same(signatures.basic(request.headers), f"{username}:{password}"):
        raise Refused(Refusal.NOT_AUTHENTIC, "username or password")
    return Verified()


def operation_of(call: json_rpc.Call) -> Operation:
    """What is asked for."""
    return OPERATIONS.get(call.method, Operation.UNKNOWN)


def read_params(call: json_rpc.Call) -> Params:
    """The parameters of a call. Raises Refused(MALFORMED)."""
    try:
        json_rpc.require_plain(call)
        params = _PARAMS.decode(call.params)
    except (ValueError, RecursionError) as error:
        raise Refused(Refusal.MALFORMED, str(error)[:100], PARAMS) from None
    if len(params.fields) > _FIELDS_MAX:
        raise Refused(Refusal.MALFORMED, f"{len(params.fields)} fields", PARAMS)
    return params


def text(raw: msgspec.Raw) -> str:
    """A text's content, a number as it is written. Raises Refused(MALFORMED)."""
    written = bytes(raw).strip()
    if not written.startswith(b'"'):
        return "" if written == b"null" else written.decode("utf-8", "replace")
    try:
        return _TEXT.decode(written)
    except ValueError as error:
        raise Refused(Refusal.MALFORMED, str(error)[:100], PARAMS) from None


def decode(request: Request) -> Command:
    """What the terminal wants. Raises Refused, its field naming the part at fault."""
    call = json_rpc.read(request)
    if call.method not in _READERS:
        raise Refused(Refusal.UNKNOWN_OPERATION, call.method[:40], "method")
    if call.id is None:
        raise Refused(Refusal.MALFORMED, "a call without an id", json_rpc.NOT_A_CALL)
    return _READERS[call.method](read_params(call), request.agent)


def _information(params: Params, agent: Agent) -> Command:
    _require_our_service(params, agent)
    # What a terminal says about meters is looked at now: once cash is in, it is too late.
    _readings(params, agent)
    return CheckAccount(_account(params, agent))


def _perform(params: Params, agent: Agent) -> Command:
    _require_our_service(params, agent)
    number = _transaction(params)
    written = _required(params.transactionTime)
    return Pay(
        agent_payment_id=number,
        account=_account(params, agent),
        amount=amount_of(params),
        paid_at=local_time.read(written, DATE, agent.zone),
        readings=_readings(params, agent),
        terminal=_terminal(params, agent),
    )


def _check(params: Params, agent: Agent) -> Command:
    _require_our_service(params, agent)
    return GetStatus(agent_payment_id=_transaction(params))


def _cancel(params: Params, agent: Agent) -> Command:
    _require_our_service(params, agent)
    return Cancel(agent_payment_id=_transaction(params))


def _statement(params: Params, agent: Agent) -> Command:
    _require_our_service(params, agent)
    since = local_time.read(_required(params.dateFrom), DATE, agent.zone)
    until = local_time.read(_required(params.dateTo), DATE, agent.zone)
    if since > until:
        raise Refused(Refusal.DATE_MALFORMED, "dateFrom is after dateTo", "dateFrom")
    return GetStatement(since, until)


def _change_password(params: Params, _agent: Agent) -> Command:
    password = text(params.newPassword)
    if len(password) not in _PASSWORD_LENGTH or not password.isprintable() or ":" in password:
        # The detail goes to the log: it must not quote the password.
        raise Refused(Refusal.MALFORMED, "a new password too short or too long", "newPassword")
    return ChangeSecret("password", password)


def _require_our_service(params: Params, agent: Agent) -> None:
    service = _required(params.serviceId)
    if service not in settings.our_services(agent):
        raise Refused(Refusal.NOT_PERMITTED, f"the service {service[:40]!r}", "serviceId")


def _transaction(params: Params) -> str:
    return fields.digits(_required(params.transactionId), "transactionId", _ID_LENGTH_MAX)


def _required(raw: msgspec.Raw) -> str:
    written = text(raw)
    if not written:
        raise Refused(Refusal.MALFORMED, "a mandatory parameter is missing", PARAMS)
    return written


def amount_of(params: Params) -> Money:
    """The sum in tiyin, above zero. Raises Refused(AMOUNT_MALFORMED, MALFORMED)."""
    try:
        amount = Money.parse_kopecks(_required(params.amount))
    except MoneyError:
        raise Refused(Refusal.AMOUNT_MALFORMED, "not a sum in tiyin", "amount") from None
    if not amount:
        raise Refused(Refusal.AMOUNT_MALFORMED, "zero", "amount")
    return amount


def _account(params: Params, agent: Agent) -> str:
    key = settings.ACCOUNT_KEY.of(agent)
    if key not in params.fields:
        raise Refused(Refusal.MALFORMED, f"no {key}")
    return fields.account(text(params.fields[key]).strip(), key)


def _terminal(params: Params, agent: Agent) -> str:
    key = settings.TERMINAL_KEY.of(agent)
    terminal = text(params.fields.get(key, _NOTHING))
    if len(terminal) > _TERMINAL_LENGTH_MAX or not terminal.isprintable():
        raise Refused(Refusal.MALFORMED, f"the terminal {outline(terminal)}", key)
    return terminal


def _readings(params: Params, agent: Agent) -> tuple[Reading, ...]:
    """Fields named after a meter; one left empty is a reading that was not taken."""
    prefix = settings.METER_PREFIX.of(agent)
    given = [] if not prefix else [
        (key, text(raw)) for key, raw in params.fields.items() if key.startswith(prefix)
    ]  # fmt: skip
    taken = [(key, written) for key, written in given if written]
    if len(taken) > _READINGS_MAX:
        raise Refused(Refusal.MALFORMED, f"{len(taken)} readings", PARAMS)
    return tuple(_reading(key, written, prefix) for key, written in taken)


def _reading(key: str, written: str, prefix: str) -> Reading:
    meter = key.removeprefix(prefix)
    if not 0 < len(meter) <= readings.METER_LENGTH_MAX or not meter.isprintable():
        raise Refused(Refusal.METER_NOT_FOUND, f"the meter {outline(meter)}", key)
    try:
        return Reading(meter, readings.thousandths(written, key, comma=True))
    except Refused:
        raise Refused(
            Refusal.READING_IMPLAUSIBLE, f"not a reading: {outline(written)}", key
        ) from None


_READERS: Mapping[str, Callable[[Params, Agent], Command]] = {
    "GetInformation": _information,
    "PerformTransaction": _perform,
    "CheckTransaction": _check,
    "CancelTransaction": _cancel,
    "GetStatement": _statement,
    "ChangePassword": _change_password,
}
