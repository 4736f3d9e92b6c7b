"""What is wrong with an agent as it is configured: an agent with a fault is not served."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from server.agents import Agent
from server.protocols import Codec, Setting, setting_faults, signatures
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


def agent_faults(
    agent: Agent, codecs: Mapping[str, Codec], *, is_sealed: bool = False
) -> tuple[str, ...]:
    """A sentence for each; none when the agent may be served.

    `is_sealed`: its secrets could not be looked at, so nothing is said of them.
    """
    return (
        *_zone_faults(agent.zone),
        *_protocol_faults(agent, codecs),
        *_common_faults(agent),
        *admission.certificate_faults(agent),
        *(() if is_sealed else _secret_faults(agent)),
    )


def secret_names(agent: Agent, codecs: Mapping[str, Codec]) -> tuple[str, ...]:
    """What secrets of this agent may be called."""
    codec = codecs.get(agent.protocol)
    facts = codec.facts if codec else None
    own = (*facts.secrets, *facts.more_secrets) if facts else ()
    return (*own, admission.BASIC_LOGIN, admission.BASIC_PASSWORD)


def _secret_faults(agent: Agent) -> tuple[str, ...]:
    keys = [pair for secrets in agent.secrets for pair in secrets.items()]
    said = [signatures.key_fault(name, value) for name, value in keys]
    return (*filter(None, said), *admission.basic_faults(agent))


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
