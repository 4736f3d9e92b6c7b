"""Paynet requests: read leniently, brought into one form of ours, validated against strict.xsd.

The lenience is what real clients need: names match without their namespace, elements may stand in
any order, xsi:type and unknown elements are ignored, dates may have a space for the T.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import islice

from lxml import etree

from server.agents import Agent
from server.protocols import Operation, Request, soap, xml
from server.protocols.paynet.codes import OPERATIONS
from server.protocols.paynet.settings import ACCOUNT_KEY, METER_PREFIX, TERMINAL_KEY
from server.refusals import Refusal, Refused

REASON_LENGTH_MAX = 250
# Far above what a service has, far below what a body of the largest size could hold.
CHILDREN_MAX = 200
# A request is read by verify, decode and encode; those between its decoding and its answer are few.
_READ_MAX = 64

_ARGUMENTS = "Arguments"
_REASON_KEYS = ("cancel_reason_code", "cancel_reason_note")
_READING = "reading"
_DATES = frozenset({"transactionTime", "dateFrom", "dateTo"})
_STRICT = etree.XMLSchema(xml.parse(files(__package__).joinpath("strict.xsd").read_bytes()))

# The elements of strict.xsd in its order; those not in the request's arguments are made below.
_SHAPES = {
    Operation.CHECK: ("account", "serviceId"),
    Operation.PAY: (
        "amount",
        "account",
        "terminal",
        _READING,
        "serviceId",
        "transactionId",
        "transactionTime",
    ),
    Operation.STATUS: ("serviceId", "transactionId", "transactionTime"),
    Operation.CANCEL: ("serviceId", "transactionId", "transactionTime", "reason"),
    Operation.STATEMENT: ("dateFrom", "dateTo", "serviceId", "onlyTransactionId"),
    Operation.CHANGE_SECRET: ("newPassword",),
}

# What a violation of a field's type means; every other one is MALFORMED.
_VIOLATIONS = {
    "amount": Refusal.AMOUNT_MALFORMED,
    "account": Refusal.ACCOUNT_MALFORMED,
    _READING: Refusal.READING_IMPLAUSIBLE,
    "transactionId": Refusal.PAYMENT_ID_MALFORMED,
    "transactionTime": Refusal.DATE_MALFORMED,
    "dateFrom": Refusal.DATE_MALFORMED,
    "dateTo": Refusal.DATE_MALFORMED,
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request as sent: nothing in it is validated yet."""

    version: soap.Version
    operation: Operation
    name: str
    """The operation's name for the reply; empty when neither Body nor SOAPAction has one."""
    fields: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str], ...]
    """(paramKey, paramValue) in the order sent."""
    whole: bool
    """Whether all children were read, none being beyond CHILDREN_MAX."""

    def first(self, name: str) -> str:
        """The first field of this name; empty when there is none."""
        return next((text for found, text in self.fields if found == name), "")


def read(request: Request) -> Call:
    """The call in a request, its operation perhaps unknown. Raises Refused(MALFORMED)."""
    if request.method != "POST":
        raise Refused(Refusal.MALFORMED, f"the method {request.method[:20]!r}")
    return _read(request.body, soap.action(request.headers))


@lru_cache(_READ_MAX)
def _read(body: bytes, action: str) -> Call:
    envelope = soap.read(body)
    root = soap.local_name(envelope.content)
    name = root.removesuffix(_ARGUMENTS)
    if not root.endswith(_ARGUMENTS) or name not in OPERATIONS:
        name = ""
    fields, parameters = [], []
    for child in islice(envelope.content, CHILDREN_MAX + 1):
        child_name = soap.local_name(child)
        if child_name == "parameters":
            parameters.append(_parameter(child))
        else:
            fields.append((child_name, _text(child)))
    return Call(
        version=envelope.version,
        operation=OPERATIONS.get(name, Operation.UNKNOWN),
        name=name or _operation_of(action),
        fields=tuple(fields),
        parameters=tuple(parameters),
        whole=len(envelope.content) <= CHILDREN_MAX,
    )


