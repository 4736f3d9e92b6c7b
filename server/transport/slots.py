"""Requests of the fast lane whose answers are not there yet, or wait for their turn."""

from __future__ import annotations

import time
from typing import Protocol

from server.protocols import Request
from server.refusals import Refused
from server.transport import heads
from server.transport.lane import Lane, Plan, Question

Place = tuple[bytes, int, int]
"""A request's bytes: in, from, to."""

_P = ord("P")
_monotonic = time.monotonic


class Owner(Protocol):
    """The connection."""

    lane: Lane

    def flush(self, now: float) -> None:
        """Send what has its turn; `now` is monotonic."""
        ...


class Slot:
    """One request. Called with what the lookup has found."""

    __slots__ = ("answer", "is_admitted", "owner", "place", "plan", "question", "started")

    def __init__(
        self,
        owner: Owner,
        plan: Plan,
        question: Question,
        place: Place,
        started: float,
        is_admitted: bool,
    ) -> None:
        self.owner = owner
        self.plan = plan
        self.question = question
        self.place = place
        self.started = started
        self.is_admitted = is_admitted
        self.answer = b""

    def find(self, value: bytes | None) -> None:
        """Look the account up, if `value`, what is at hand, is not enough."""
        plan = self.plan
        account, _, amount = self.question
        if amount and not plan.amount_min <= amount <= plan.amount_max:
            self._take_long_way()
        elif value is None:
            self.owner.lane.lookup.fetch(account.decode(), self)
        else:
            self(value or None)

    def __call__(self, found: bytes | Refused | None) -> None:
        """What the lookup has found. Anything but a debt to be shown is for the whole pipeline."""
        plan = self.plan
        if isinstance(found, bytes):
            piece = plan.pieces.make(found)
            if piece is not None:
                data, start, _ = self.place
                is_post = data[start] == _P
                self.answer = self.owner.lane.compose(plan, self.question, piece, is_post=is_post)
                now = _monotonic()
                plan.tally.fetched += 1
                plan.tally.note(now - self.started, 1)
                self.owner.flush(now)
                return
        self._take_long_way()

    def _take_long_way(self) -> None:
        """The whole pipeline, with a request as aiohttp would have handed it over."""
        self.owner.lane.answer_long(
            self.plan, self._request(), self.settle, is_admitted=self.is_admitted
        )

    def settle(self, answer: bytes) -> None:
        """The answer is there; it leaves when it is its turn."""
        self.answer = answer
        self.owner.flush(_monotonic())

    def _request(self) -> Request:
        data, start, end = self.place
        head, _, body = data[start:end].partition(b"\r\n\r\n")
        line, _, _ = head.partition(b"\r\n")
        method, target, _ = line.decode("ascii").split(" ")
        path, _, query = target.partition("?")
        return Request(
            method=method,
            path=path,
            query=query,
            headers=heads.fields(head[len(line) :] + b"\r\n\r\n"),
            body=body,
            agent=self.plan.agent,
            received_at=self.owner.lane.moment,
        )
