"""The dialect switches of a Click agent; the README says what each is for."""

from __future__ import annotations

from server.agents import Agent
from server.protocols import Setting

OFF = "off"

SERVICE_IDS = Setting("service_ids", "7001", pattern=r"[0-9]{1,10}(?: [0-9]{1,10})*")
HOLD_HOURS = Setting("hold_hours", "24", pattern=r"[1-9][0-9]{0,2}")
WINDOW_MINUTES = Setting("window_minutes", OFF, pattern=r"off|[1-9][0-9]{0,4}")

SETTINGS = (SERVICE_IDS, HOLD_HOURS, WINDOW_MINUTES)


def hold_seconds(agent: Agent) -> int:
    """How long a prepared payment waits for its completion."""
    return int(HOLD_HOURS.of(agent)) * 3600
