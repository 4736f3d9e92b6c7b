"""A street for tests of the store: four services of three suppliers, accounts as asked for."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import asyncpg

from server.messages import Part, PaymentState
from server.money import Money
from server.payments.allocation import Credited, Line, Rules
from server.payments.ports import Action, Move, Order, Result
from server.sealing import FileSealer
from server.storage.accounts import account_view
from server.storage.allocation import read_line
from server.storage.allocator import Allocator
from server.storage.ledger import PostgresLedger
from server.storage.proof import differences

PAID_AT = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
DAY = dt.date(2026, 11, 24)
NAMES = {1: "heating", 2: "water", 3: "power", 4: "waste"}
_numbers = itertools.count(2_000_001)

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


class Street:
    """A database with four services of three suppliers, and as many accounts as are asked for."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.ledger = PostgresLedger(
            pool, {code: service for service, code in NAMES.items()}, FileSealer(bytes(32))
        )
        self.allocator = Allocator(batch_accounts=3)
        self._keys = itertools.count(1)

    async def settle(self) -> None:
        await self.pool.execute(
            """
            insert into billing.management_companies (name, inn) values ('УК', '7700000000');
            insert into billing.suppliers (name, inn) values
              ('Тепло и вода', '7700000001'), ('Свет', '7700000002'), ('Двор', '7700000003');
            insert into billing.services (code, name, supplier) values ('heating', 'Тепло', 1),
              ('water', 'Вода', 1), ('power', 'Свет', 2), ('waste', 'Двор', 3);
            insert into billing.houses (company, street, building) values (1, 'ул. Мира', '1');
            insert into ledger.agents (name, amount_min_kopecks, amount_max_kopecks)
              values ('osmp', 1, 1500000);
            """
        )

    async def open_account(self) -> str:
        number = str(next(_numbers))
        await self.pool.execute(
            "insert into billing.accounts (number, holder, address, house)"
            " values ($1, 'Иванов Иван', 'ул. Мира, д. 1, кв. 1', 1)",
            number,
        )
        return number

    async def set_rules(self, rules: Rules) -> None:
        division = rules.division.value
        await self.pool.execute(
            "update billing.management_companies set allocation_rule = $1", division
        )
        for service, supplier in ((1, 1), (3, 2)):
            await self.pool.execute(
                "update billing.suppliers set allocation_fallback = $2 where id = $1",
                supplier,
                rules.suppliers[service].order.value,
            )
        # The last service's supplier has no order of its own in these rules: the division's.
        await self.pool.execute(
            "update billing.suppliers set allocation_fallback = $1 where id = 3", division
        )

    async def bill(self, account: str, *charges: tuple[int, dt.date, int]) -> dt.datetime:
        async with self.pool.acquire() as link, link.transaction():
            await link.executemany(
                "insert into billing.charges (account, service, period, amount_kopecks)"
                " values ($1, $2, $3, $4)",
                [(account, NAMES[service], period, sum_) for service, period, sum_ in charges],
            )
            at: dt.datetime = await link.fetchval("select date_trunc('milliseconds', now())")
            return at

    async def pay(
        self, account: str, kopecks: int, parts: dict[int, int] | None = None
    ) -> Credited:
        posted = await self.ledger.post(self._order(account, kopecks, parts or {}))
        assert posted.result is Result.ACCEPTED
        assert posted.payment is not None
        payment = posted.payment
        return Credited(payment.recorded_at, payment.payment_id, kopecks, parts or {})

    async def hold(self, account: str, kopecks: int, parts: dict[int, int]) -> int:
        order = replace(self._order(account, kopecks, parts), valid_seconds=600)
        posted = await self.ledger.post(order)
        assert posted.payment is not None
        assert posted.payment.state is PaymentState.HELD
        return posted.payment.payment_id

    async def confirm(self, payment_id: int) -> None:
        posted = await self.ledger.move(Move(Action.CONFIRM, "osmp", DAY, payment_id=payment_id))
        assert posted.result is Result.ACCEPTED

    def _order(self, account: str, kopecks: int, parts: Mapping[int, int]) -> Order:
        named = tuple(Part(NAMES[s], Money(part)) for s, part in parts.items())
        key = str(next(self._keys))
        return Order("osmp", key, account, Money(kopecks), PAID_AT, DAY, named)

    async def undo(self, payment_id: int) -> dt.datetime:
        posted = await self.ledger.move(Move(Action.CANCEL, "osmp", DAY, payment_id=payment_id))
        assert posted.result is Result.ACCEPTED
        assert posted.payment is not None
        return posted.payment.state_at

    async def allocate(self) -> None:
        while await self.step():
            pass

    async def step(self, allocator: Allocator | None = None) -> int:
        async with self.pool.acquire() as link:
            return await (allocator or self.allocator).step(link)

    async def lines(self, account: str) -> list[Line]:
        rows = await self.pool.fetch(
            "select * from ledger.allocation where account = $1 order by id", account
        )
        return [read_line(row) for row in rows]

    async def debts(self, account: str) -> dict[str, int]:
        async with self.pool.acquire() as link:
            view = await account_view(link, account)
        assert view is not None
        assert sum(each.debt.kopecks for each in view.services) == view.debt.kopecks
        return {each.service: each.debt.kopecks for each in view.services if each.debt}

    async def sound(self) -> None:
        async with self.pool.acquire() as link:
            assert await differences(link) == ()
