"""An agent: whoever talks to us, with its protocol, credentials, limits and dialect settings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from server.money import ZERO, Money


@dataclass(frozen=True, slots=True)
class Limits:
    """What one payment, and one agent, may do."""

    amount_min: Money
    amount_max: Money
    requests_per_second_max: int = 0
    """0 = unlimited."""
    unknown_accounts_per_minute_max: int = 0
    """0 = unlimited; stops the enumeration of accounts."""
    account_day_max: Money = ZERO
    """For one account on one business day; 0 = unlimited."""
    hour_max: Money = ZERO
    """Altogether in one hour of the clock; 0 = unlimited."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One counterparty. `settings` are the dialect switches that the protocol's README names."""

    name: str
    protocol: str
    """The protocol folder's name; empty for agents without an online protocol."""
    zone: str
    """IANA zone in which its dates are written and its business day is counted."""
    limits: Limits
    title: str = ""
    allow_list: tuple[IPv4Network | IPv6Network, ...] = ()
    """Empty = nobody."""
    secrets: tuple[Mapping[str, str], ...] = ()
    """Valid sets of secrets, the current one first; two during a rotation."""
    settings: Mapping[str, str] = field(default_factory=dict)
    cut_off: dt.time = dt.time(0, 0)
    """The business day ends at this local time (00:00 = midnight)."""
    match_window_days: int = 3
    """How many days apart a registry row and an online payment may be and still be one."""
    settlement_days: int = 1
    """Working days after a business day within which its money has to be with us."""
    paused: bool = False

    def setting(self, name: str, default: str) -> str:
        """A dialect setting, or the protocol's documented default."""
        return self.settings.get(name, default)
