"""Requests of the post office: one element of ours in the Body, held against post.xsd."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from lxml import etree

from server.messages import (
    Address,
    Cancel,
    CheckAccount,
    Command,
    FindAccounts,
    GetStatus,
    Part,
    Pay,
    PayBatch,
    Reading,
)
from server.money import Money
from server.offices import CloseDay, GetDay, OfficeTotal
from server.protocols import Operation, Request, soap, xml
from server.protocols.post import qr
from server.protocols.post.codes import OPERATIONS
from server.protocols.readings import thousandths
from server.protocols.ws_security import SECURITY
from server.refusals import Refusal, Refused

NAMESPACE = "urn:kvitok:post:1"
BODY_BYTES_MAX = 2 << 20
"""A thousand payments, each with its parts and readings."""
SCHEMA = files(__package__).joinpath("post.xsd").read_text("utf-8")

_XSD = etree.XMLSchema(etree.fromstring(SCHEMA.encode()))
_OURS = f"{{{NAMESPACE}}}"
_OURS_CHARACTERS = len(_OURS)
_PLACE = f"{_OURS}place"
_NAMES = {f"{_OURS}{name}": name for name in OPERATIONS}
_UNDERSTOOD = frozenset({SECURITY})
_ENCODINGS = (xml.UTF_8,)
# A request is read by verify, decode and encode; a tree is ten times its text, so few large ones.
_SMALL_BYTES = 8192
_FIELD_CHARACTERS_MAX = 200
_SMALL_MAX = 64
_LARGE_MAX = 2

# What a value that its type does not allow means; every other violation is MALFORMED.
_VIOLATIONS = {
    **dict.fromkeys(("account", "unifiedAccount"), Refusal.ACCOUNT_MALFORMED),
    **dict.fromkeys(("amountKopecks", "totalKopecks"), Refusal.AMOUNT_MALFORMED),
    **dict.fromkeys(("paidAt", "day"), Refusal.DATE_MALFORMED),
    **dict.fromkeys(("paymentId", "batchId", "paymentNumber"), Refusal.PAYMENT_ID_MALFORMED),
}
_OF_A_VALUE = (
    "SCHEMAV_CVC_DATATYPE_",
    "SCHEMAV_CVC_PATTERN_",
    "SCHEMAV_CVC_MIN",
    "SCHEMAV_CVC_MAX",
)


@dataclass(frozen=True, slots=True)
class Call:
    """A request as sent: nothing in it is validated or authentic yet."""

    envelope: soap.Envelope
    operation: Operation
    name: str
    """The operation's element; empty when it is none of ours."""

    @property
    def version(self) -> soap.Version:
        """What its answer speaks too."""
        return self.envelope.version


def read(request: Request) -> Call:
    """The call in a request, its operation perhaps unknown. Raises Refused(MALFORMED)."""
    if request.method != "POST":
        raise Refused(Refusal.MALFORMED, f"the method {request.method[:20]!r}")
    is_small = len(request.body) <= _SMALL_BYTES
    return _small(request.body) if is_small else _large(request.body)


def _read(body: bytes) -> Call:
    envelope = soap.read(body, BODY_BYTES_MAX, _ENCODINGS)
    soap.require_understood(envelope, _UNDERSTOOD)
    name = _NAMES.get(str(envelope.content.tag), "")
    return Call(envelope, OPERATIONS.get(name, Operation.UNKNOWN), name)


_small = lru_cache(_SMALL_MAX)(_read)
_large = lru_cache(_LARGE_MAX)(_read)


def command(call: Call) -> Command:
    """What is asked for. Raises Refused, its field naming the element at fault."""
    content = call.envelope.content
    if call.operation is Operation.UNKNOWN:
        raise Refused(Refusal.UNKNOWN_OPERATION, "no such operation")
    if not _XSD.validate(content):
        raise _violation(content)
    said = _texts(content)
    match call.operation:
        case Operation.FIND:
            return _find(content, said)
        case Operation.CHECK:
            return CheckAccount(said["account"], terminal=_place(content), by_period=True)
        case Operation.PAY:
            return _pay(content)
        case Operation.BATCH:
            place = _place(content)
            payments = content.iterchildren(f"{_OURS}payment")
            return PayBatch(said["batchId"], tuple(_pay(each, place) for each in payments))
        case Operation.CANCEL:
            return Cancel(said["paymentId"], reason=said.get("reason", ""), same_day=True)
        case Operation.STATUS:
            return GetStatus(said.get("paymentId", ""), int(said.get("paymentNumber", 0)))
        case Operation.CLOSE_DAY:
            return _close_day(content, said)
        case _:
            office, after = said.get("office", ""), said.get("afterNumber", 0)
            return GetDay(_day(said), office, int(after))