def _operation_of(action: str) -> str:
    name = action.removeprefix("urn:")
    return name if name in OPERATIONS else ""


def _text(element: etree._Element) -> str:
    """The text of an element that holds nothing else; markup in a value makes it empty."""
    return "" if len(element) else element.text or ""


def _parameter(element: etree._Element) -> tuple[str, str]:
    found = {soap.local_name(child): _text(child).strip() for child in element}
    return found.get("paramKey", ""), found.get("paramValue", "")


@dataclass(frozen=True, slots=True)
class Strict:
    """A call as strict.xsd has found it valid."""

    texts: Mapping[str, str]
    """The first of each name."""
    readings: tuple[tuple[str, str], ...]
    """(meter, reading)."""

    def text(self, name: str) -> str:
        """The element's text; empty when it is not there."""
        return self.texts.get(name, "")


def validated(call: Call, agent: Agent) -> Strict:
    """The call in the form of strict.xsd. Raises Refused, with the part at fault as its field."""
    if call.operation is Operation.UNKNOWN:
        raise Refused(Refusal.UNKNOWN_OPERATION, "no such operation")
    if not call.whole:
        raise Refused(Refusal.MALFORMED, f"more than {CHILDREN_MAX} elements")
    strict = etree.Element(call.name)
    texts: dict[str, str] = {}
    readings = []
    for name in _SHAPES[call.operation]:
        for text, attributes in _sources(name, call, agent):
            etree.SubElement(strict, name, attributes).text = text
            texts.setdefault(name, text)
            if name == _READING:
                readings.append((attributes["meter"], text))
    if not _STRICT.validate(strict):
        raise _violation(strict)
    return Strict(texts, tuple(readings))


def _sources(name: str, call: Call, agent: Agent) -> Iterator[tuple[str, dict[str, str]]]:
    """What the request has for one element of the strict form, repeated as often as it is there."""
    match name:
        case "account":
            yield from _of_key(ACCOUNT_KEY.of(agent), call)
        case "terminal":
            yield from _of_key(TERMINAL_KEY.of(agent), call)
        case "reading":
            yield from _readings(call, agent)
        case "reason":
            notes = [value for key, value in call.parameters if key in _REASON_KEYS and value]
            yield " ".join(notes)[:REASON_LENGTH_MAX], {}
        case "newPassword":
            yield from ((text, {}) for found, text in call.fields if found == name)
        case _:
            yield from ((_plain(name, text), {}) for found, text in call.fields if found == name)


def _of_key(key: str, call: Call) -> Iterator[tuple[str, dict[str, str]]]:
    yield from ((value, {"key": key}) for found, value in call.parameters if found == key)


def _readings(call: Call, agent: Agent) -> Iterator[tuple[str, dict[str, str]]]:
    """Parameters named after a meter; one left empty is a reading that was not taken."""
    prefix = METER_PREFIX.of(agent)
    if not prefix:
        return
    for key, value in call.parameters:
        if key.startswith(prefix) and value:
            yield value.replace(",", "."), {"key": key, "meter": key.removeprefix(prefix)}


def _plain(name: str, text: str) -> str:
    text = text.strip()
    return text.replace(" ", "T", 1) if name in _DATES else text


def _violation(strict: etree._Element) -> Refused:
    """The first violation of the schema. A missing or repeated element is MALFORMED."""
    error = _STRICT.error_log[0]
    if error.type_name == "SCHEMAV_ELEMENT_CONTENT":
        return Refused(Refusal.MALFORMED, error.message[:200])
    found = strict.xpath(error.path or "")
    element = found[0] if isinstance(found, list) and found else strict
    assert isinstance(element, etree._Element)
    name = str(element.tag)
    # The message quotes the value, which may be a password: it must not reach a log.
    detail = f"{name}: {error.type_name}"
    return Refused(_VIOLATIONS.get(name, Refusal.MALFORMED), detail, element.get("key", name))
