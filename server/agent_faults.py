"""What is wrong with an agent as it is configured: an agent with a fault is not served."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from server.agents import Agent
from server.protocols import Codec, Setting, setting_faults
from server.transport import admission

_DAY = "([1-9]|[12][0-9]|3[01])"
READING_WINDOW = Setting("reading_window", "1-31", pattern=f"{_DAY}-{_DAY}")
COMMON_SETTINGS = (
    Setting("cancel_after_close", "no", choices=("no", "person", "yes")),
    READING_WINDOW,
    Setting("remember_refusals", "no", choices=("no", "yes")),
    *admission.SETTINGS,
)
"""What an agent of any protocol may set."""


def agent_faults(agent: Agent, codecs: Mapping[str, Codec]) -> tuple[str, ...]:
    """A sentence for each; none when the agent may be served."""
    return (
        *_zone_faults(agent.zone),
        *_protocol_faults(agent, codecs),
        *_common_faults(agent),
        *admission.admission_faults(agent),
    )


def _zone_faults(zone: str) -> tuple[str, ...]:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return (f"there is no time zone {zone!r}",)
    return ()


def _protocol_faults(agent: Agent, codecs: Mapping[str, Codec]) -> tuple[str, ...]:
    common = {setting.name for setting in COMMON_SETTINGS}
    if not agent.protocol:
        strange = sorted(agent.settings.keys() - common)
        return tuple(f"there is no setting {name}" for name in strange)
    codec = codecs.get(agent.protocol)
    if codec is None:
        return (f"there is no protocol {agent.protocol!r}",)
    return setting_faults(codec, agent.settings, common)


def _common_faults(agent: Agent) -> tuple[str, ...]:
    given = [setting for setting in COMMON_SETTINGS if setting.name in agent.settings]
    said = [setting.fault(agent.settings[setting.name]) for setting in given]
    faults = tuple(fault for fault in said if fault)
    return faults or _window_faults(READING_WINDOW.of(agent))


def _window_faults(window: str) -> tuple[str, ...]:
    first, _, last = window.partition("-")
    return () if int(first) <= int(last) else (f"the window {window} is never open",)