def scanned(call: Call) -> qr.Bill | None:
    """The bill whose code was scanned to find its account, in a request that was understood."""
    if call.operation is not Operation.FIND:
        return None
    text = call.envelope.content.findtext(f"{_OURS}qrText")
    return qr.read(text) if text else None


def _violation(content: etree._Element) -> Refused:
    """The first violation of the schema."""
    error = _XSD.error_log[0]
    element = _element_at(content, error.path or "")
    # The message quotes the value, which may be somebody's address: it must not reach a log.
    field = "" if element is content else _field(content, element)
    refusal = Refusal.MALFORMED
    if error.type_name.startswith(_OF_A_VALUE):
        refusal = _VIOLATIONS.get(soap.local_name(element), Refusal.MALFORMED)
    return Refused(refusal, f"{field}: {error.type_name}", field)


def _element_at(content: etree._Element, path: str) -> etree._Element:
    """libxml2's path begins with the element that was validated, which stands in an envelope."""
    steps = path.strip("/").split("/")[1:]
    prefixes = {prefix: space for prefix, space in content.nsmap.items() if prefix}
    try:
        found = content.xpath("/".join(steps), namespaces=prefixes) if steps else []
    except etree.XPathEvalError:
        return content
    first = found[0] if isinstance(found, list) and found else content
    return first if isinstance(first, etree._Element) else content


def _field(content: etree._Element, element: etree._Element | None) -> str:
    """Such as payment[17]/amountKopecks."""
    steps: list[str] = []
    while element is not None and element is not content:
        parent = element.getparent()
        equals = [] if parent is None else [each for each in parent if each.tag == element.tag]
        place = f"[{equals.index(element) + 1}]" if len(equals) > 1 else ""
        steps.append(f"{soap.local_name(element)}{place}")
        element = parent
    return "/".join(reversed(steps))[:_FIELD_CHARACTERS_MAX]


def _texts(parent: etree._Element) -> dict[str, str]:
    """The text of each child by its name; where a name comes again, of the last one."""
    return {str(child.tag)[_OURS_CHARACTERS:]: child.text or "" for child in parent}


def _find(content: etree._Element, said: dict[str, str]) -> FindAccounts:
    place = _place(content)
    address = content.find(f"{_OURS}address")
    if address is not None:
        return FindAccounts(address=Address(**_texts(address)), terminal=place)
    if "qrText" in said:
        bill = qr.read(said["qrText"])
        if bill.is_unified:
            return FindAccounts(unified_account=bill.account, terminal=place)
        return FindAccounts(bill.account, terminal=place)
    unified = said.get("unifiedAccount", "")
    return FindAccounts(said.get("account", ""), unified_account=unified, terminal=place)


def _place(parent: etree._Element, otherwise: str = "") -> str:
    """`office/cash desk/operator`, without what is missing at its end."""
    place = parent.find(_PLACE)
    if place is None:
        return otherwise
    said = _texts(place)
    desk, operator = said.get("cashDesk", ""), said.get("operator", "")
    return f"{said['office']}/{desk}/{operator}".rstrip("/")


def _pay(content: etree._Element, place: str = "") -> Pay:
    said = _texts(content)
    return Pay(
        agent_payment_id=said["paymentId"],
        account=said["account"],
        amount=_kopecks(said["amountKopecks"]),
        paid_at=_moment(said["paidAt"]),
        breakdown=tuple(map(_part, content.iterchildren(f"{_OURS}part"))),
        readings=tuple(map(_reading, content.iterchildren(f"{_OURS}reading"))),
        terminal=_place(content, place),
    )


def _part(element: etree._Element) -> Part:
    said = _texts(element)
    return Part(said["service"], _kopecks(said["amountKopecks"]))


def _reading(element: etree._Element) -> Reading:
    said = _texts(element)
    return Reading(said["meter"], thousandths(said["value"].strip(), "reading"))


def _close_day(content: etree._Element, said: dict[str, str]) -> CloseDay:
    offices = tuple(map(_office, content.iterchildren(f"{_OURS}office")))
    despite = said.get("despiteDifferences", "").strip() in ("true", "1")
    return CloseDay(_day(said), offices, despite)


def _office(element: etree._Element) -> OfficeTotal:
    said = _texts(element)
    return OfficeTotal(said["index"], int(said["count"]), _kopecks(said["totalKopecks"]))


def _kopecks(text: str) -> Money:
    return Money(int(text))


def _moment(text: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text.strip()).astimezone(dt.UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        # The schema's 24:00:00 is no time to Python.
        raise Refused(Refusal.DATE_MALFORMED, "no such time", "paidAt") from None


def _day(said: dict[str, str]) -> dt.date:
    return dt.date.fromisoformat(said["day"].strip())
