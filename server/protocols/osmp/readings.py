"""Meter readings in the parameters data1 … dataN, each written as `<meter>:<reading>`.

QIWI leaves the meaning of dataN to the contract; this form is our proposal to it.
"""

from __future__ import annotations

import re

from server.agents import Agent
from server.messages import Reading
from server.protocols import form
from server.protocols.osmp import settings
from server.refusals import Refusal, Refused

_COUNT_MAX = 20
_READING = re.compile(r"([!-~]{1,40}):([0-9]{1,9})(?:\.([0-9]{1,3}))?")


def readings(given: form.Form, agent: Agent) -> tuple[Reading, ...]:
    """The readings in the order of their numbers; an empty parameter is none.

    Raises Refused(MALFORMED) for any other text and for a meter named twice.
    """
    if settings.READINGS.of(agent) == settings.OFF:
        return ()
    names = [f"data{number}" for number in range(1, _COUNT_MAX + 1)]
    found = tuple(_reading(name, given.get(name)) for name in names if given.get(name))
    if len({reading.meter for reading in found}) < len(found):
        raise Refused(Refusal.MALFORMED, "one meter, two readings", "data1")
    return found


def _reading(name: str, text: str) -> Reading:
    match = _READING.fullmatch(text)
    if match is None:
        raise Refused(Refusal.MALFORMED, f"not a reading: {text[:60]!r}", name)
    return Reading(match[1], int(match[2]) * 1000 + int(f"{match[3] or '':0<3}"))
