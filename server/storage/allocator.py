"""The step that allocates: finds accounts with something new, computes their lines, writes them.

New payments are found by their numbers, later events and small charge runs by allocation_due. After
a run too large to name its accounts, and once a day, all accounts are gone through by comparing
versions, which are what decides whether there is anything to do.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from server.payments.allocation import allocate
from server.storage.allocation import Account, BookOfRules, read_rules
from server.storage.allocation_events import read_accounts
from server.storage.allocation_record import Outcome, record
from server.storage.connection import Connection
from server.storage.payment_tail import PaymentTail

BATCH_ACCOUNTS = 256
_STEP = "allocation"
_DUE_ROWS = 2_000
_SWEPT_ACCOUNTS = 5_000
_SWEPT_BATCHES = 4
_STUCK_SECONDS = 600.0
_PORTION_SECONDS = 5.0
_READINGS_MAX = 20
_log = structlog.get_logger("allocation")


class Allocator:
    """A step of the janitor: takes in what happened to accounts, a bounded portion at a time.

    After a payment its account is left alone for `rest_seconds`: people pay their bills one after
    the other, and every change of a lane travels to Redis.
    """

    def __init__(
        self,
        *,
        rest_seconds: float = 0.0,
        batch_accounts: int = BATCH_ACCOUNTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rest_seconds = rest_seconds
        self._batch_accounts = batch_accounts
        self._clock = clock
        self._tail = PaymentTail(_STEP, clock)
        self._stuck: dict[str, float] = {}
        """Accounts whose lanes are not what their entries add up to, and since when."""
        self._resting: deque[tuple[float, int, list[str]]] = deque()
        """When accounts of new payments are to be looked at, and up to where they were read."""
        self._reached = 0
        self._waiting: dict[str, None] = {}
        """Accounts that are to be looked at, the first found first; kept when a portion fails."""

    async def step(self, connection: Connection) -> int:
        """One portion: how many accounts were taken in; 0 = nothing can be done now."""
        until = self._clock() + _PORTION_SECONDS
        while True:
            await self._look_around(connection)
            written = await self._allocate(connection)
            if not self._waiting:
                await self._tail.save(connection, self._reached)
            going_on, swept = await self._sweep(connection)
            written += swept
            if written or not going_on or self._clock() > until:
                return written

    async def _look_around(self, connection: Connection) -> None:
        """Accounts that are announced, and those of new payments."""
        now = self._clock()
        self._stuck = {
            number: since for number, since in self._stuck.items() if now - since < _STUCK_SECONDS
        }
        rows = await connection.fetch(
            "select id, account from ledger.allocation_due"
            " where not account = any($1::text[]) order by id limit $2",
            list(self._stuck),
            _DUE_ROWS,
        )
        runs = [row["id"] for row in rows if not row["account"]]
        if runs:
            await connection.execute(_BEGIN_SWEEP, runs)
        self._waiting |= dict.fromkeys(row["account"] for row in rows if row["account"])
        await self._read_tail(connection, now + self._rest_seconds)
        while self._resting and self._resting[0][0] <= now:
            _, self._reached, accounts = self._resting.popleft()
            self._waiting |= dict.fromkeys(accounts)

    async def _read_tail(self, connection: Connection, due: float) -> None:
        for _ in range(_READINGS_MAX):
            rows = await self._tail.read(connection)
            accounts = [row["account"] for row in rows]
            self._resting.append((due, self._tail.position, accounts))
            if not self._tail.behind:
                return

    async def _allocate(self, connection: Connection) -> int:
        """Those that wait; whoever could not be written because somebody was faster still does."""
        wanted = [number for number in self._waiting if number not in self._stuck]
        self._waiting = dict.fromkeys(wanted)
        if not wanted:
            return 0
        rules = await read_rules(connection)
        count = 0
        for start in range(0, len(wanted), self._batch_accounts):
            batch = wanted[start : start + self._batch_accounts]
            outcomes = await self._outcomes(connection, batch, rules)
            written = await record(connection, outcomes)
            count += len(written)
            late = {each.account.number for each in outcomes} - written
            for number in batch:
                if number not in late:
                    del self._waiting[number]
        return count

    async def _outcomes(
        self, connection: Connection, numbers: Sequence[str], rules: BookOfRules
    ) -> list[Outcome]:
        """What is to be written; an account that does not add up is read thoroughly, once."""
        found = [_outcome(each, rules) for each in await read_accounts(connection, numbers)]
        doubtful = [each.account.number for each in found if not each.account.adds_up()]
        if not doubtful:
            return found
        again = [
            _outcome(each, rules)
            for each in await read_accounts(connection, doubtful, thorough=True)
        ]
        for each in again:
            if not each.account.adds_up():
                _log.error("an account is not what its entries add up to", **each.evidence())
                self._stuck[each.account.number] = self._clock()
        sound = [each for each in found if each.account.adds_up()]
        return sound + [each for each in again if each.account.adds_up()]

    async def _sweep(self, connection: Connection) -> tuple[bool, int]:
        """The next part of going through all accounts: whether that is on; how many were new."""
        row = await connection.fetchrow(_SWEEP)
        if row is not None and not row["number"] and not row["is_old"]:
            return False, 0
        if row is None or not row["number"]:
            await connection.execute(_BEGIN_SWEEP, [])
        window = await connection.fetch(_WINDOW, row["text"] if row else "", _SWEPT_ACCOUNTS)
        stale = [each["account"] for each in window if each["stale"]]
        portion = stale[: self._batch_accounts * _SWEPT_BATCHES]
        self._waiting |= dict.fromkeys(portion)
        written = await self._allocate(connection)
        if len(portion) < len(stale):
            await connection.execute(_CONTINUE_SWEEP, portion[-1])
        elif len(window) == _SWEPT_ACCOUNTS:
            await connection.execute(_CONTINUE_SWEEP, window[-1]["account"])
        else:
            await connection.execute(_END_SWEEP)
        return True, written


def _outcome(account: Account, rules: BookOfRules) -> Outcome:
    owed, left = dict(account.book.owed), list(account.book.left)
    lines = allocate(account.book, account.events, rules.of(account.company))
    return Outcome(account, lines, account.move(lines), owed, left)


_SWEEP = """
select number, text, at < now() - interval '1 day' as is_old from ledger.step_position
 where step = 'allocation sweep'
"""
# 0 = at rest, 1 = going through, 2 = going through and once more after that.
_BEGIN_SWEEP = """
with dealt_with as (delete from ledger.allocation_due where id = any($1::bigint[]))
insert into ledger.step_position as s (step, number) values ('allocation sweep', 1)
on conflict (step) do update
   set number = case s.number when 0 then 1 else 2 end,
       text = case s.number when 0 then '' else s.text end,
       at = case s.number when 0 then now() else s.at end
"""
_CONTINUE_SWEEP = "update ledger.step_position set text = $1 where step = 'allocation sweep'"
_END_SWEEP = """
update ledger.step_position set number = number - 1, text = '', at = now()
 where step = 'allocation sweep'
"""
# An account that was never taken in and whose lanes are as they were made has no news.
_WINDOW = """
select l.account, case when s.account is null then l.version > 1 or b.version > 1
                       else s.paid_version <> l.version or s.billed_version <> b.version
                  end as stale
  from (select account, version from ledger.account_paid where account > $1
         order by account limit $2) l
  join ledger.account_billed b on b.account = l.account
  left join ledger.allocated s on s.account = l.account
 order by l.account
"""
