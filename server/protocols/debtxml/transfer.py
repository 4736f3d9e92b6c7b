"""A `Transfer` as sent: its action and its Data. Names match whatever their namespace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from server.protocols import Request, xml
from server.refusals import Refusal, Refused

_ROOT = "Transfer"
_INTERFACE = "Debt"
# A request is read by decode and encode; those between its decoding and its answer are few.
_READ_MAX = 64


@dataclass(frozen=True, slots=True)
class Transfer:
    """A request whose parts are not validated yet."""

    action: str
    data: etree._Element

    def has_unit(self, name: str) -> bool:
        """Whether a search says anything under this name."""
        units = children(self.data, "Unit")
        return any(unit.get("name") == name and unit.get("value", "").strip() for unit in units)

    def units(self) -> dict[str, str]:
        """What a search is for, by name. Raises Refused(MALFORMED) for a name given twice."""
        found: dict[str, str] = {}
        for unit in children(self.data, "Unit"):
            name = unit.get("name", "")
            if name in found:
                raise Refused(Refusal.MALFORMED, f"{name[:40]!r} is there twice", "Unit")
            found[name] = unit.get("value", "").strip()
        return found


def read(request: Request) -> Transfer:
    """The transfer in a request. Raises Refused(MALFORMED)."""
    if request.method != "POST":
        raise Refused(Refusal.MALFORMED, f"the method {request.method[:20]!r}")
    return _read(request.body)


@lru_cache(_READ_MAX)
def _read(body: bytes) -> Transfer:
    root = xml.parse(body)
    if _local(root) != _ROOT or root.get("interface", _INTERFACE) != _INTERFACE:
        raise Refused(Refusal.MALFORMED, f"not a {_ROOT} of {_INTERFACE}")
    data = child(root, "Data")
    if data is None:
        raise Refused(Refusal.MALFORMED, "no Data")
    return Transfer(root.get("action", ""), data)


def children(parent: etree._Element, name: str) -> Iterator[etree._Element]:
    """The children of this name."""
    return (element for element in parent if _local(element) == name)


def child(parent: etree._Element, name: str) -> etree._Element | None:
    """The only child of this name. Raises Refused(MALFORMED) when there are two."""
    found = list(children(parent, name))
    if len(found) > 1:
        raise Refused(Refusal.MALFORMED, f"{name} is there twice", name)
    return found[0] if found else None


def text(parent: etree._Element, name: str) -> str:
    """The text of the only child of this name, empty when it is absent or holds elements."""
    found = child(parent, name)
    return "" if found is None or len(found) else (found.text or "").strip()


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]
