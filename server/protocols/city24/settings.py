"""The dialect switches of a City24 agent; the README says what each is for."""

from __future__ import annotations

from server.agents import Agent
from server.protocols import Setting

ON = "on"
OFF = "off"

CANCEL = Setting("cancel", ON, (ON, OFF))
STATUS = Setting("status", ON, (ON, OFF))
PAY_ELEMENTS = Setting("pay_elements", "", pattern=r"(?:[0-9]+(?: [0-9]+)*)?")
SUB_PROVIDER = Setting("sub_provider", "")

SETTINGS = (CANCEL, STATUS, PAY_ELEMENTS, SUB_PROVIDER)


def is_ours(pay_element: str, agent: Agent) -> bool:
    """Whether the service is the agent's; without a list every one is."""
    ours = PAY_ELEMENTS.of(agent).split()
    return not ours or pay_element in ours
