"""Reads the protocol vectors; tests/vectors/README.md describes their format."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from server import messages
from server.accounts import AccountState, AccountView, Meter, ServiceDebt
from server.agents import Agent, Limits
from server.messages import (
    AccountChecked,
    AccountsFound,
    BatchItem,
    BatchPaid,
    Cancel,
    ChangeSecret,
    CheckAccount,
    Command,
    Confirm,
    DayShown,
    FindAccounts,
    GetStatement,
    GetStatus,
    Hold,
    Outcome,
    Owed,
    Pay,
    PayBatch,
    Payment,
    PaymentAccepted,
    PaymentCancelled,
    PaymentHeld,
    PaymentState,
    PaymentStatus,
    ReadingResult,
    ReadingsTaken,
    RefusedOutcome,
    SecretChanged,
    Statement,
    SubmitReadings,
)
from server.money import Money
from server.offices import CloseDay, DayClosed, DayDiffers, GetDay, OfficeDifference, OfficeTotal
from server.protocols import Operation, Request
from server.protocols.signatures import (
    AGENT_PRIVATE_KEY,
    AGENT_PUBLIC_KEY,
    SERVER_PRIVATE_KEY,
    SERVER_PUBLIC_KEY,
)
from server.refusals import Refusal

ROOT = Path(__file__).parents[1] / "vectors" / "protocols"

Table = dict[str, Any]

_RECEIVED_AT = dt.datetime(2026, 1, 15, 7, 20, 31, tzinfo=dt.UTC)
_PAYMENT_ID = 700123
_VECTOR_KEYS = {"origin", "received_at", "agent", "request", "command", "refused", "reply"}
_AGENT_KEYS = {"zone", "settings", "secrets", "key_pairs"}
_REQUEST_KEYS = {"method", "path", "query", "headers", "body", "encoding", "body_hex"}
_REPLY_KEYS = {
    *("outcome", "account", "payment", "payments", "repeated", "results", "refusal", "field"),
    *("owed", "accounts", "more", "items", "offices", "differences", "closed_at", "registry_id"),
    *("http_status", "content_type", "encoding", "body"),
}
_OPERATIONS: Mapping[type, Operation] = {
    CheckAccount: Operation.CHECK,
    Pay: Operation.PAY,
    Hold: Operation.HOLD,
    Confirm: Operation.CONFIRM,
    Cancel: Operation.CANCEL,
    GetStatus: Operation.STATUS,
    GetStatement: Operation.STATEMENT,
    SubmitReadings: Operation.READING,
    ChangeSecret: Operation.CHANGE_SECRET,
    FindAccounts: Operation.FIND,
    PayBatch: Operation.BATCH,
    CloseDay: Operation.CLOSE_DAY,
    GetDay: Operation.DAY,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What must be answered to one outcome."""

    outcome: Outcome
    status: int
    content_type: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Vector:
    """One request, what it means, and the answers to it."""

    protocol: str
    case: str
    origin: str
    request: Request
    secrets: Mapping[str, str]
    meaning: Command | Refusal
    replies: tuple[Reply, ...]

    @property
    def name(self) -> str:
        return f"{self.protocol}/{self.case}"

    @property
    def operation(self) -> Operation:
        """What a request that was understood asks for."""
        if isinstance(self.meaning, Refusal):
            return Operation.UNKNOWN
        return _OPERATIONS[type(self.meaning)]


@cache
def load_vectors() -> tuple[Vector, ...]:
    """Every vector of every protocol."""
    paths = sorted(ROOT.glob("*/*.toml"))
    return tuple(read_vector(path) for path in paths if not path.name.startswith("_"))


@cache
def load_accounts() -> Mapping[str, AccountView]:
    """The accounts that checks in vectors show."""
    tables = tomllib.loads((ROOT / "accounts.toml").read_text("utf-8"))
    return {number: _account(number, table) for number, table in tables.items()}


@cache
def load_keys() -> Mapping[str, str]:
    """Both key pairs: PEM by name."""
    return tomllib.loads((ROOT / "keys.toml").read_text("utf-8"))


def server_keys() -> dict[str, str]:
    """What the server holds of the key pairs."""
    return {name: load_keys()[name] for name in (AGENT_PUBLIC_KEY, SERVER_PRIVATE_KEY)}


def agent_keys() -> dict[str, str]:
    """What the agent's side holds of them."""
    return {name: load_keys()[name] for name in (AGENT_PRIVATE_KEY, SERVER_PUBLIC_KEY)}


