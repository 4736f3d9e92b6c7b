"""Requests that nobody should send, and every outcome that an answer may be asked for."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TypeVar

from hypothesis import strategies as st

from server.accounts import AccountState, AccountView, ServiceDebt
from server.agents import Agent
from server.messages import (
    AccountChecked,
    AccountsFound,
    BatchItem,
    BatchPaid,
    DayShown,
    Outcome,
    Owed,
    Payment,
    PaymentAccepted,
    PaymentCancelled,
    PaymentHeld,
    PaymentState,
    PaymentStatus,
    ReadingResult,
    ReadingsTaken,
    RefusedOutcome,
    SecretChanged,
    Statement,
)
from server.money import Money
from server.offices import DayClosed, DayDiffers, OfficeDifference, OfficeTotal
from server.protocols import Request
from server.refusals import Refusal

Thing = TypeVar("Thing")
_RECEIVED_AT = dt.datetime(2026, 1, 15, 7, 20, 31, tzinfo=dt.UTC)
_CONTENT_TYPES = (
    *("application/x-www-form-urlencoded", "text/xml; charset=utf-8", "application/soap+xml"),
    *("application/json", "", "\xff"),
)
# What finds holes in parsers of forms, XML and numbers more often than random text does.
_NASTY = (
    *("%", "%00", "%FF", "&", "=", "+", ";", "<", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "&b;", "]]>"),
    *("1e3", "10,5", "10.005", "-1", "9" * 25, "\0", "\ud800", "\ufeff", "٣", "NaN", "  "),
    *("<?xml version='1.0' encoding='utf-16'?>", "<a/>", "' OR 1=1", "command=pay", "ACTION=check"),
)


def junk_requests(agent: Agent) -> st.SearchStrategy[Request]:
    """Requests of any method whose query, headers and body are junk."""
    text = st.one_of(st.text(), st.lists(st.sampled_from(_NASTY)).map("".join))
    return st.builds(
        Request,
        method=st.sampled_from(("GET", "POST", "PUT", "HEAD", "")),
        path=st.just(f"/pay/{agent.name}"),
        query=text,
        headers=st.fixed_dictionaries(
            {}, optional={"content-type": st.sampled_from(_CONTENT_TYPES)}
        ),
        body=st.one_of(st.binary(), text.map(lambda it: it.encode("utf-8", "surrogatepass"))),
        agent=st.just(agent),
        received_at=st.just(_RECEIVED_AT),
    )


@st.composite
def mutated(draw: st.DrawFn, request: Request) -> Request:
    """The request with one piece of its query or body cut out, doubled or replaced."""
    insertion = draw(st.one_of(st.sampled_from(_NASTY), st.text(max_size=4)))
    if request.body:
        inserted = insertion.encode("utf-8", "surrogatepass")
        start, end, doubled = draw(_cuts(len(request.body)))
        body = request.body
        return replace(request, body=body[:start] + inserted + body[start if doubled else end :])
    start, end, doubled = draw(_cuts(len(request.query)))
    query = request.query
    return replace(request, query=query[:start] + insertion + query[start if doubled else end :])


@st.composite
def _cuts(draw: st.DrawFn, length: int) -> tuple[int, int, bool]:
    start = draw(st.integers(0, length))
    end = draw(st.integers(start, min(length, start + 30)))
    return start, end, draw(st.booleans())


def outcomes() -> st.SearchStrategy[Outcome]:
    """Every kind of outcome, with texts and sums of any kind."""
    payments = _payments()
    results = st.lists(
        st.builds(ReadingResult, st.text(), st.none() | st.sampled_from(Refusal)), max_size=3
    ).map(tuple)
    refused = st.builds(RefusedOutcome, st.sampled_from(Refusal), st.none() | payments, st.text())
    return st.one_of(
        st.builds(AccountChecked, views(), st.none() | _few(_owed())),
        st.builds(PaymentAccepted, payments, st.booleans()),
        st.builds(PaymentHeld, payments, st.booleans()),
        st.builds(PaymentCancelled, payments, st.booleans()),
        st.builds(PaymentStatus, payments),
        st.builds(Statement, _few(payments)),
        st.builds(ReadingsTaken, results),
        st.just(SecretChanged()),
        st.builds(AccountsFound, _few(views()), st.booleans()),
        _batches(payments, refused),
        _days(payments),
        refused,
    )


def _batches(
    payments: st.SearchStrategy[Payment], refused: st.SearchStrategy[RefusedOutcome]
) -> st.SearchStrategy[Outcome]:
    paid = st.builds(PaymentAccepted, payments, st.booleans())
    items = _few(st.builds(BatchItem, st.text(max_size=20), paid | refused))
    return st.builds(BatchPaid, st.text(max_size=20), items)


def _days(payments: st.SearchStrategy[Payment]) -> st.SearchStrategy[Outcome]:
    days = st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31))
    total = st.builds(OfficeTotal, st.text(max_size=20), st.integers(0, 10**6), _money())
    some = st.none() | total
    totals = _few(total)
    differences = _few(st.builds(OfficeDifference, st.text(max_size=20), some, some))
    perhaps = st.none() | _moments()
    return st.one_of(
        st.builds(DayClosed, days, _moments(), st.integers(1, 2**63 - 1), totals, differences),
        st.builds(DayDiffers, days, totals, differences, perhaps),
        st.builds(DayShown, days, perhaps, totals, _few(payments), st.booleans()),
    )


def _few(each: st.SearchStrategy[Thing]) -> st.SearchStrategy[tuple[Thing, ...]]:
    return st.lists(each, max_size=3).map(tuple)


def _owed() -> st.SearchStrategy[Owed]:
    months = st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31)).map(
        lambda day: day.replace(day=1)
    )
    return st.builds(Owed, st.text(max_size=20), months, _money())


def _money() -> st.SearchStrategy[Money]:
    return st.integers(-(10**15), 10**15).map(Money)


def _moments() -> st.SearchStrategy[dt.datetime]:
    return st.datetimes(
        dt.datetime(2000, 1, 2),  # noqa: DTZ001
        dt.datetime(2099, 12, 30),  # noqa: DTZ001
        timezones=st.just(dt.UTC),
    )


def _payments() -> st.SearchStrategy[Payment]:
    return st.builds(
        Payment,
        payment_id=st.integers(1, 2**63 - 1),
        agent=st.just("agent"),
        agent_payment_id=st.text(max_size=20),
        account=st.text(max_size=30),
        amount=_money(),
        paid_at=_moments(),
        recorded_at=_moments(),
        state=st.sampled_from(PaymentState),
        state_at=_moments(),
        readings=st.just(()),
        held_at=st.none() | _moments(),
        credited_at=st.none() | _moments(),
        reason=st.text(max_size=20),
        terminal=st.text(max_size=20),
        business_day=st.none() | st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31)),
    )


def views() -> st.SearchStrategy[AccountView]:
    """Accounts with texts and sums of any kind."""
    text = st.text(st.characters(exclude_categories=()), max_size=20)
    services = st.builds(ServiceDebt, text, text, _money())
    return st.builds(
        AccountView,
        account=st.text(max_size=30),
        state=st.sampled_from(AccountState),
        holder=text,
        address=text,
        charged=_money(),
        paid=_money(),
        version=st.integers(0, 2**32 - 1),
        services=st.lists(services, max_size=4).map(tuple),
        meters=st.just(()),
    )
