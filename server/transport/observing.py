"""Who is told of every outcome: payments that were accepted leave no time for a logger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from prometheus_client import Counter

from server.agents import Agent
from server.messages import Outcome, PaymentAccepted
from server.protocols import Request
from server.transport import metrics
from server.transport.access_log import AccessLog, Lines
from server.transport.http import observe

PAY = "pay"


class Observer:
    """`observe`, with ready lines and counters for accepted payments."""

    def __init__(self, log: AccessLog, clock: Callable[[], dt.datetime]) -> None:
        self._log = log
        self._clock = clock
        self._kinds: dict[tuple[str, str], tuple[Lines, Counter]] = {}

    def __call__(self, agent: Agent, request: Request, outcome: Outcome) -> None:
        """Count and log one outcome; lines of payments wait for the log's next flush."""
        account = outcome.payment.account if isinstance(outcome, PaymentAccepted) else ""
        if not (account.isascii() and account.isalnum()):
            observe(agent, request, outcome)
            return
        key = (agent.name, request.method)
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = (
                Lines(*key, PAY),
                metrics.REQUESTS.labels(agent.name, PAY, metrics.OK),
            )
        lines, counter = kind
        counter.inc()
        stamp = self._clock().isoformat(timespec="microseconds").replace("+00:00", "Z")
        self._log.add(lines.of([account.encode()], stamp))
