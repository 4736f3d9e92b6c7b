"""What a peer of the fast lane has sent, and how it writes: plain checks among the bytes.

A peer writes all its requests alike; only the question in them differs. What stands around a
question that was read whole and let in is remembered, so the next one is found by two comparisons.
"""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from server.transport.admission import is_among
from server.transport.lane import Lane, Plan, Question
from server.transport.patience import Patient

QUERY_BYTES_MAX = 2048
"""Longer ones are not recognised."""
_TARGET = re.compile(rb"(?:GET|POST) /pay/([A-Za-z0-9_-]+)[? ]")
_VERSION = b" HTTP/1.1\r\n"
_HEAD_END = b"\r\n\r\n"
_NOTHING_BEGINS_SO = b"\0"
_QUERY = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")
"""What a parser of HTTP has nothing to say about: RFC 3986, section 3.4."""
WHOLE: Question = (b"", b"", 0)
"""Not a plain check: a payment and all else that the whole pipeline answers, without aiohttp."""
Read = tuple[Plan, Question, int, bool]
"""Whose request it is, what it asks, where it ends, whether it is a POST."""


class Reading(Patient):
    """The part of a connection that reads; see the module."""

    __slots__ = (
        "_address",
        "_is_asked",
        "_is_proxied",
        "_note",
        "_plan",
        "_plans",
        "_prefix",
        "_question_at",
        "_size",
        "_suffix",
        "_suffix_size",
        "lane",
    )

    def __init__(self, manager: web.Server, lane: Lane, **options: Any) -> None:
        super().__init__(manager, **options)
        self.lane = lane
        self._plans = lane.plans
        self._plan: Plan | None = None
        self._is_proxied = self._is_asked = False
        """Whether a proxy of ours is at the other end; whether the headers say who asks."""
        self._address = ""
        self._unlearn()

    def _begin_with(self, peer: object) -> None:
        """This is who sends: a peer's address as a socket names it."""
        self._address = peer[0] if isinstance(peer, tuple) else ""
        self._is_proxied = is_among(self._address, self.lane.proxies)

    def _look_anew(self) -> None:
        """Nothing is remembered of agents that have changed."""
        if self._plans is not self.lane.plans:
            self._plans = self.lane.plans
            self._unlearn()

    def _read(self, data: bytes, at: int) -> Read | None:
        """The plain request that begins at `at`; None = there is none, or not all of it."""
        plan = self._plan
        if plan is None or not data.startswith((plan.get, plan.post), at):
            plan = self._find_plan(data, at)
            if plan is None:
                return None
        if data.startswith(plan.get, at):
            return self._read_get(plan, data, at)
        return self._read_post(plan, data, at) if data.startswith(plan.post, at) else None

    def _read_get(self, plan: Plan, data: bytes, at: int) -> Read | None:
        target_end = data.find(_VERSION, at)
        block = self._suffix
        if not block or not data.startswith(block, target_end):
            block = self._plain_block(plan, data, target_end)
            if not block:
                return None
            self._learn(plan.get, block, 0, plan.gets)
        query_at = at + len(plan.get)
        question = plan.recognise(data, query_at, target_end)
        if question is None:
            if not _is_plain_query(plan, data[query_at:target_end]):
                return None
            question = WHOLE
        return plan, question, target_end + len(block), False

    def _plain_block(self, plan: Plan, data: bytes, at: int) -> bytes:
        """What follows the target, if the headers are plain and let the peer in; else nothing."""
        end = data.find(_HEAD_END, at) + len(_HEAD_END)
        if at < 0 or end < len(_HEAD_END):
            return b""
        block = data[at:end]
        # With room for the longest plain query, no request with these headers is too long.
        if len(block) + QUERY_BYTES_MAX > self.lane.head_bytes_max:
            return b""
        is_plain = self.lane.is_plain_get(block) and self._may_send(plan, block)
        return block if is_plain else b""

    def _read_post(self, plan: Plan, data: bytes, at: int) -> Read | None:
        body_at = data.find(_HEAD_END, at + len(plan.post) - 2) + len(_HEAD_END)
        if body_at < len(_HEAD_END) or body_at - at > self.lane.head_bytes_max:
            return None
        head = data[at:body_at]
        block = head[len(plan.path) + len(b"POST ") :]
        length = plan.post_length(block)
        end = body_at + length
        if length < 0 or length > self.lane.body_bytes_max or end > len(data):
            return None
        if not self._may_send(plan, block):
            return None
        self._learn(head, b"", len(head) + length, plan.posts)
        return plan, plan.recognise(data, body_at, end) or WHOLE, end, True

    def _may_send(self, plan: Plan, block: bytes) -> bool:
        return not self._is_asked or self.lane.may_send(plan, self._address, block)

    def _find_plan(self, data: bytes, at: int) -> Plan | None:
        """The agent named in the request line, if this peer may speak for it."""
        self._unlearn()
        target = _TARGET.match(data, at)
        plan = self.lane.plans.get(target[1]) if target else None
        if plan is None:
            return None
        self._is_asked = plan.is_guarded or self._is_proxied
        if not self._is_asked and not self.lane.may_send(plan, self._address, b""):
            return None
        self._plan = plan
        return plan

    def _learn(self, prefix: bytes, suffix: bytes, size: int, noted: list[bytes]) -> None:
        """What stands around a question: the same peer sends the same again.

        `size`: of the whole request where it is fixed, else 0.
        """
        self._prefix, self._question_at = prefix, len(prefix)
        self._suffix, self._suffix_size = suffix, len(suffix)
        self._size = size
        self._note = noted.append

    def _unlearn(self) -> None:
        """What lets one agent in says nothing about another."""
        self._plan = None
        self._learn(_NOTHING_BEGINS_SO, b"", 0, [])


def _is_plain_query(plan: Plan, query: bytes) -> bool:
    """Whether aiohttp would hand it over as it stands, and to the pipeline."""
    if len(query) > QUERY_BYTES_MAX or _QUERY.fullmatch(query) is None:
        return False
    return query.decode("ascii").lower() not in plan.codec.documents
