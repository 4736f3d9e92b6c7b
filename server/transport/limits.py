"""Rates: how many requests an agent may send, how many unknown accounts it may ask for."""

from __future__ import annotations

from collections.abc import Callable

from server.agents import Agent
from server.refusals import Refusal, Refused

_MINUTE_SECONDS = 60.0
_UNLIMITED = 1 << 60


class Rate:
    """What one agent may still ask for in this second; the fast lane takes from `left` itself."""

    __slots__ = ("left", "second", "unknown", "unknown_minute")

    def __init__(self) -> None:
        self.left = 0
        self.second = -1
        self.unknown = 0
        self.unknown_minute = -1


class Rates:
    """Counts by agent in this process; `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rates: dict[str, Rate] = {}

    def of(self, agent: Agent) -> Rate:
        """The agent's own, the same as long as this process lives."""
        rate = self._rates.get(agent.name)
        if rate is None:
            rate = self._rates[agent.name] = Rate()
        return rate

    def renew(self, agent: Agent, rate: Rate) -> None:
        """A new second has a new allowance; without a limit there is always enough."""
        now = self._clock()
        second = int(now)
        if second == rate.second:
            return
        rate.second = second
        minute = int(now / _MINUTE_SECONDS)
        if minute != rate.unknown_minute:
            rate.unknown_minute, rate.unknown = minute, 0
        rate.left = agent.limits.requests_per_second_max or _UNLIMITED
        if self._is_guessing(agent, rate):
            rate.left = 0

    @staticmethod
    def _is_guessing(agent: Agent, rate: Rate) -> bool:
        maximum = agent.limits.unknown_accounts_per_minute_max
        return bool(maximum) and rate.unknown >= maximum

    def admit(self, agent: Agent) -> None:
        """Count one request. Raises Refused(TRY_LATER) above the agent's rate."""
        rate = self.of(agent)
        self.renew(agent, rate)
        if rate.left > 0:
            rate.left -= 1
            return
        what = (
            "unknown accounts a minute" if self._is_guessing(agent, rate) else "requests a second"
        )
        raise Refused(Refusal.TRY_LATER, f"too many {what}")

    def note_unknown_account(self, agent: Agent) -> None:
        """An account was asked for that does not exist."""
        rate = self.of(agent)
        self.renew(agent, rate)
        rate.unknown += 1
        if self._is_guessing(agent, rate):
            rate.left = 0


def _count(counts: dict[str, tuple[int, int]], key: str, period: int) -> int:
    last, count = counts.get(key, (period, 0))
    count = count + 1 if last == period else 1
    counts[key] = (period, count)
    return count


class PeerGuard:
    """Rates by address, for doors that people use: pages ask little, a script asks a lot."""

    _REQUESTS_PER_SECOND_MAX = 50
    _UNKNOWN_PER_MINUTE_MAX = 30
    _PEERS_MAX = 10_000

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._requests: dict[str, tuple[int, int]] = {}
        self._unknown: dict[str, tuple[int, int]] = {}

    def admit(self, agent: Agent, peer: str) -> bool:
        """Whether one more request may come in now."""
        self._forget()
        key = f"{agent.name} {peer}"
        minute, count = self._unknown.get(key, (0, 0))
        if minute == self._minute() and count >= self._UNKNOWN_PER_MINUTE_MAX:
            return False
        return _count(self._requests, key, int(self._clock())) <= self._REQUESTS_PER_SECOND_MAX

    def unknown_account(self, agent: Agent, peer: str) -> None:
        """An account was asked for that does not exist."""
        _count(self._unknown, f"{agent.name} {peer}", self._minute())

    def _forget(self) -> None:
        for counts in (self._requests, self._unknown):
            if len(counts) > self._PEERS_MAX:
                counts.clear()

    def _minute(self) -> int:
        return int(self._clock() / _MINUTE_SECONDS)