def read_vector(path: Path) -> Vector:
    """One file. Raises on a key that the format does not have."""
    table = tomllib.loads(path.read_text("utf-8"))
    _require_known(path, table, _VECTOR_KEYS)
    received_at = table.get("received_at", _RECEIVED_AT)
    agent_table = _agent_table(path, table.get("agent", {}))
    request = _request(path, table["request"], agent_table, received_at)
    meaning = _meaning(table)
    return Vector(
        protocol=path.parent.name,
        case=path.stem,
        origin=table["origin"],
        request=request,
        secrets=agent_table.get("secrets", {}),
        meaning=meaning,
        replies=tuple(_reply(path, entry, request, meaning) for entry in table["reply"]),
    )


def make_agent(protocol: str, zone: str = "Europe/Moscow", **settings: str) -> Agent:
    """An agent with the limits of the demo agents."""
    limits = Limits(Money(100), Money(1_500_000))
    return Agent(protocol, protocol, zone, limits, settings=settings)


def _agent_table(path: Path, own: Table) -> Table:
    shared = path.with_name("_agent.toml")
    table = tomllib.loads(shared.read_text("utf-8")) if shared.exists() else {}
    table |= own
    _require_known(path, table, _AGENT_KEYS)
    if table.get("key_pairs", False):
        table["secrets"] = table.get("secrets", {}) | server_keys()
    return table


def _request(path: Path, table: Table, agent: Table, received_at: dt.datetime) -> Request:
    _require_known(path, table, _REQUEST_KEYS)
    protocol = path.parent.name
    text = table.get("body", "").encode(table.get("encoding", "utf-8"))
    return Request(
        method=table.get("method", "GET"),
        path=table.get("path", f"/pay/{protocol}"),
        query=table.get("query", ""),
        headers=table.get("headers", {}),
        body=bytes.fromhex(table["body_hex"]) if "body_hex" in table else text,
        agent=make_agent(protocol, agent.get("zone", "Europe/Moscow"), **agent.get("settings", {})),
        received_at=received_at,
    )


def _meaning(table: Table) -> Command | Refusal:
    if "refused" in table:
        assert "command" not in table
        return Refusal(table["refused"])
    fields = dict(table["command"])
    kind = getattr(messages, fields.pop("type"))
    assert kind in _OPERATIONS
    command: Command = kind(**_fields(fields))
    return command


def _fields(table: Table) -> Table:
    return {name: _field(name, value) for name, value in table.items()}


def _field(name: str, value: Any) -> Any:
    match name:
        case "address":
            return messages.Address(**value)
        case "expected":
            return messages.Expected(**_fields(value))
        case "payments":
            return tuple(Pay(**_fields(payment)) for payment in value)
        case "offices":
            return _totals(value)
        case "amount":
            return _money(value)
        case "breakdown":
            return tuple(messages.Part(part["service"], _money(part["amount"])) for part in value)
        case "readings":
            return tuple(messages.Reading(**reading) for reading in value)
        case _:
            return value


def _reply(path: Path, table: Table, request: Request, meaning: Command | Refusal) -> Reply:
    _require_known(path, table, _REPLY_KEYS)
    return Reply(
        outcome=_outcome(table, request, meaning),
        status=table.get("http_status", 200),
        content_type=table.get("content_type"),
        body=table.get("body", "").encode(table.get("encoding", "utf-8")),
    )


def _outcome(table: Table, request: Request, meaning: Command | Refusal) -> Outcome:
    if isinstance(meaning, Refusal):
        return RefusedOutcome(meaning, field=table.get("field", ""))
    repeated = table.get("repeated", False)
    match table["outcome"]:
        case "AccountChecked":
            number: str = table.get("account", getattr(meaning, "account", ""))
            owed = [Owed(**_fields(each)) for each in table.get("owed", ())]
            return AccountChecked(load_accounts()[number], tuple(owed) or None)
        case "PaymentAccepted":
            return PaymentAccepted(_payment(table["payment"], request, meaning), repeated)
        case "PaymentHeld":
            held = {"state": "held", "held_at": request.received_at} | table["payment"]
            return PaymentHeld(_payment(held, request, meaning), repeated)
        case "PaymentCancelled":
            cancelled = {"state": "cancelled"} | table["payment"]
            return PaymentCancelled(_payment(cancelled, request, meaning), repeated)
        case "PaymentStatus":
            return PaymentStatus(_payment(table["payment"], request, meaning))
        case "Statement":
            payments = table["payments"]
            return Statement(tuple(_payment(entry, request, meaning) for entry in payments))
        case "ReadingsTaken":
            return ReadingsTaken(_results(table["results"]))
        case "SecretChanged":
            return SecretChanged()
        case "RefusedOutcome":
            return _refused(table, request, meaning)
    return _counter_outcome(table, request, meaning)


def _refused(table: Table, request: Request, meaning: Command) -> RefusedOutcome:
    payment = table.get("payment")
    return RefusedOutcome(
        Refusal(table["refusal"]),
        None if payment is None else _payment(payment, request, meaning),
        table.get("field", ""),
    )


