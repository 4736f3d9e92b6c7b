"""Rows of many accounts at once: what the workshop's processes do.

What an account's rows say does not depend on how the accounts are divided into batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from server.demo.agents import demo_agents
from server.demo.fixed import write_fixed
from server.demo.houses import houses_for
from server.demo.numbers import FIXED
from server.demo.payments import Cashier
from server.demo.periods import Year
from server.demo.residents import Residents
from server.demo.rows import Rows

_BATCH_ACCOUNTS = 10_000
_BATCHES_MIN = 8


@dataclass(frozen=True, slots=True)
class Town:
    """How many ordinary accounts, and the year behind it."""

    accounts: int
    year: Year

    @property
    def all_accounts(self) -> int:
        """With the fixed ones."""
        return self.accounts + len(FIXED)

    def batches(self) -> list[range]:
        """Places of ordinary accounts; the last batch brings the fixed ones as well."""
        size = max(1, min(_BATCH_ACCOUNTS, self.accounts // _BATCHES_MIN))
        return [
            range(since, min(since + size, self.accounts))
            for since in range(0, max(self.accounts, 1), size)
        ]


def texts_of(town: Town, places: range) -> list[bytes]:
    """One COPY text for each of rows.targets(), in their order."""
    residents, cashier = _writers(town)
    rows = Rows()
    residents.write(rows, places.start, places.stop)
    if places.stop == town.accounts:
        write_fixed(rows, town.year, cashier, town.accounts)
    return rows.texts()


@cache
def _writers(town: Town) -> tuple[Residents, Cashier]:
    cashier = Cashier(demo_agents(), town.year, town.all_accounts)
    return Residents(town.year, houses_for(town.accounts), cashier), cashier
