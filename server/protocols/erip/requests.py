"""ERIP's five messages: the salted MD5 over the document, then its values."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from lxml import etree

from server.agents import Agent
from server.messages import (
    Cancel,
    CheckAccount,
    Command,
    Confirm,
    Expected,
    GetStatus,
    Hold,
)
from server.money import Money
from server.protocols import (
    Headers,
    Operation,
    Request,
    Secrets,
    Verified,
    fields,
    local_time,
    signatures,
    xml,
)
from server.protocols.erip import posted, settings
from server.refusals import Refusal, Refused, outline

SALT = "salt"
HEADER = "ServiceProvider-Signature"
DATE_TIME = "%Y%m%d%H%M%S"
ROOT = "ServiceProvider_Request"

_SIGNATURE = re.compile(r"\s*SALT\+MD5:\s*([0-9A-Fa-f]{32})\s*")
_DECLARATION = b"<?xml"
_CLOSING_TAG = f"</{ROOT}>".encode()
_ID_LENGTH_MAX = 20
_TERMINAL_LENGTH_MAX = 40
_CHILDREN_MAX = 50
# A request is read by verify, decode and encode; those between its arrival and answer are few.
_READ_MAX = 64


class Kind(Enum):
    """RequestType."""

    SERVICE_INFO = "ServiceInfo"
    TRANSACTION_START = "TransactionStart"
    TRANSACTION_RESULT = "TransactionResult"
    STORN_START = "StornStart"
    STORN_RESULT = "StornResult"


_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Message:
    """A request as sent: the values of its head, and those of the block named after its type."""

    kind: Kind | None
    head: Mapping[str, str]
    block: Mapping[str, str]

    @property
    def failed(self) -> bool:
        """Whether a result reports that the payment was not made."""
        return "ErrorText" in self.block

    @property
    def storned(self) -> bool:
        """Whether a storn's result reports that it was carried out."""
        return self.block.get("Storned", "") == "Y"


def verify(request: Request, secrets: Secrets, _now: dt.datetime) -> Verified:
    """MD5 over the salt and the document, in the header. Raises Refused."""
    salt = signatures.secret(secrets, SALT)
    try:
        signatures.require_hex(given_digest(request.headers), digest(salt, _document(request)))
        window = settings.WINDOW_MINUTES.of(request.agent)
        if window != settings.OFF:
            signatures.require_fresh(_date_time(read(request), request.agent), request, int(window))
    except Refused:
        raise signatures.wrong() from None
    return Verified()


def given_digest(headers: Headers) -> str:
    """The digest in a message's header; empty when there is none to read."""
    found = _SIGNATURE.fullmatch(headers.get(HEADER.lower(), ""))
    return found[1] if found else ""


def digest(salt: str, document: bytes) -> str:
    """What the header of a document must say."""
    salted = salt.encode(xml.WINDOWS_1251, "replace") + document
    return signatures.digest_hex(signatures.Digest.MD5, salted)


def _document(request: Request) -> bytes:
    """From the declaration to the closing tag: what stands around it is not signed."""
    return _signed(posted.field(request))


@lru_cache(_READ_MAX)
def _signed(field: bytes) -> bytes:
    start, end = field.find(_DECLARATION), field.rfind(_CLOSING_TAG)
    if not 0 <= start < end:
        raise Refused(Refusal.MALFORMED, f"no {ROOT}", posted.FIELD)
    return field[start : end + len(_CLOSING_TAG)]


def read(request: Request) -> Message:
    """The message in a request, of a perhaps unknown kind. Raises Refused(MALFORMED)."""
    return _message(_document(request))


@lru_cache(_READ_MAX)
def _message(document: bytes) -> Message:
    root = xml.parse(document)
    if root.tag != ROOT:
        raise Refused(Refusal.MALFORMED, f"not a {ROOT}")
    head = _texts(root)
    name = head.get("RequestType", "")
    kind = _KINDS.get(name)
    blocks = root.findall(name) if kind else []
    if len(blocks) > 1:
        raise Refused(Refusal.MALFORMED, "two blocks")
    return Message(kind, head, _texts(blocks[0]) if blocks else {})


def _texts(element: etree._Element) -> Mapping[str, str]:
    """The texts of the children that hold nothing else, by name."""
    if len(element) > _CHILDREN_MAX:
        raise Refused(Refusal.MALFORMED, f"{len(element)} elements")
    found: dict[str, str] = {}
    for child in element:
        name = str(child.tag)
        if name in found:
            raise Refused(Refusal.MALFORMED, f"{name[:40]} twice", name[:40])
        if not len(child):
            found[name] = (child.text or "").strip()
    return found


