"""A payment at one server, seen by the others: when the push has come, and what they show then.

A worker reads Redis on the connection on which Redis tells it what has changed. So once Redis
holds a payment, and a question asked after that on this connection has come back, the worker has
heard of the payment. An account that nobody has asked for before is such a question. Nothing here
waits for a time to pass.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from server.lookup.snapshot import decode
from tests.faults.networks import OSMP
from tests.freshness.lines import LOST, Team, Worker
from tests.freshness.owed import CHARGE, Owed

if TYPE_CHECKING:
    from tests.freshness.payer import Payer

_FEED_SECONDS = 60.0
_POLL_SECONDS = 0.001
_TRIES = 5
_NO_SUCH_ACCOUNT = "5"
_ANY_SERVICE = ("service", "Услуга", "")


class Across:
    """See the module."""

    def __init__(self, payer: Payer, redis_url: str, seed: int) -> None:
        self._payer = payer
        # Redis closes all connections at times, this one too.
        again = Retry(NoBackoff(), _TRIES)
        self._redis = redis.Redis.from_url(redis_url, retry=again)
        self._catalogue: dict[int, tuple[str, str, str]] = defaultdict(lambda: _ANY_SERVICE)
        self._seed = seed
        self._strangers = 0

    def follow(self, account: Owed, others: list[Team], answered: float) -> None:
        """After an answer at another server than these."""
        payer, seen = self._payer, self._payer.seen
        workers = [worker for team in others for worker in team.reached()]
        for _, shown in self._shown(workers, account):
            seen.early += 1
            seen.early_stale += not account.may_show(shown, account.moment)
            if not account.may_show(shown, 0):
                payer.complain(f"{account.number} shows {shown}, which it never owed")
        if not self._is_in_redis(account):
            seen.by_feed += 1
            if not self._await_feed(account):
                payer.complain(f"{account.number}: Redis was never told")
                return
        told = [worker for worker in workers if self._has_heard(worker, answered)]
        for worker, shown in self._shown(told, account):
            seen.across += 1
            if not account.may_show(shown, account.moment):
                payer.complain(
                    f"{account.number} shows {shown} at another server although the push had come"
                    f" ({worker.pid}), paid {account.paid[-3:]}"
                )

    def _shown(self, workers: list[Worker], account: Owed) -> list[tuple[Worker, int]]:
        """Debts, where any are shown."""
        request = OSMP.check(account.number)
        asked = [worker for worker in workers if self._send(worker, request)]
        found = []
        for worker in asked:
            try:
                answer = OSMP.read(worker.looking(0).receive())
            except LOST:
                self._payer.drop(worker)
                continue
            if answer.debt is not None:
                found.append((worker, answer.debt))
        return found

    def _send(self, worker: Worker, request: bytes) -> bool:
        if not worker.lines:
            return False
        try:
            worker.looking(0).send(request)
        except LOST:
            self._payer.drop(worker)
            return False
        return True

    def _has_heard(self, worker: Worker, answered: float) -> bool:
        """A stranger's account, asked for on the worker's connection to Redis."""
        self._strangers += 1
        request = OSMP.check(f"77{self._seed:03d}{self._strangers:07d}")
        if not self._send(worker, request):
            return False
        line = worker.looking(0)
        try:
            answer = OSMP.read(line.receive())
        except LOST:
            self._payer.drop(worker)
            return False
        if answer.code != _NO_SUCH_ACCOUNT:
            return False
        self._payer.seen.delays.append(line.received - answered)
        return True

    def _is_in_redis(self, account: Owed) -> bool:
        value = self._redis.get(f"a:{account.number}")
        view = decode(value, account.number, self._catalogue) if isinstance(value, bytes) else None
        return view is not None and not (view.debt.kopecks + account.paid[-1]) % CHARGE

    def _await_feed(self, account: Owed) -> bool:
        give_up = time.monotonic() + _FEED_SECONDS
        while time.monotonic() < give_up:
            if self._is_in_redis(account):
                return True
            time.sleep(_POLL_SECONDS)
        return False
