"""Payme's calls: Basic authentication, then a method with typed parameters."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping

import msgspec

from server.agents import Agent
from server.messages import (
    Cancel,
    ChangeSecret,
    CheckAccount,
    Command,
    Confirm,
    GetStatement,
    GetStatus,
    Hold,
)
from server.money import Money
from server.protocols import Operation, Request, Secrets, Verified, fields, json_rpc, signatures
from server.protocols.payme import settings
from server.refusals import Refusal, Refused, outline

KEY = "key"
HOLD_SECONDS = 12 * 60 * 60
"""A transaction that is not performed within twelve hours is cancelled, with reason 4."""

_ID_LENGTH_MAX = 64
_AMOUNT_DIGITS_MAX = 15
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# 13 digits, as the source says: from 2001 to 2286.
_TIME_MIN, _TIME_MAX = 10**12, 10**13 - 1
_PASSWORD = re.compile(r"[!-~]{6,100}")

Account = dict[str, object]


class _Payable(msgspec.Struct):
    amount: int
    account: Account


class _Create(_Payable, kw_only=True):
    id: str
    time: int


class _Transaction(msgspec.Struct):
    id: str


class _Cancel(_Transaction, kw_only=True):
    reason: int


class _Period(msgspec.Struct, rename={"since": "from", "until": "to"}):
    since: int
    until: int


class _Password(msgspec.Struct):
    password: str


class _FiscalData(_Transaction, kw_only=True):
    type: str
    fiscal_data: dict[str, object]


_PAYABLE = msgspec.json.Decoder(_Payable)
_CREATE = msgspec.json.Decoder(_Create)
_TRANSACTION = msgspec.json.Decoder(_Transaction)
_CANCEL = msgspec.json.Decoder(_Cancel)
_PERIOD = msgspec.json.Decoder(_Period)
_NEW_PASSWORD = msgspec.json.Decoder(_Password)
_FISCAL_DATA = msgspec.json.Decoder(_FiscalData)


def verify(request: Request, secrets: Secrets, _now: dt.datetime) -> Verified:
    """Basic authentication, answered inside the protocol. Raises Refused."""
    expected = f"{settings.LOGIN.of(request.agent)}:{signatures.secret(secrets, KEY)}"
    if not signatures.same(signatures.basic(request.headers), expected):
        raise signatures.wrong()
    return Verified()


def operation_of(call: json_rpc.Call) -> Operation:
    """What is asked for."""
    return OPERATIONS.get(call.method, Operation.UNKNOWN)


def decode(request: Request) -> Command:
    """What Payme wants. Raises Refused."""
    call = json_rpc.read(request)
    if call.method not in _READERS:
        raise Refused(Refusal.UNKNOWN_OPERATION, call.method[:40], call.method[:40])
    return _READERS[call.method](call, request)


def milliseconds(moment: dt.datetime) -> int:
    """A time as Payme writes it."""
    return (moment - _EPOCH) // dt.timedelta(milliseconds=1)


def _check(call: json_rpc.Call, request: Request) -> Command:
    given = json_rpc.params(call, _PAYABLE)
    return CheckAccount(_account(given.account, request.agent), _amount(given.amount))


def _create(call: json_rpc.Call, request: Request) -> Command:
    given = json_rpc.params(call, _CREATE)
    created_at = _moment(given.time)
    if request.received_at - created_at >= dt.timedelta(seconds=HOLD_SECONDS):
        raise Refused(Refusal.PAYMENT_CANCELLED, "older than twelve hours", "time")
    return Hold(
        agent_payment_id=_id(given.id),
        account=_account(given.account, request.agent),
        amount=_amount(given.amount),
        valid_seconds=HOLD_SECONDS,
        paid_at=created_at,
    )


def _perform(call: json_rpc.Call, _request: Request) -> Command:
    return Confirm(agent_payment_id=_id(json_rpc.params(call, _TRANSACTION).id))


def _cancel(call: json_rpc.Call, _request: Request) -> Command:
    given = json_rpc.params(call, _CANCEL)
    return Cancel(agent_payment_id=_id(given.id), reason=str(given.reason))


def _status(call: json_rpc.Call, _request: Request) -> Command:
    return GetStatus(agent_payment_id=_id(json_rpc.params(call, _TRANSACTION).id))


def _statement(call: json_rpc.Call, _request: Request) -> Command:
    given = json_rpc.params(call, _PERIOD)
    since, until = _moment(given.since), _moment(given.until)
    if since > until:
        raise Refused(Refusal.DATE_MALFORMED, "from after to", "from")
    return GetStatement(since, until, every_state=True)


def _change_password(call: json_rpc.Call, _request: Request) -> Command:
    password = json_rpc.params(call, _NEW_PASSWORD).password
    if _PASSWORD.fullmatch(password) is None:
        raise Refused(Refusal.MALFORMED, "the new password", "password")
    return ChangeSecret(KEY, password)


def _fiscal_data(call: json_rpc.Call, request: Request) -> Command:
    """Acknowledged when the transaction is there; nothing of it is kept."""
    if settings.FISCAL_DATA.of(request.agent) == settings.OFF:
        raise Refused(Refusal.UNKNOWN_OPERATION, call.method, call.method)
    return GetStatus(agent_payment_id=_id(json_rpc.params(call, _FISCAL_DATA).id))


def _id(text: str) -> str:
    return fields.token(text, "id", _ID_LENGTH_MAX)


def _account(account: Account, agent: Agent) -> str:
    key = settings.ACCOUNT_KEY.of(agent)
    value = account.get(key, "")
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise Refused(Refusal.MALFORMED, outline(f"{value}"), json_rpc.NOT_A_CALL)
    return fields.account(str(value), key)


def _amount(tiyin: int) -> Money:
    if not 0 < tiyin < 10**_AMOUNT_DIGITS_MAX:
        raise Refused(Refusal.AMOUNT_MALFORMED, str(tiyin)[:40], "amount")
    return Money(tiyin)


def _moment(written: int) -> dt.datetime:
    if not _TIME_MIN <= written <= _TIME_MAX:
        raise Refused(Refusal.DATE_MALFORMED, str(written)[:40], "time")
    return _EPOCH + dt.timedelta(milliseconds=written)


SET_FISCAL_DATA = "SetFiscalData"
OPERATIONS: Mapping[str, Operation] = {
    "CheckPerformTransaction": Operation.CHECK,
    "CreateTransaction": Operation.HOLD,
    "PerformTransaction": Operation.CONFIRM,
    "CancelTransaction": Operation.CANCEL,
    "CheckTransaction": Operation.STATUS,
    "GetStatement": Operation.STATEMENT,
    "ChangePassword": Operation.CHANGE_SECRET,
    SET_FISCAL_DATA: Operation.STATUS,
}
_READERS: Mapping[str, Callable[[json_rpc.Call, Request], Command]] = {
    "CheckPerformTransaction": _check,
    "CreateTransaction": _create,
    "PerformTransaction": _perform,
    "CancelTransaction": _cancel,
    "CheckTransaction": _status,
    "GetStatement": _statement,
    "ChangePassword": _change_password,
    SET_FISCAL_DATA: _fiscal_data,
}