def operation_of(message: Message, agent: Agent) -> Operation:
    """What is asked for; when a storn takes effect is a setting."""
    at_start = settings.STORN.of(agent) == settings.AT_START
    match message.kind:
        case Kind.SERVICE_INFO:
            return Operation.CHECK
        case Kind.TRANSACTION_START:
            return Operation.HOLD
        case Kind.TRANSACTION_RESULT:
            return Operation.CANCEL if message.failed else Operation.CONFIRM
        case Kind.STORN_START:
            return Operation.CANCEL if at_start else Operation.STATUS
        case Kind.STORN_RESULT:
            return Operation.CANCEL if message.storned else Operation.STATUS
        case None:
            return Operation.UNKNOWN


def decode(request: Request) -> Command:
    """What ERIP wants. Raises Refused."""
    message, agent = read(request), request.agent
    operation = operation_of(message, agent)
    if operation is Operation.UNKNOWN:
        raise Refused(Refusal.UNKNOWN_OPERATION, message.head.get("RequestType", "")[:40])
    _service(message, agent)
    _currency(message, agent)
    match operation:
        case Operation.CHECK:
            return CheckAccount(_account(message))
        case Operation.HOLD:
            return Hold(
                agent_payment_id=_transaction_id(message),
                account=_account(message),
                amount=_amount(message, agent),
                valid_seconds=settings.hold_seconds(agent),
                paid_at=_date_time(message, agent),
                terminal=_terminal(message),
            )
        case _:
            return _about_recorded(message, operation, agent)


def _about_recorded(message: Message, operation: Operation, agent: Agent) -> Command:
    number, expected = _transaction_id(message), _expected(message, agent)
    match operation:
        case Operation.CONFIRM:
            return Confirm(agent_payment_id=number, expected=expected)
        case Operation.STATUS:
            _require_outcome(message)
            return GetStatus(
                agent_payment_id=number,
                expected=expected,
                before_cancel=message.kind is Kind.STORN_START,
            )
        case _:
            reason = "".join(filter(str.isprintable, message.block.get("ErrorText", "")))[:200]
            return Cancel(
                agent_payment_id=number,
                reason=reason,
                only_held=message.kind is Kind.TRANSACTION_RESULT,
                expected=expected,
            )


def _expected(message: Message, agent: Agent) -> Expected | None:
    """What else the message says of the payment it names. Raises Refused."""
    number = message.block.get("ServiceProvider_TrxId", "")
    account = message.head.get("PersonalAccount", "") and _account(message)
    amount = _amount(message, agent) if message.block.get("Amount") else None
    if not number and not account and amount is None:
        return None
    ours = fields.our_number(number, "ServiceProvider_TrxId") if number else 0
    return Expected(payment_id=ours, account=account, amount=amount)


def _require_outcome(message: Message) -> None:
    """A storn's result says Y or N, and nothing else means N."""
    if message.kind is Kind.STORN_RESULT and message.block.get("Storned") != "N":
        raise Refused(Refusal.MALFORMED, "Storned is neither Y nor N", "Storned")


def _service(message: Message, agent: Agent) -> None:
    number = message.head.get("ServiceNo", "")
    if number and number not in settings.SERVICE_NOS.of(agent).split():
        raise Refused(Refusal.NOT_PERMITTED, f"the service {number[:40]}", "ServiceNo")


def _currency(message: Message, agent: Agent) -> None:
    currency = message.head.get("Currency", "")
    if currency and currency != settings.CURRENCY.of(agent):
        raise Refused(Refusal.AMOUNT_MALFORMED, f"the currency {currency[:40]}", "Currency")


def _date_time(message: Message, agent: Agent) -> dt.datetime:
    return local_time.read(message.head.get("DateTime", ""), DATE_TIME, agent.zone)


def _account(message: Message) -> str:
    return fields.account(_required(message.head, "PersonalAccount"), "PersonalAccount")


def _transaction_id(message: Message) -> str:
    written = _required(message.block, "TransactionId")
    return fields.digits(written, "TransactionId", _ID_LENGTH_MAX)


def _amount(message: Message, agent: Agent) -> Money:
    written = _required(message.block, "Amount")
    if settings.AMOUNT.of(agent) == settings.MINOR:
        return fields.kopecks(written, "Amount")
    return fields.roubles(written, "Amount", comma=True)


def _terminal(message: Message) -> str:
    terminal = message.head.get("Terminal", "")
    if len(terminal) > _TERMINAL_LENGTH_MAX or not terminal.isprintable():
        raise Refused(Refusal.MALFORMED, f"the terminal {outline(terminal)}", "Terminal")
    return terminal


def _required(values: Mapping[str, str], name: str) -> str:
    text = values.get(name, "")
    if not text:
        raise Refused(Refusal.MALFORMED, f"no {name}", name)
    return text
