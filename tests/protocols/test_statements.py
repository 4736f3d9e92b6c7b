"""Lists of payments: asked for and read by the network as the server writes them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from server.messages import GetStatement, Outcome, PaymentState, RefusedOutcome, Statement
from server.money import Money
from server.protocols import Operation, Response
from server.protocols.agents_side import Listed, Period, networks
from server.refusals import Refusal
from tests.protocols.both_sides import DEMO_FILES, NOW, Sides, sides

every_listing = pytest.mark.parametrize(
    "name",
    [name for name, file in DEMO_FILES.items() if networks()[file.parent.name].statements],
)
PERIOD = Period(NOW - dt.timedelta(days=1), NOW, NOW)


@pytest.mark.parametrize("name", sorted(DEMO_FILES))
def test_a_protocol_that_lists_payments_lists_them_to_its_network(name: str) -> None:
    both = sides(name)
    assert (both.network.statements is not None) is (Operation.STATEMENT in both.codec.operations)


def listed(both: Sides, outcome: Outcome, status: int = 0) -> tuple[Listed, ...] | None:
    assert both.network.statements is not None
    exchange = both.network.statements.ask(PERIOD, both.agent, both.agent_secrets)
    request = both.request(exchange)
    response = both.codec.sign(request, both.codec.encode(request, outcome), both.server_secrets)
    response = replace(response, status=status or response.status)
    return both.network.statements.read(response, both.agent, both.agent_secrets)


@every_listing
def test_a_list_is_asked_for_as_the_server_understands_it(name: str) -> None:
    both = sides(name)
    assert both.network.statements is not None
    request = both.request(both.network.statements.ask(PERIOD, both.agent, both.agent_secrets))
    both.codec.verify(request, both.server_secrets, NOW)
    command = both.codec.decode(request)
    assert isinstance(command, GetStatement)
    assert (command.since, command.until) == (PERIOD.since, PERIOD.until)
    assert not command.ids_only


@every_listing
def test_a_list_is_read_as_it_was_written(name: str) -> None:
    both = sides(name)
    first = both.payment(PaymentState.CREDITED)
    number = both.network.payment_id(18)
    second = replace(first, agent_payment_id=number, amount=Money(5))
    expected = (Listed(first.agent_payment_id, first.amount), Listed(number, Money(5)))
    assert listed(both, Statement((first, second))) == expected
    assert listed(both, Statement(())) == ()


@every_listing
def test_what_is_no_list_is_not_taken_for_an_empty_one(name: str) -> None:
    both = sides(name)
    for refusal in Refusal:
        assert listed(both, RefusedOutcome(refusal)) is None
    assert listed(both, Statement(()), status=502) is None
    assert both.network.statements is not None
    for body in (b"", b"<html>", b"{}", b"null", b"<a/>"):
        response = Response(body, "text/plain")
        assert both.network.statements.read(response, both.agent, both.agent_secrets) is None
