"""What an agent of the post office protocol may have set; the README says what each is for."""

from __future__ import annotations

import datetime as dt
from functools import cache

from server.agents import Agent
from server.protocols import Setting
from server.protocols.ws_security import Window

OFF = "off"
REQUIRED = "required"

SIGNATURE = Setting("signature", OFF, (OFF, REQUIRED))
WINDOW_SECONDS = Setting("window_seconds", "300", pattern=r"[1-9][0-9]{1,4}")
AHEAD_SECONDS = Setting("ahead_seconds", "60", pattern=r"0|[1-9][0-9]{0,3}")
ADDRESS_SEARCHES = Setting("address_searches_per_minute", "30", pattern=r"0|[1-9][0-9]{0,4}")
"""Heeded by the desk."""

SETTINGS = (SIGNATURE, WINDOW_SECONDS, AHEAD_SECONDS, ADDRESS_SEARCHES)


def window(agent: Agent) -> Window:
    """How long a token may be used."""
    return _window(WINDOW_SECONDS.of(agent), AHEAD_SECONDS.of(agent))


@cache
def _window(age: str, ahead: str) -> Window:
    return Window(dt.timedelta(seconds=int(age)), dt.timedelta(seconds=int(ahead)))
