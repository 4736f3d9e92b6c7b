"""Meter readings in protocols that pass texts through: `<meter>:<reading>`, read and answered.

None of the networks says how a reading is written; this form is our proposal to their contracts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from server.messages import Reading, ReadingResult
from server.protocols import CodeTable, Operation
from server.refusals import Refusal, Refused, outline

METER_LENGTH_MAX = 40
_PAIR = re.compile(r"([!-~]{1,40}):([^:]*)")
_NUMBER = re.compile(r"([0-9]{1,9})(?:[.,]([0-9]{1,3}))?")


def pairs(given: Iterable[tuple[str, str]]) -> tuple[Reading, ...]:
    """The readings in texts by the names of their fields; an empty text is none.

    Raises Refused(MALFORMED) for any other text and for a meter named twice.
    """
    found = tuple(_pair(text, field) for field, text in given if text)
    if len({reading.meter for reading in found}) < len(found):
        raise Refused(Refusal.MALFORMED, "one meter, two readings", "readings")
    return found


def _pair(text: str, field: str) -> Reading:
    match = _PAIR.fullmatch(text)
    if match is None:
        raise Refused(Refusal.MALFORMED, f"not a reading: {outline(text)}", field)
    return Reading(match[1], thousandths(match[2], field))


def thousandths(text: str, field: str, *, comma: bool = False) -> int:
    """What a dial shows: digits and at most three decimals. Raises Refused(MALFORMED)."""
    match = _NUMBER.fullmatch(text)
    if match is None or ("," in text and not comma):
        raise Refused(Refusal.MALFORMED, f"not a reading: {outline(text)}", field)
    return int(match[1]) * 1000 + int(f"{match[2] or '':0<3}")


def dial(value: int) -> str:
    """Thousandths as a dial shows them, with three decimals."""
    whole, rest = divmod(value, 1000)
    return f"{whole}.{rest:03d}"


def refused(results: Iterable[ReadingResult], codes: CodeTable) -> str:
    """Which readings of an accepted payment were not taken, and why; empty when all were."""
    said = [
        f"{result.meter}: {codes[Operation.PAY, result.refusal].text}"
        for result in results
        if result.refusal is not None
    ]
    return f"Показания не приняты. {'; '.join(said)}" if said else ""
