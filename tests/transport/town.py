"""A few accounts in memory, as the near cache has them: at hand, to be asked for, unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from server.accounts import AccountState, AccountView
from server.lookup.glance import Glances, Render
from server.lookup.ready import Pieces, Shelf
from server.lookup.snapshot import billed_half, decode, join, paid_half
from server.payments.ports import PaidLane
from server.refusals import Refusal, Refused

CATALOGUE = {
    1: ("heating", "Отопление", "Гкал"),
    2: ("cold_water", "Холодное водоснабжение", "м³"),
    3: ("electricity", "Электроснабжение", "кВт·ч"),
}
METERS = b"18-004217\t2\t124500\t2025-12-20\nE4217\t3\t8120000\t2025-12-20"
Found = bytes | Refused | None


def snapshot(
    state: AccountState = AccountState.ACTIVE,
    charged: tuple[int, ...] = (820_15, 203_25, 500_00),
    paid: tuple[int, ...] = (0, 0, 0),
    advance: int = 0,
    holder: str = "И*** И. И.",
    meters: bytes = METERS,
) -> bytes:
    """An account with three services."""
    billed = billed_half(
        state.value.encode(),
        holder.encode(),
        "г. Заречный, ул. Садовая, д. 12, кв. ***".encode(),
        (1, 2, 3),
        charged,
        meters,
    )
    return join(1, 1, billed, 1, paid_half((1, 2, 3), paid, advance))


ACCOUNTS = {
    "1004217": snapshot(),
    "0000042": snapshot(charged=(10_01, 0, 0), meters=b""),
    "9000001": snapshot(AccountState.CLOSED),
    "9000002": snapshot(advance=1_773_40),
    "9000003": snapshot(AccountState.SUSPENDED),
    "9000004": snapshot(paid=(820_15, 203_25, 500_00)),
    "9000005": snapshot(holder='ООО "Рога & Копыта" <филиал>'),
    "9000006": snapshot(charged=(10**9, 1, 1)),
    "damaged": snapshot()[:20],
}
BUSY = "8000008"
"""An account of which nobody can tell now."""


class Town:
    """Both what the desk asks and what the fast lane asks; accounts in `cold` are not at hand."""

    def __init__(self, cold: Sequence[str] = (), delay: int = 1) -> None:
        self.accounts = dict(ACCOUNTS)
        self.cold = set(cold)
        self.delay = delay
        """Turns of the loop until a question is answered; 0 = at once."""
        self.trusted = True
        self.keeps = True
        self.asked: list[str] = []
        self.in_flight = self.hits = 0
        self._glances = Glances(CATALOGUE)
        self._shelf = Shelf(1 << 20)
        self._pieces: dict[tuple[str, ...], Pieces] = {}

    # --- the desk's port ---

    async def find(self, number: str) -> AccountView | None:
        if number in self.cold:
            for _ in range(self.delay):
                await asyncio.sleep(0)
        if number == BUSY:
            raise Refused(Refusal.TRY_LATER, "busy")
        value = self.accounts.get(number)
        if value is None:
            return None
        try:
            return decode(value, number, CATALOGUE)
        except ValueError as error:
            raise Refused(Refusal.TRY_LATER, str(error)) from error

    async def publish(self, lanes: Sequence[PaidLane]) -> None:
        """The fake ledger's balances are not shown by checks."""

    # --- the fast lane's ---

    def is_trusted(self, now: float) -> bool:
        return self.trusted

    def at_hand(self, number: str) -> bytes | None:
        if number in self.cold or number == BUSY:
            return None
        return self.accounts.get(number, b"")

    def note_hits(self, count: int) -> None:
        self.hits += count

    def fetch(self, number: str, asker: Callable[[Found], None]) -> None:
        self.asked.append(number)
        self.in_flight += 1
        self._wait(number, asker, self.delay)

    def _wait(self, number: str, asker: Callable[[Found], None], turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._wait, number, asker, turns - 1)
            return
        self.in_flight -= 1
        found: Found = self.accounts.get(number)
        asker(Refused(Refusal.TRY_LATER, "busy") if number == BUSY else found)

    def pieces(self, dialect: tuple[str, ...], render: Render, with_meters: bool) -> Pieces:
        if dialect not in self._pieces:
            self._pieces[dialect] = self._shelf.add(
                lambda value: self._glances.show(value, render, with_meters)
            )
        return self._pieces[dialect]
