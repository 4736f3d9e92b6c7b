"""The billing system beside the payments: charges come in, and an account is closed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import asyncpg

from tests.faults.history import Charge, Closing, now
from tests.faults.payers import Day
from tests.faults.town import CLOSABLE, ORDINARY

LOST = (
    *(OSError, TimeoutError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
)
_STATEMENT_SECONDS = 2.0
_NAME = "billing of the faults"
_KOPECKS = 10_000
_CHARGES_MAX = 1000
_OTHERS = (
    "select count(pg_terminate_backend(pid)) from pg_stat_activity"
    f" where application_name = '{_NAME}' and pid <> pg_backend_pid()"
)


class Billing:
    """Inserts over SQL, past the bad networks; `dsn` is another after a failover."""

    def __init__(self, day: Day, dsn: Callable[[], str]) -> None:
        self._day = day
        self._dsn = dsn
        self._dice = random.Random(f"billing {day.seed}")
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._sent_to: list[str] = []
        """The primary that each charge was sent to."""

    async def work(self) -> None:
        """Until the day is over."""
        service = await self._insist("select code from billing.services order by id limit 1")
        closing_at = now() + self._dice.uniform(0.5, 4.0)
        while not self._day.is_over:
            await self._charge(str(service))
            if now() > closing_at:
                closing_at = float("inf")
                await self._close()
            await asyncio.sleep(self._dice.uniform(0.05, 0.15))

    async def settle(self) -> None:
        """When everything works again: what became of every charge."""
        await self._end_others()
        for charge, sent_to in zip(self._day.history.charges, self._sent_to, strict=True):
            if not charge.is_recorded:
                charge.is_recorded = bool(
                    await self._insist(
                        "select exists (select from billing.charges"
                        " where account = $1 and amount_kopecks = $2)",
                        *(charge.account, charge.kopecks),
                    )
                )
                charge.is_lost = not charge.is_recorded and sent_to != self._dsn()
        if self._connection is not None:
            self._connection.terminate()

    async def _end_others(self) -> None:
        """A statement that is still under way may commit later."""
        while True:
            if not await self._insist(_OTHERS):
                return
            await asyncio.sleep(0.02)

    async def _charge(self, service: str) -> None:
        # The sum is the charge's name too: no two are equal, in other runs neither.
        number = self._day.seed * _CHARGES_MAX + len(self._day.history.charges)
        charge = Charge(self._dice.choice(ORDINARY), _KOPECKS + number, now())
        self._day.history.charges.append(charge)
        self._sent_to.append(self._dsn())
        try:
            await self._execute(
                "insert into billing.charges (account, service, period, amount_kopecks)"
                " values ($1, $2, date_trunc('month', now())::date, $3)",
                *(charge.account, service, charge.kopecks),
            )
        except LOST:
            self._give_up()
        else:
            charge.is_recorded = True
            charge.ended = now()

    async def _close(self) -> None:
        self._day.history.closings.append(Closing(CLOSABLE, now()))
        try:
            await self._execute(
                "update billing.accounts set state = 'closed' where number = $1", CLOSABLE
            )
        except LOST:
            self._give_up()

    async def _insist(self, query: str, *arguments: object) -> object:
        """Again and again; the statement may be executed more than once."""
        while True:
            try:
                return await self._execute(query, *arguments)
            except LOST:
                self._give_up()
                await asyncio.sleep(0.1)

    async def _execute(self, query: str, *arguments: object) -> object:
        async with asyncio.timeout(_STATEMENT_SECONDS):
            if self._connection is None:
                self._connection = await asyncpg.connect(
                    self._dsn(), server_settings={"application_name": _NAME}
                )
            return await self._connection.fetchval(query, *arguments)

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


async def open_accounts(dsn: str) -> None:
    """What an earlier run has closed is opened, now that nobody still pays there."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(
            "update billing.accounts set state = 'active' where number = $1 and state <> 'active'",
            CLOSABLE,
        )
    finally:
        await connection.close()
