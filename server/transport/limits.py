"""Rates: how many requests an agent may send, how many unknown accounts it may ask for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from server.agents import Agent
from server.refusals import Refusal, Refused
from server.transport.connections import subscriber_of

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


class _Counts:
    """How often something happened in the present period, by key."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def of(self, key: str, period: int) -> int:
        """Whoever is asked for is remembered longer."""
        last, count = self._counts.get(key, (period, 0))
        if count:
            self._counts.move_to_end(key)
        return count if last == period else 0

    def add(self, key: str, period: int, keys_max: int) -> int:
        """Once more. With too many keys, the one that was heard of longest ago is forgotten."""
        count = self.of(key, period) + 1
        self._counts[key] = (period, count)
        if len(self._counts) > keys_max:
            self._counts.popitem(last=False)
        return count


class PeerGuard:
    """Rates by subscriber, for doors that people use: pages ask little, a script asks a lot."""

    _REQUESTS_PER_SECOND_MAX = 50
    _UNKNOWN_PER_MINUTE_MAX = 30
    _PEERS_MAX = 10_000

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._requests = _Counts()
        self._unknown = _Counts()

    def admit(self, agent: Agent, peer: str) -> bool:
        """Whether one more request may come in now."""
        key = _key(agent, peer)
        if self._unknown.of(key, self._minute()) >= self._UNKNOWN_PER_MINUTE_MAX:
            return False
        count = self._requests.add(key, int(self._clock()), self._PEERS_MAX)
        return count <= self._REQUESTS_PER_SECOND_MAX

    def unknown_account(self, agent: Agent, peer: str) -> None:
        """An account was asked for that does not exist."""
        self._unknown.add(_key(agent, peer), self._minute(), self._PEERS_MAX)

    def _minute(self) -> int:
        return int(self._clock() / _MINUTE_SECONDS)


def _key(agent: Agent, peer: str) -> str:
    try:
        return f"{agent.name} {subscriber_of(peer)}"
    except ValueError:  # no address: a unix socket
        return f"{agent.name} {peer}"
