"""What a running demo has in its books, read without starting a command for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from server.cli.context import find_servers, with_connection
from server.messages import PaymentState
from server.reconciliation.intake import RegistrySummary
from server.storage.accounts import account_view
from server.storage.connection import Connection
from server.storage.records import RECORDED, posted
from server.storage.registries import registry
from tests.integration.demo import Demo
from tests.servers import run_now

Found = TypeVar("Found")


def debt(demo: Demo, account: str) -> int:
    """What an account owes, in kopecks."""
    view = _read(demo, lambda connection: account_view(connection, account))
    assert view is not None
    return view.debt.kopecks


def state(demo: Demo, agent: str, number: str) -> PaymentState:
    """Of the payment under an agent's number."""
    row = _read(demo, lambda connection: connection.fetchrow(RECORDED, agent, number))
    assert row is not None
    payment = posted(row).payment
    assert payment is not None
    return payment.state


def registry_of(demo: Demo, number: int) -> RegistrySummary:
    """A registry as it stands."""
    return _read(demo, lambda connection: registry(connection, number))


def _read(demo: Demo, work: Callable[[Connection], Awaitable[Found]]) -> Found:
    return run_now(with_connection(find_servers(demo.directory), work))
