"""The dialect switches of a Paynet agent; the README says what each is for."""

from __future__ import annotations

from server.agents import Agent
from server.protocols import Setting

ACCOUNT_KEY = Setting("account_key", "clientid")
TERMINAL_KEY = Setting("terminal_key", "terminal_id")
METER_PREFIX = Setting("meter_prefix", "meter_")
SERVICE_IDS = Setting("service_ids", "1")


def our_services(agent: Agent) -> tuple[str, ...]:
    """The serviceIds that are the agent's."""
    return tuple(SERVICE_IDS.of(agent).replace(",", " ").split())
