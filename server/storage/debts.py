"""What an account owes for which period, as of one moment.

The janitor's book says it for accounts that are taken in; what happened since is folded over it
here as the janitor will, and not written. So the answer is the same before the janitor's round and
after it, also for an account that was never taken in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import asyncpg

from server.accounts import ADVANCE, ADVANCE_NAME, AccountView, ServiceDebt
from server.messages import Owed
from server.money import Money
from server.payments.allocation import ANY, Book, allocate
from server.payments.ports import Debts, OutcomeUnknown
from server.storage.accounts import account_view
from server.storage.allocation import read_rules
from server.storage.allocation_events import read_accounts, read_books
from server.storage.catalogue import ServiceRecord, services
from server.storage.connection import Connection, lent
from server.storage.lost import lost_is_unknown

_STATEMENTS_MAX = 2
_WAITING_MAX = 200
_SECONDS = 2.0


class DebtReader:
    """A bulkhead: few look-ups at a time, a bounded queue, and a short patience."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self._at_once = asyncio.Semaphore(_STATEMENTS_MAX)
        self._waiting = 0

    async def read(self, account: str) -> Debts | None:
        """None = no such account, or its entries do not add up. Raises OutcomeUnknown."""
        if self._waiting >= _WAITING_MAX:
            raise OutcomeUnknown("too many debts are being looked up")
        self._waiting += 1
        try:
            async with self._at_once:
                return await self._read(account)
        finally:
            self._waiting -= 1

    @lost_is_unknown
    async def _read(self, account: str) -> Debts | None:
        async with lent(self._pool, _SECONDS) as connection:
            found = await _debts(connection, account, thorough=False)
            return found or await _debts(connection, account, thorough=True)


async def _debts(connection: Connection, number: str, *, thorough: bool) -> Debts | None:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        view = await account_view(connection, number)
        if view is None:
            return None
        catalogue = await services(connection)
        book = await _book(connection, number, thorough=thorough)
    if book is None:
        return None
    debts = Debts(
        _with_debts(view, _by_service(book), book.advance, catalogue), _owed(book, catalogue)
    )
    # The lanes are what decides; a book that missed an event is not shown.
    return (
        debts
        if sum(each.debt.kopecks for each in debts.view.services) == view.debt.kopecks
        else None
    )


async def _book(connection: Connection, number: str, *, thorough: bool) -> Book | None:
    found = await read_accounts(connection, [number], thorough=thorough)
    if not found:
        return (await read_books(connection, [number]))[number]
    (account,) = found
    rules = await read_rules(connection)
    allocated = allocate(account.book, account.events, rules.of(account.company))
    account.move(allocated)
    return account.book if account.adds_up() else None


def _by_service(book: Book) -> dict[int, int]:
    """Kopecks owed by service, less what was paid ahead for it."""
    debts: dict[int, int] = {}
    for (service, _), kopecks in book.owed.items():
        debts[service] = debts.get(service, 0) + kopecks
    for left in book.left:
        if left.service != ANY:
            debts[left.service] = debts.get(left.service, 0) - left.kopecks
    return debts


def _with_debts(
    view: AccountView,
    debts: Mapping[int, int],
    advance: int,
    catalogue: Mapping[int, ServiceRecord],
) -> AccountView:
    """The view with the services as the book has them; those that owe nothing stay."""
    by_code = {catalogue[service].code: kopecks for service, kopecks in debts.items()}
    shown = [each for each in view.services if each.service != ADVANCE]
    named = [
        ServiceDebt(record.code, record.name, Money(by_code.get(record.code, 0)))
        for record in catalogue.values()
        if record.code in by_code or any(each.service == record.code for each in shown)
    ]
    ahead = [ServiceDebt(ADVANCE, ADVANCE_NAME, Money(-advance))] if advance else []
    return replace(view, services=(*named, *ahead))


def _owed(book: Book, catalogue: Mapping[int, ServiceRecord]) -> tuple[Owed, ...]:
    return tuple(
        Owed(catalogue[service].code, period, Money(kopecks))
        for (service, period), kopecks in sorted(book.owed.items())
    )
