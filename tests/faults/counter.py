"""Somebody at the counter: one request at a time, and the answer understood."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.faults.background import Background
from tests.faults.networks import OSMP, Answer, Network, roubles
from tests.faults.proxy import Place
from tests.faults.wire import Line, NoAnswerError

_PATIENCE_SECONDS = 15.0


class Counter:
    """Asks on a new connection each time, so that it may reach any worker."""

    def __init__(self, background: Background, place: Place) -> None:
        self._background = background
        self.place = place

    def ask(self, network: Network, request: bytes) -> Answer | None:
        """None = nothing came."""
        return self._background.run(_ask(self.place, network, request))

    def debt(self, account: str, network: Network = OSMP) -> int | None:
        """What a check shows; None = no debt was shown."""
        answer = self.ask(network, network.check(account))
        return answer.debt if answer else None

    def debts(self, account: str, count: int = 8) -> set[int | None]:
        """What several checks show; with so many no worker is left out."""
        return {self.debt(account) for _ in range(count)}

    def pay(self, key: str, account: str, kopecks: int, network: Network = OSMP) -> Answer | None:
        """One attempt."""
        return self.ask(network, network.pay(key, account, roubles(kopecks)))


async def _ask(place: Place, network: Network, request: bytes) -> Answer | None:
    line = Line(place)
    try:
        return network.read(await line.ask(request, _PATIENCE_SECONDS))
    except NoAnswerError:
        return None
    finally:
        line.close()


def eventually(what: Callable[[], bool], seconds: float = 60.0) -> float:
    """Wait until it is so; how many seconds that took."""
    started = time.monotonic()
    while not what():
        assert time.monotonic() - started < seconds, "it did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - started
