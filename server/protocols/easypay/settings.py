"""The dialect switches of an EasyPay agent; the README says what each is for."""

from __future__ import annotations

from server.agents import Agent
from server.protocols import Setting

UBILLING = "ubilling"
ABILLS = "abills"
OK = "ok"
EXISTS = "exists"
OFF = "off"

SERVICE_IDS = Setting("service_ids", "1", pattern=r"[0-9]{1,10}(?: [0-9]{1,10})*")
CODES = Setting("codes", UBILLING, (UBILLING, ABILLS))
REPEAT = Setting("repeat", OK, (OK, EXISTS))
HOLD_HOURS = Setting("hold_hours", "24", pattern=r"[1-9][0-9]{0,2}")
WINDOW_MINUTES = Setting("window_minutes", OFF, pattern=r"off|[1-9][0-9]{0,4}")

SETTINGS = (SERVICE_IDS, CODES, REPEAT, HOLD_HOURS, WINDOW_MINUTES)


def hold_seconds(agent: Agent) -> int:
    """How long a payment waits for its confirmation."""
    return int(HOLD_HOURS.of(agent)) * 3600
