"""The dialect switches of an ERIP agent; the README says what each is for."""

from __future__ import annotations

from server.agents import Agent
from server.protocols import Setting

OFF = "off"
MAJOR = "major"
MINOR = "minor"
AT_RESULT = "at_result"
AT_START = "at_start"

SERVICE_NOS = Setting("service_nos", "1", pattern=r"[0-9]{1,10}(?: [0-9]{1,10})*")
CURRENCY = Setting("currency", "933", pattern=r"[0-9]{3}")
AMOUNT = Setting("amount", MAJOR, (MAJOR, MINOR))
STORN = Setting("storn", AT_RESULT, (AT_RESULT, AT_START))
HOLD_HOURS = Setting("hold_hours", "72", pattern=r"[1-9][0-9]{0,2}")
WINDOW_MINUTES = Setting("window_minutes", OFF, pattern=r"off|[1-9][0-9]{0,4}")

SETTINGS = (SERVICE_NOS, CURRENCY, AMOUNT, STORN, HOLD_HOURS, WINDOW_MINUTES)


def hold_seconds(agent: Agent) -> int:
    """How long a started payment waits for its result."""
    return int(HOLD_HOURS.of(agent)) * 3600