def _counter_outcome(table: Table, request: Request, meaning: Command) -> Outcome:
    """What only counters are told."""
    closed_at: Any = table.get("closed_at")
    offices = _totals(table.get("offices", ()))
    more = table.get("more", False)
    match table["outcome"], meaning:
        case "AccountsFound", _:
            found = tuple(load_accounts()[number] for number in table.get("accounts", ()))
            return AccountsFound(found, more)
        case "BatchPaid", PayBatch(batch_id, payments):
            items = zip(payments, table["items"], strict=True)
            return BatchPaid(batch_id, tuple(_item(pay, each, request) for pay, each in items))
        case "DayClosed", CloseDay(day):
            differences = _differences(table.get("differences", ()))
            return DayClosed(day, closed_at, table["registry_id"], offices, differences)
        case "DayDiffers", CloseDay(day):
            return DayDiffers(day, offices, _differences(table["differences"]), closed_at)
        case "DayShown", GetDay(day):
            payments = table.get("payments", ())
            shown = tuple(_payment(each, request, meaning) for each in payments)
            return DayShown(day, closed_at, offices, shown, more)
    raise ValueError(f"unknown outcome {table['outcome']}")


def _item(pay: Pay, table: Table, request: Request) -> BatchItem:
    outcome: PaymentAccepted | RefusedOutcome
    if "refusal" in table:
        outcome = _refused(table, request, pay)
    else:
        payment = _payment(table["payment"], request, pay)
        outcome = PaymentAccepted(payment, table.get("repeated", False))
    return BatchItem(pay.agent_payment_id, outcome)


def _totals(entries: Any) -> tuple[OfficeTotal, ...]:
    return tuple(
        OfficeTotal(each["office"], each["count"], _money(each["total"])) for each in entries
    )


def _differences(entries: Any) -> tuple[OfficeDifference, ...]:
    """`declared` and `ours` are {count, total}; one may be left out."""

    def told(entry: Table, name: str) -> OfficeTotal | None:
        return _totals([entry[name] | {"office": entry["office"]}])[0] if name in entry else None

    return tuple(
        OfficeDifference(each["office"], told(each, "declared"), told(each, "ours"))
        for each in entries
    )


def _payment(table: Table, request: Request, meaning: Command | Refusal) -> Payment:
    recorded_at: dt.datetime = table.get("recorded_at", request.received_at)
    state = PaymentState(table.get("state", "credited"))
    credited = state in (PaymentState.CREDITED, PaymentState.REVERSED)
    amount = getattr(meaning, "amount", None)
    return Payment(
        payment_id=table.get("payment_id", getattr(meaning, "payment_id", 0) or _PAYMENT_ID),
        agent=request.agent.name,
        agent_payment_id=table.get(
            "agent_payment_id", getattr(meaning, "agent_payment_id", "") or "90000000000001"
        ),
        account=table.get("account", getattr(meaning, "account", "1004217")),
        amount=_money(table["amount"]) if "amount" in table else amount or Money(152340),
        paid_at=table.get("paid_at", getattr(meaning, "paid_at", None) or recorded_at),
        recorded_at=recorded_at,
        state=state,
        state_at=table.get("state_at", recorded_at),
        readings=_results(table.get("readings", ())),
        held_at=table.get("held_at"),
        credited_at=table.get("credited_at", recorded_at if credited else None),
        reason=table.get("reason", ""),
        terminal=table.get("terminal", ""),
        business_day=table.get("business_day"),
    )


def _results(entries: Any) -> tuple[ReadingResult, ...]:
    return tuple(
        ReadingResult(entry["meter"], Refusal(entry["refusal"]) if "refusal" in entry else None)
        for entry in entries
    )


def _account(number: str, table: Table) -> AccountView:
    services = [
        ServiceDebt(entry["service"], entry["name"], _money(entry["debt"]))
        for entry in table["services"]
    ]
    view = AccountView(
        account=number,
        state=AccountState.ACTIVE,
        holder=table["holder"],
        address=table["address"],
        charged=_money(table["charged"]),
        paid=_money(table["paid"]),
        version=table["version"],
        services=tuple(services),
        meters=tuple(Meter(**entry) for entry in table.get("meters", ())),
    )
    assert sum(service.debt.kopecks for service in services) == view.debt.kopecks, number
    return view


def _money(text: str) -> Money:
    return -Money.parse(text[1:]) if text.startswith("-") else Money.parse(text)


def _require_known(path: Path, table: Table, keys: set[str]) -> None:
    assert not table.keys() - keys, f"{path.name}: unknown keys {sorted(table.keys() - keys)}"
