"""Whether a meter reading is plausible: not below the last one, not far above the usual use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from server.agents import Agent
from server.messages import Reading, ReadingResult
from server.payments.ports import MeterRecord
from server.refusals import Refusal

_USUAL_USE_TIMES_MAX = 3
_MONTH_DAYS = 30


def judge(
    agent: Agent, meters: Sequence[MeterRecord], readings: Sequence[Reading], today: dt.date
) -> tuple[ReadingResult, ...]:
    """One result for each reading, in its order. The money of a payment never depends on it."""
    known = {meter.meter: meter for meter in meters}
    window = _window(agent)
    return tuple(
        ReadingResult(reading.meter, _refusal(known.get(reading.meter), reading, today, window))
        for reading in readings
    )


def _window(agent: Agent) -> tuple[int, int]:
    """Setting `reading_window`: first and last day of the month, such as `15-25`; default all."""
    first, _, last = agent.setting("reading_window", "1-31").partition("-")
    return int(first), int(last)


def _refusal(
    meter: MeterRecord | None, reading: Reading, today: dt.date, window: tuple[int, int]
) -> Refusal | None:
    if meter is None:
        return Refusal.METER_NOT_FOUND
    if not window[0] <= today.day <= window[1]:
        return Refusal.READING_PERIOD_CLOSED
    if meter.last_reading is None or meter.last_date is None:
        return None
    used = reading.value - meter.last_reading
    if used < 0:
        return Refusal.READING_IMPLAUSIBLE
    months = max(1, -(-(today - meter.last_date).days // _MONTH_DAYS))
    if meter.month_mean and used > _USUAL_USE_TIMES_MAX * meter.month_mean * months:
        return Refusal.READING_IMPLAUSIBLE
    return None
