"""The dialect switches of a Paynet JSON agent; the README says what each is for."""

from __future__ import annotations

from server.agents import Agent
from server.protocols import Setting

STATE = "state"
ERROR = "error"

ACCOUNT_KEY = Setting("account_key", "clientid")
TERMINAL_KEY = Setting("terminal_key", "terminal_id")
METER_PREFIX = Setting("meter_prefix", "meter_")
SERVICE_IDS = Setting("service_ids", "1", pattern=r"[0-9]+(?: [0-9]+)*")
CHECK_NOT_FOUND = Setting("check_not_found", STATE, (STATE, ERROR))

SETTINGS = (SERVICE_IDS, ACCOUNT_KEY, TERMINAL_KEY, METER_PREFIX, CHECK_NOT_FOUND)


def our_services(agent: Agent) -> tuple[str, ...]:
    """The serviceIds that are the agent's."""
    return tuple(SERVICE_IDS.of(agent).split())
