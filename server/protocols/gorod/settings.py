"""The dialect switches of a Gorod agent; the README says what each is for."""

from __future__ import annotations

from server.agents import Agent
from server.protocols import Setting
from server.protocols.xml import UTF_8, WINDOWS_1251

ON = "on"
OFF = "off"

ENCODING = Setting("encoding", WINDOWS_1251, (WINDOWS_1251, UTF_8))
SERVICES = Setting("services", "8001", pattern=r"[0-9]+(?: [0-9]+)*")
DETAILS = Setting("details", ON, (ON, OFF))

SETTINGS = (ENCODING, SERVICES, DETAILS)


def our_services(agent: Agent) -> tuple[str, ...]:
    """The service numbers that are the agent's."""
    return tuple(SERVICES.of(agent).split())
