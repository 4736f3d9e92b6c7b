"""Rates: how many requests an agent may send, how many unknown accounts it may ask for."""

from __future__ import annotations

from collections.abc import Callable

from server.agents import Agent
from server.refusals import Refusal, Refused

_MINUTE_SECONDS = 60.0


class Rates:
    """Counts by agent in this process; `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._requests: dict[str, tuple[int, int]] = {}
        self._unknown: dict[str, tuple[int, int]] = {}

    def admit(self, agent: Agent) -> None:
        """Count one request. Raises Refused(TRY_LATER) above the agent's rate."""
        maximum = agent.limits.requests_per_second_max
        if maximum and _count(self._requests, agent.name, int(self._clock())) > maximum:
            raise Refused(Refusal.TRY_LATER, "too many requests a second")
        maximum = agent.limits.unknown_accounts_per_minute_max
        if maximum and self._unknown_now(agent) >= maximum:
            raise Refused(Refusal.TRY_LATER, "too many unknown accounts a minute")

    def note_unknown_account(self, agent: Agent) -> None:
        """An account was asked for that does not exist."""
        _count(self._unknown, agent.name, self._minute())

    def _unknown_now(self, agent: Agent) -> int:
        minute, count = self._unknown.get(agent.name, (0, 0))
        return count if minute == self._minute() else 0

    def _minute(self) -> int:
        return int(self._clock() / _MINUTE_SECONDS)


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
