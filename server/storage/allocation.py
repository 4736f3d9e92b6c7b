"""An account as allocation sees it: its lanes, its book, the rules in force for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import asyncpg

from server.payments.allocation import ANY, Book, Event, Line, Rule, Rules, Supplier
from server.storage.connection import Connection

BY_KEY = """
set local jit = off; set local enable_seqscan = off; set local enable_hashjoin = off;
set local enable_mergejoin = off; set local plan_cache_mode = force_generic_plan
"""
"""For a transaction: a batch is looked up row by row through indexes, whatever the planner thinks
of arrays whose length it does not know. Planned once: with fifty partitions planning takes longer
than the work; `offset 0` keeps it a look-up by key in a plan made when the table was empty."""


@dataclass(slots=True)
class Account:
    """One account: its lanes, where it was taken in to, and what happened since."""

    number: str
    company: int | None
    paid_version: int
    paid: dict[int, int]
    """By service."""
    advance: int
    billed_version: int
    charged: Mapping[int, int]
    known: bool
    """It has been taken in before."""
    last_payment: int
    last_charge: int
    taken_at: dt.datetime | None
    newly_billed: bool
    """Its billed lane has moved since; likewise the paid one."""
    newly_paid: bool
    book: Book = field(default_factory=Book)
    events: list[Event] = field(default_factory=list)
    due: list[int] = field(default_factory=list)
    """Rows of allocation_due that are dealt with when this is written."""

    def move(self, lines: Iterable[Line]) -> bool:
        """Lay the lines over the lane: money that named no service leaves the advance."""
        moved = False
        for line in lines:
            if line.rule is not Rule.AS_SAID:
                self.paid[line.service] = self.paid.get(line.service, 0) + line.kopecks
                self.advance -= line.kopecks
                moved = True
        return moved

    def adds_up(self) -> bool:
        """Whether nothing was missed: the book is what the two lanes say, service by service."""
        owed: dict[int, int] = {}
        for (service, _), kopecks in self.book.owed.items():
            owed[service] = owed.get(service, 0) + kopecks
        settled = dict(self.paid)
        for left in self.book.left:
            if left.service != ANY:
                settled[left.service] = settled.get(left.service, 0) - left.kopecks
        services = self.charged.keys() | settled.keys() | owed.keys()
        return self.book.advance == self.advance and all(
            owed.get(s, 0) == self.charged.get(s, 0) - settled.get(s, 0) for s in services
        )


@dataclass(frozen=True, slots=True)
class BookOfRules:
    """What is in force for everybody."""

    suppliers: Mapping[int, Supplier]
    """By service."""
    companies: Mapping[int, Rule]
    """How a management company's accounts are divided."""

    def of(self, company: int | None) -> Rules:
        """For an account of a house that the company manages."""
        return Rules(self.companies.get(company or 0, Rule.OLDEST_FIRST), self.suppliers)


async def read_rules(connection: Connection) -> BookOfRules:
    """As they are now."""
    suppliers = await connection.fetch(
        "select s.id, p.id as supplier, case p.allocation_rule when 'as_said'"
        " then p.allocation_fallback else p.allocation_rule end as rule"
        " from billing.services s join billing.suppliers p on p.id = s.supplier"
    )
    companies = await connection.fetch(
        "select id, allocation_rule from billing.management_companies"
    )
    return BookOfRules(
        {row["id"]: Supplier(row["supplier"], Rule(row["rule"])) for row in suppliers},
        {row["id"]: Rule(row["allocation_rule"]) for row in companies},
    )


def read_line(row: asyncpg.Record) -> Line:
    """A row of ledger.allocation."""
    return Line(
        row["payment_id"],
        row["service"],
        row["period"],
        row["amount_kopecks"],
        Rule(row["rule"]),
    )
