"""Accepted payments are logged and counted as a logger would do it, only cheaper."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from server.messages import Outcome, Payment, PaymentAccepted, PaymentState, RefusedOutcome
from server.money import Money
from server.protocols import Request
from server.refusals import Refusal
from server.transport.access_log import AccessLog
from server.transport.http import observe
from server.transport.observing import Observer
from tests.transport.doors import AGENTS, NOW

AGENT = AGENTS["osmp"]
REQUEST = Request("GET", "/pay/osmp", "command=pay", {}, b"", AGENT, NOW)
PAYMENT = Payment(
    700001, "osmp", "1", "1004217", Money(1045), NOW, NOW, PaymentState.CREDITED, NOW
)  # fmt: skip


@pytest.fixture
def as_json() -> Iterator[None]:
    before = structlog.get_config()
    processors: list[Any] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.add_log_level,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    structlog.configure(processors=processors)
    yield
    structlog.configure(**before)


def observed(outcome: Outcome) -> tuple[list[str], list[Any]]:
    """Lines in the access log, and what a logger was told."""
    written: list[str] = []
    log = AccessLog(written.append)
    with capture_logs() as logged:
        Observer(log, lambda: NOW)(AGENT, REQUEST, outcome)
        assert written == []
        log.flush()
    return written, logged


@pytest.mark.parametrize("is_repeated", [False, True])
def test_a_payments_line_is_the_loggers(as_json: None, is_repeated: bool) -> None:
    outcome = PaymentAccepted(PAYMENT, repeated=is_repeated)
    written: list[str] = []
    log = AccessLog(written.append)
    Observer(log, lambda: NOW)(AGENT, REQUEST, outcome)
    log.flush()
    with capture_logs() as logged:
        observe(AGENT, REQUEST, outcome)
    line = json.loads("".join(written))
    assert line.pop("timestamp") == NOW.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert line.pop("level") == logged[0].pop("log_level")
    assert line == logged[0]
    assert line["operation"] == "pay"
    assert line["account"] == "***217"


@pytest.mark.parametrize(
    "outcome",
    [
        RefusedOutcome(Refusal.ACCOUNT_NOT_FOUND),
        RefusedOutcome(Refusal.PAYMENT_CONFLICT, PAYMENT),
        PaymentAccepted(replace(PAYMENT, account='12"\n')),
        PaymentAccepted(replace(PAYMENT, account="ёё1")),
    ],
    ids=["refused", "conflict", "strange account", "not ASCII"],
)
def test_whatever_else_is_the_loggers_own(outcome: Outcome) -> None:
    written, logged = observed(outcome)
    assert written == []
    assert logged[-1]["event"] == "answered"


def test_every_payment_is_counted_at_once() -> None:
    labels = {"agent": "osmp", "operation": "pay", "outcome": "ok"}
    before = REGISTRY.get_sample_value("kvitok_requests_total", labels) or 0.0
    observer = Observer(AccessLog(lambda text: None), lambda: NOW)
    for _ in range(3):
        observer(AGENT, REQUEST, PaymentAccepted(PAYMENT))
    assert REGISTRY.get_sample_value("kvitok_requests_total", labels) == before + 3
